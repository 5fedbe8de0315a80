//! The outbox: events are committed without a number, and are numbered afterwards. docs/events.md says why that makes
//! an order in which nobody misses anything.

use alkhub_core::CallError;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, FromQueryResult, QueryFilter,
    QuerySelect, Statement,
    sea_query::{Expr, ExprTrait},
};

use super::{
    Database,
    entity::{
        events::{Column, Entity},
        hub_state,
    },
    error::within,
    events::SEQUENCE,
    time::now_ms,
};

const PUBLISHED: &str = "event_published";

/// What waits to be numbered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// How many.
    pub events: i64,
    /// For how long the oldest has, in milliseconds.
    pub oldest_ms: i64,
}

#[derive(FromQueryResult)]
struct Found {
    events: i64,
    oldest: Option<i64>,
}

/// What is committed and has no number yet.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn waiting(database: &Database) -> Result<Waiting, CallError> {
    let query = Entity::find()
        .select_only()
        .column_as(Column::Id.count(), "events")
        .column_as(Column::CreatedAt.min(), "oldest")
        .filter(Column::Seq.is_null())
        .into_model::<Found>();
    let found = within(query.one(database.read().await?)).await?;
    Ok(found.map_or_else(Waiting::default, |found| Waiting {
        events: found.events,
        oldest_ms: found.oldest.map_or(0, |oldest| Ord::max(now_ms().saturating_sub(oldest), 0)),
    }))
}

/// Numbers that were given: those after one, so many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbered {
    /// The last number that was given before.
    pub after: i64,
    /// How many.
    pub count: u64,
}

/// Numbers the first so many events that have none; fewer than asked for means that no more wait.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn number(database: &Database, most: u32) -> Result<Numbered, CallError> {
    let tx = database.begin().await?;
    // The lock first: what this transaction numbers, and what it sees, comes after all that an earlier one numbered.
    let counter = hub_state::Entity::find_by_id(SEQUENCE).lock_exclusive();
    let last = within(counter.one(&tx)).await?.map_or(0, |row| row.value);
    let total = total_bytes(&tx, last).await?;
    let numbered = within(tx.execute_raw(numbering(&tx, last, total, most))).await?.rows_affected();
    if numbered > 0 {
        let given = i64::try_from(numbered).unwrap_or(i64::MAX);
        let raise = hub_state::Entity::update_many()
            .col_expr(hub_state::Column::Value, Expr::col(hub_state::Column::Value).add(given))
            .filter(hub_state::Column::Name.eq(SEQUENCE));
        within(raise.exec(&tx)).await?;
    }
    within(tx.commit()).await?;
    Ok(Numbered { after: last, count: numbered })
}

/// The last number up to which all events have been published on the bus.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn published(database: &Database) -> Result<i64, CallError> {
    let row = within(hub_state::Entity::find_by_id(PUBLISHED).one(database.read().await?)).await?;
    Ok(row.map_or(0, |row| row.value))
}

/// Says that events up to this number are published, where all up to `from` were; where it is now.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn move_published(database: &Database, from: i64, to: i64) -> Result<i64, CallError> {
    let tx = database.begin().await?;
    let step = hub_state::Entity::update_many()
        .col_expr(hub_state::Column::Value, Expr::value(to))
        .filter(hub_state::Column::Name.eq(PUBLISHED))
        .filter(hub_state::Column::Value.eq(from));
    let moved = within(step.exec(&tx)).await?.rows_affected > 0;
    within(tx.commit()).await?;
    if moved { Ok(to) } else { published(database).await }
}

/// What all events up to this one count for; from nothing again where it is not kept any more.
async fn total_bytes(tx: &DatabaseTransaction, sequence: i64) -> Result<i64, CallError> {
    let row = within(Entity::find().filter(Column::Seq.eq(sequence)).one(tx)).await?;
    Ok(row.and_then(|row| row.total_bytes).unwrap_or(0))
}

/// In the order of the surrogate id. It is the order in which events were appended, not the one in which their
/// transactions committed; what commits later only gets later numbers.
fn numbering(tx: &DatabaseTransaction, last: i64, total: i64, most: u32) -> Statement {
    const SQL: &str = "UPDATE events SET seq = numbered.seq, total_bytes = numbered.total_bytes FROM (\
        SELECT id, CAST($1 AS BIGINT) + row_number() OVER (ORDER BY id) AS seq, \
        CAST($2 + SUM(bytes) OVER (ORDER BY id) AS BIGINT) AS total_bytes \
        FROM (SELECT id, bytes FROM events WHERE seq IS NULL ORDER BY id LIMIT $3) AS waiting\
        ) AS numbered WHERE events.id = numbered.id";
    Statement::from_sql_and_values(
        tx.get_database_backend(),
        SQL,
        [last.into(), total.into(), i64::from(most).into()],
    )
}
