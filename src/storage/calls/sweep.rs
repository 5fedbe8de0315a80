//! Old calls are deleted, a tree at a time, so that no call is left without those above it.

use std::time::Duration;

use alkhub_core::CallError;
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, sea_query::Expr};

use super::first_of;
use crate::storage::{
    Database,
    entity::{
        call_bodies,
        calls::{Column, Entity},
    },
    error::within,
    time::now_ms,
};

/// Trees that one step deletes.
const STEP: u64 = 200;
/// Calls that one step deletes of trees that still run.
const LEAVES: u64 = 1000;

/// How much is kept; what goes beyond one of these is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// For so long after they began.
    pub age: Duration,
    /// So many calls, counted from time to time.
    pub rows: u64,
}

/// The first key that is kept. To find it may mean to count all calls, so it is asked for once for many steps.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn bound(database: &Database, keep: Keep) -> Result<Vec<u8>, CallError> {
    let age = i64::try_from(keep.age.as_millis()).unwrap_or(i64::MAX);
    let before = first_of(now_ms().saturating_sub(age));
    let last = Entity::find().select_only().column(Column::Id).order_by_desc(Column::Id);
    let last = last.offset(keep.rows.saturating_sub(1)).limit(1).into_tuple::<Vec<u8>>();
    let last = within(last.one(database.read().await?)).await?;
    Ok(match last {
        Some(last) => before.max(last),
        None => before,
    })
}

/// Deletes some of what began before a bound; whether there may be more.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn sweep(database: &Database, before: &[u8]) -> Result<bool, CallError> {
    let ended = Column::Status.is_not_in(["pending", "running"]);
    let old = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::Id.lt(before))
        .filter(Column::ParentId.is_null())
        .filter(ended.clone())
        .order_by_asc(Column::Id)
        .limit(STEP);
    let roots: Vec<Vec<u8>> = within(old.into_tuple().all(database.read().await?)).await?;
    let more = roots.len() as u64 == STEP;
    if !roots.is_empty() {
        delete(
            database,
            Condition::all().add(Column::RootId.is_in(roots.clone())).add(Column::ParentId.is_not_null()),
        )
        .await?;
        delete(database, Condition::all().add(Column::Id.is_in(roots))).await?;
    }
    if more {
        return Ok(true);
    }
    // What is old below a root that runs for longer than calls are kept, as a subscription may.
    let runs = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::Id.lt(before))
        .filter(Column::ParentId.is_null())
        .filter(Column::Status.is_in(["pending", "running"]))
        .filter(Expr::cust("status <> 'completed'"))
        .limit(STEP);
    let runs: Vec<Vec<u8>> = within(runs.into_tuple().all(database.read().await?)).await?;
    if runs.is_empty() {
        return Ok(false);
    }
    // Its own children, with what hangs on them, once they have ended.
    let old = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::RootId.is_in(runs))
        .filter(Column::ParentId.is_not_null())
        .filter(Column::Id.lt(before))
        .filter(ended)
        // The newest first: those below go before those above.
        .order_by_desc(Column::Depth)
        .limit(LEAVES);
    let leaves: Vec<Vec<u8>> = within(old.into_tuple().all(database.read().await?)).await?;
    let more = leaves.len() as u64 == LEAVES;
    if !leaves.is_empty() {
        delete(database, Condition::all().add(Column::Id.is_in(leaves))).await?;
    }
    Ok(more)
}

async fn delete(database: &Database, which: Condition) -> Result<(), CallError> {
    use sea_orm::QueryTrait;
    let tx = database.begin().await?;
    let ids = Entity::find().select_only().column(Column::Id).filter(which.clone()).into_query();
    let bodies = call_bodies::Entity::delete_many().filter(call_bodies::Column::Id.in_subquery(ids));
    within(bodies.exec(&tx)).await?;
    within(Entity::delete_many().filter(which).exec(&tx)).await?;
    within(tx.commit()).await
}
