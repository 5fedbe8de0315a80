//! What requests have used, and sums of it.

use alkhub_core::CallError;
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait, Order},
};

use crate::storage::{
    Database, Page,
    entity::llm_usage::{Column, Entity, Model},
    error::within,
    page::decode_moment,
};

/// What one request has used; `cost` in billionths of a US dollar.
pub type Record = Model;

/// Which requests.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of this key.
    pub key_id: Option<String>,
    /// Of this project.
    pub project: Option<String>,
    /// Of this session.
    pub session: Option<String>,
    /// Of this model, as it was asked for.
    pub model: Option<String>,
    /// Not before this moment, in milliseconds since the Unix epoch.
    pub since: Option<i64>,
    /// Before this moment.
    pub until: Option<i64>,
}

impl Filter {
    fn condition(&self) -> Condition {
        let texts = [
            (Column::KeyId, &self.key_id),
            (Column::Project, &self.project),
            (Column::Session, &self.session),
            (Column::Requested, &self.model),
        ];
        texts
            .into_iter()
            .filter_map(|(column, wanted)| wanted.as_ref().map(|wanted| column.eq(wanted.as_str())))
            .fold(Condition::all(), Condition::add)
            .add_option(self.since.map(|since| Column::At.gte(since)))
            .add_option(self.until.map(|until| Column::At.lt(until)))
    }
}

/// By what requests are summed up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The key.
    Key,
    /// The project.
    Project,
    /// The session.
    Session,
    /// The provider's model.
    Model,
    /// The day, UTC.
    Day,
}

/// A sum of requests.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct Sum {
    /// What they have in common; `None` where they have no project or session.
    pub name: Option<String>,
    /// How many there are.
    pub requests: i64,
    /// Tokens of requests.
    pub input_tokens: i64,
    /// Of these, read from providers' caches.
    pub cached_tokens: i64,
    /// Tokens of answers.
    pub output_tokens: i64,
    /// Billionths of a US dollar.
    pub cost: i64,
}

/// Most lines of a summary.
const LINES: u64 = 1000;

/// Sums, the dearest first, or by day.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn summary(database: &Database, filter: &Filter, by: By) -> Result<Vec<Sum>, CallError> {
    let column = match by {
        By::Key => Column::KeyId,
        By::Project => Column::Project,
        By::Session => Column::Session,
        By::Model => Column::Model,
        By::Day => Column::Day,
    };
    // Postgres sums integers into a type of its own.
    let sum = |column: Column| Expr::expr(Expr::col(column).sum()).cast_as("BIGINT");
    let mut query = Entity::find()
        .select_only()
        .column_as(column, "name")
        .column_as(Column::Id.count(), "requests")
        .column_as(sum(Column::InputTokens), "input_tokens")
        .column_as(sum(Column::CachedTokens), "cached_tokens")
        .column_as(sum(Column::OutputTokens), "output_tokens")
        .column_as(sum(Column::Cost), "cost")
        .filter(filter.condition())
        .group_by(column)
        .limit(LINES);
    query = match by {
        By::Day => query.order_by_asc(Column::Day),
        _ => query.order_by(Column::Cost.sum(), Order::Desc).order_by_asc(column),
    };
    within(query.into_model::<Sum>().all(database.read().await?)).await
}

/// Requests, newest first.
///
/// # Errors
/// VALIDATION_ERROR for a bad cursor, UNAVAILABLE or EXECUTION_ERROR.
pub async fn list(
    database: &Database,
    filter: &Filter,
    cursor: Option<&str>,
    limit: u64,
) -> Result<Page<Record>, CallError> {
    let mut query = Entity::find()
        .filter(filter.condition())
        .order_by_desc(Column::At)
        .order_by_desc(Column::Id)
        .limit(limit.saturating_add(1));
    if let Some(cursor) = cursor {
        let (at, id) = decode_moment(cursor)?;
        let same = Condition::all().add(Column::At.eq(at)).add(Column::Id.lt(id));
        query = query.filter(Condition::any().add(Column::At.lt(at)).add(same));
    }
    let items = within(query.all(database.read().await?)).await?;
    Ok(Page::of(items, limit, |record: &Record| format!("{}:{}", record.at, record.id)))
}

/// Deletes at most so many of the oldest requests from before a moment; how many.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn shorten(database: &Database, before: i64, most: u64) -> Result<u64, CallError> {
    let old = Entity::find().select_only().column(Column::Id).filter(Column::At.lt(before));
    let old = old.order_by_asc(Column::At).order_by_asc(Column::Id).limit(most).into_tuple();
    let ids: Vec<String> = within(old.all(database.read().await?)).await?;
    if ids.is_empty() {
        return Ok(0);
    }
    let tx = database.begin().await?;
    let gone = within(Entity::delete_many().filter(Column::Id.is_in(ids)).exec(&tx)).await?;
    within(tx.commit()).await?;
    Ok(gone.rows_affected)
}
