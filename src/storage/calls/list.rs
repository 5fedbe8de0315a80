//! One call, and lists of calls, newest first.

use alkhub_core::CallError;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select,
    sea_query::Expr,
};
use uuid::Uuid;

use super::{Row, Status, first_of, id, key};
use crate::storage::{
    Database, Page,
    entity::calls::{Column, Entity},
    error::within,
    page::decode_cursor,
};

/// Calls that take so long are in an index of their own, in microseconds.
const SLOW: i64 = 1_000_000;

/// Which calls to list.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of this status.
    pub status: Option<Status>,
    /// Of this operation.
    pub operation: Option<String>,
    /// By this key.
    pub identity: Option<String>,
    /// Of this session.
    pub session: Option<String>,
    /// That failed with this code.
    pub error_code: Option<String>,
    /// That took at least so many microseconds.
    pub least_us: Option<i64>,
    /// Not before this moment, in milliseconds since the Unix epoch.
    pub since: Option<i64>,
    /// Before this moment.
    pub until: Option<i64>,
    /// That no other call made.
    pub roots: bool,
}

/// One call.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn get(database: &Database, id: Uuid) -> Result<Option<Row>, CallError> {
    within(Entity::find_by_id(key(id)).one(database.read().await?)).await
}

/// Those of several calls that are kept.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn several(database: &Database, ids: &[Uuid]) -> Result<Vec<Row>, CallError> {
    let wanted = Entity::find().filter(Column::Id.is_in(ids.iter().map(|id| key(*id))));
    within(wanted.all(database.read().await?)).await
}

/// Calls, newest first.
///
/// # Errors
/// VALIDATION_ERROR for a bad cursor, UNAVAILABLE or EXECUTION_ERROR.
pub async fn list(
    database: &Database,
    filter: &Filter,
    cursor: Option<&str>,
    limit: u64,
) -> Result<Page<Row>, CallError> {
    let mut query = query(database, filter).limit(limit.saturating_add(1));
    if let Some(cursor) = cursor {
        let before = Uuid::try_parse(&decode_cursor(cursor)?).map_err(|_| {
            CallError::fault("/cursor", "is not a cursor of this list; take `nextCursor` of a page")
        })?;
        query = query.filter(Column::Id.lt(key(before)));
    }
    let rows = within(query.all(database.read().await?)).await?;
    Ok(Page::of(rows, limit, |row: &Row| id(&row.id).to_string()))
}

/// How the database finds the first page of a list, in its own words. For measurements.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn plan(database: &Database, filter: &Filter, limit: u64) -> Result<String, CallError> {
    let mut statement = query(database, filter).limit(limit).build(database.backend());
    let (word, column) = match database.system() {
        "sqlite" => ("EXPLAIN QUERY PLAN", "detail"),
        _ => ("EXPLAIN", "QUERY PLAN"),
    };
    statement.sql = format!("{word} {}", statement.sql);
    let rows = within(database.read().await?.query_all_raw(statement)).await?;
    let lines = rows.iter().filter_map(|row| row.try_get::<String>("", column).ok());
    Ok(lines.map(|line| format!("  {line}\n")).collect())
}

fn query(database: &Database, filter: &Filter) -> Select<Entity> {
    let mut query = Entity::find().order_by_desc(Column::Id);
    for (column, wanted) in [
        (Column::Operation, &filter.operation),
        (Column::Identity, &filter.identity),
        (Column::Session, &filter.session),
        (Column::ErrorCode, &filter.error_code),
    ] {
        query = query.apply_if(wanted.as_deref(), |query, wanted| query.filter(column.eq(wanted)));
    }
    if let Some(status) = filter.status {
        // As it is, not as a parameter: the index has only what was not completed, and nobody can tell that of a parameter.
        query = query.filter(Expr::cust(format!("status = '{}'", status.as_str())));
        // SQLite has to be told in the index's own words; Postgres would take it for one more reason that few are found.
        if status != Status::Completed && database.system() == "sqlite" {
            query = query.filter(Expr::cust("status <> 'completed'"));
        }
    }
    if let Some(least) = filter.least_us {
        query = query.filter(Column::DurationUs.gte(least));
        if least >= SLOW {
            query = query.filter(Expr::cust("duration_us >= 1000000"));
        }
    }
    query = query.apply_if(filter.since, |query, since| query.filter(Column::Id.gte(first_of(since))));
    query = query.apply_if(filter.until, |query, until| query.filter(Column::Id.lt(first_of(until))));
    if filter.roots {
        query = query.filter(Column::ParentId.is_null());
    }
    query
}
