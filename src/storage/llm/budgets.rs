//! Budgets: how much money a key, a project or a session may spend, in all or in a period.

use alkhub_core::CallError;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect,
};
use serde_json::json;

use super::{Budget, finish, raise};
use crate::storage::{
    Database, Page,
    audit::Actor,
    entity::llm_budgets::{ActiveModel, Column, Entity},
    error::within,
    page::decode_cursor,
    time::now_ms,
};

/// Whose money it is, and in which time.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// `key`, `project` or `session`.
    pub kind: &'a str,
    /// Its id.
    pub subject: &'a str,
    /// `total`, `day` or `month`.
    pub period: &'a str,
}

/// Sets the amount of a budget; what was spent and is reserved stays.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn put(
    database: &Database,
    actor: &Actor,
    place: Place<'_>,
    amount: i64,
) -> Result<(Budget, i64), CallError> {
    let tx = database.begin().await?;
    let revision = raise(&tx).await?;
    let now = now_ms();
    let found = within(Entity::find().filter(at(place)).lock_exclusive().one(&tx)).await?;
    let budget = match found {
        Some(mut budget) => {
            (budget.amount, budget.updated_at) = (amount, now);
            within(budget.clone().into_active_model().reset_all().update(&tx)).await?;
            budget
        }
        None => {
            let budget = Budget {
                id: uuid::Uuid::now_v7().to_string(),
                kind: place.kind.to_owned(),
                subject: place.subject.to_owned(),
                period: place.period.to_owned(),
                amount,
                spent: 0,
                reserved: 0,
                period_start: super::ledger::period_start(place.period, now),
                updated_at: now,
            };
            within(Entity::insert(ActiveModel::from(budget.clone())).exec_without_returning(&tx)).await?;
            budget
        }
    };
    let told = json!({ "kind": place.kind, "period": place.period, "amount": amount });
    finish(tx, actor, "budget.set", place.subject, &told).await?;
    Ok((budget, revision))
}

/// Removes a budget; the revision of the change, if there was one.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn remove(database: &Database, actor: &Actor, place: Place<'_>) -> Result<Option<i64>, CallError> {
    let tx = database.begin().await?;
    let revision = raise(&tx).await?;
    let gone = within(Entity::delete_many().filter(at(place)).exec(&tx)).await?;
    if gone.rows_affected == 0 {
        return Ok(None);
    }
    let told = json!({ "kind": place.kind, "period": place.period });
    finish(tx, actor, "budget.remove", place.subject, &told).await?;
    Ok(Some(revision))
}

/// Budgets by id.
///
/// # Errors
/// VALIDATION_ERROR for a bad cursor, UNAVAILABLE or EXECUTION_ERROR.
pub async fn list(
    database: &Database,
    kind: Option<&str>,
    subject: Option<&str>,
    cursor: Option<&str>,
    limit: u64,
) -> Result<Page<Budget>, CallError> {
    let mut query = Entity::find().order_by_asc(Column::Id).limit(limit.saturating_add(1));
    for (column, wanted) in [(Column::Kind, kind), (Column::Subject, subject)] {
        if let Some(wanted) = wanted {
            query = query.filter(column.eq(wanted));
        }
    }
    if let Some(cursor) = cursor {
        query = query.filter(Column::Id.gt(decode_cursor(cursor)?));
    }
    let items = within(query.all(database.read().await?)).await?;
    Ok(Page::of(items, limit, |budget: &Budget| budget.id.clone()))
}

fn at(place: Place<'_>) -> Condition {
    Condition::all()
        .add(Column::Kind.eq(place.kind))
        .add(Column::Subject.eq(place.subject))
        .add(Column::Period.eq(place.period))
}
