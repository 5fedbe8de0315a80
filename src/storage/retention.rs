//! What is old is deleted from the log of events, from its beginning and a little at a time.

use std::time::Duration;

use alkhub_core::CallError;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, sea_query::Expr};

use super::{
    Database,
    entity::{
        events::{Column, Entity},
        hub_state,
    },
    error::within,
    events::{FLOOR, SEQUENCE},
    time::now_ms,
};

/// Most events that one step deletes: short enough to let writers in between.
pub const STEP: u64 = 500;

/// How much of the log is kept; what goes beyond one of these is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// For so long.
    pub age: Duration,
    /// So many events.
    pub count: u64,
    /// So many bytes, as they are counted when an event is appended.
    pub bytes: u64,
}

/// Deletes at most [`STEP`] of the oldest events that go beyond what is kept. How many; as many as that means that
/// there may be more.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn shorten(database: &Database, keep: Keep) -> Result<u64, CallError> {
    // Looked at first without a lock: most of the time there is nothing to do.
    if cut(database.read().await?, keep).await?.is_none() {
        return Ok(0);
    }
    let tx = database.begin().await?;
    // Two processes that do so at once come one after the other.
    within(hub_state::Entity::find_by_id(FLOOR).lock_exclusive().one(&tx)).await?;
    let Some((floor, last)) = cut(&tx, keep).await? else { return Ok(0) };
    within(Entity::delete_many().filter(Column::Seq.gt(floor)).filter(Column::Seq.lte(last)).exec(&tx))
        .await?;
    let raise = hub_state::Entity::update_many()
        .col_expr(hub_state::Column::Value, Expr::value(last))
        .filter(hub_state::Column::Name.eq(FLOOR));
    within(raise.exec(&tx)).await?;
    within(tx.commit()).await?;
    Ok(u64::try_from(last.saturating_sub(floor)).unwrap_or(0))
}

/// The floor, and the last event that is not kept; `None` where all are.
async fn cut(
    connection: &impl sea_orm::ConnectionTrait,
    keep: Keep,
) -> Result<Option<(i64, i64)>, CallError> {
    let counters = hub_state::Entity::find().filter(hub_state::Column::Name.is_in([SEQUENCE, FLOOR]));
    let counters = within(counters.all(connection)).await?;
    let value = |name| counters.iter().find(|row| row.name == name).map_or(0, |row| row.value);
    let (floor, head) = (value(FLOOR), value(SEQUENCE));
    let oldest = Entity::find()
        .select_only()
        .columns([Column::Seq, Column::CreatedAt, Column::Bytes, Column::TotalBytes])
        .filter(Column::Seq.gt(floor))
        .order_by_asc(Column::Seq)
        .limit(STEP)
        .into_tuple::<(i64, i64, i64, i64)>();
    let oldest = within(oldest.all(connection)).await?;
    let newest = within(Entity::find().filter(Column::Seq.eq(head)).one(connection)).await?;
    let total = newest.and_then(|row| row.total_bytes).unwrap_or(0);
    let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let age = i64::try_from(keep.age.as_millis()).unwrap_or(i64::MAX);
    let since = now_ms().saturating_sub(age);
    let gone = |(sequence, created_at, bytes, up_to): &&(i64, i64, i64, i64)| {
        *created_at < since
            || head.saturating_sub(*sequence) >= signed(keep.count)
            || total.saturating_sub(up_to.saturating_sub(*bytes)) > signed(keep.bytes)
    };
    Ok(oldest.iter().take_while(gone).last().map(|(last, ..)| (floor, *last)))
}
