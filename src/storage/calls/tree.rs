//! A call with all that it led to, and the calls above it.

use std::collections::HashMap;

use alkhub_core::CallError;
use sea_orm::{ColumnTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect, Statement};

use super::{Row, key, packed};
use crate::storage::{
    Database,
    entity::calls::{Column, Entity},
    error::within,
};
use uuid::Uuid;

/// Deeper trees are cut off; calls are nested less deep than this.
const DEEPEST: i32 = 64;

/// Calls below a call, at most so many and one: parents before their children, children in the order in which they were
/// made. Where it is a root, all calls of its tree; else those that hang on it.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn tree(database: &Database, top: &Row, most: u64) -> Result<Vec<Row>, CallError> {
    let most = i64::try_from(most.saturating_add(1)).unwrap_or(i64::MAX);
    if top.parent_id.is_none() {
        let text = "SELECT * FROM calls WHERE root_id = $1 AND parent_id IS NOT NULL LIMIT $2";
        return packed::all(database, text, vec![top.id.clone().into(), most.into()]).await;
    }
    let text = "WITH RECURSIVE below(id, level) AS (\
            SELECT id, 0 FROM calls WHERE id = $1 \
            UNION ALL \
            SELECT c.id, below.level + 1 FROM below JOIN calls c ON c.root_id = $2 AND c.parent_id = below.id \
            WHERE below.level < $3) \
        SELECT calls.* FROM below JOIN calls ON calls.id = below.id WHERE below.level > 0 LIMIT $4";
    let values = vec![top.id.clone().into(), top.root_id.clone().into(), DEEPEST.into(), most.into()];
    packed::all(database, text, values).await
}

/// The call itself and those above it; the root comes first.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn path(database: &Database, id: Uuid) -> Result<Vec<Row>, CallError> {
    let text = "WITH RECURSIVE above(id, parent_id, level) AS (\
            SELECT id, parent_id, 0 FROM calls WHERE id = $1 \
            UNION ALL \
            SELECT c.id, c.parent_id, above.level + 1 FROM above JOIN calls c ON c.id = above.parent_id \
            WHERE above.level < $2) \
        SELECT calls.* FROM above JOIN calls ON calls.id = above.id ORDER BY above.level DESC";
    let values = [key(id).into(), DEEPEST.into()];
    let statement = Statement::from_sql_and_values(database.backend(), text, values);
    within(Row::find_by_statement(statement).all(database.read().await?)).await
}

/// A call and those below it: parents before their children, children in the order in which they were made.
#[must_use]
pub fn in_order(top: Row, below: Vec<Row>) -> Vec<Row> {
    let mut children: HashMap<Vec<u8>, Vec<Row>> = HashMap::with_capacity(below.len());
    for row in below {
        children.entry(row.parent_id.clone().unwrap_or_default()).or_default().push(row);
    }
    for of_one in children.values_mut() {
        // The last comes first off the stack.
        of_one.sort_unstable_by(|one, other| (other.ordinal, &other.id).cmp(&(one.ordinal, &one.id)));
    }
    let mut ordered = Vec::new();
    let mut stack = vec![top];
    while let Some(row) = stack.pop() {
        stack.extend(children.remove(&row.id).unwrap_or_default());
        ordered.push(row);
    }
    ordered
}

/// Calls of a tree that were written since a moment: at most so many after the first so many.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn changed(
    database: &Database,
    root: &[u8],
    since: i64,
    offset: u64,
    most: u64,
) -> Result<Vec<Row>, CallError> {
    let mut rows = Vec::new();
    if offset == 0 {
        let top = Entity::find_by_id(root.to_vec()).filter(Column::ChangedAt.gte(since));
        rows.extend(within(top.one(database.read().await?)).await?);
    }
    let below = Entity::find()
        .filter(Column::RootId.eq(root.to_vec()))
        .filter(Column::ParentId.is_not_null())
        .filter(Column::ChangedAt.gte(since))
        .order_by_asc(Column::ChangedAt)
        .order_by_asc(Column::Id)
        .offset(offset.saturating_sub(1))
        .limit(most);
    rows.extend(within(below.all(database.read().await?)).await?);
    Ok(rows)
}
