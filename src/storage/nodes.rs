//! The processes that share the database. Each says again and again that it lives; whoever does so takes away the rows
//! of those who have not for longer than their lease.

use alkhub_core::CallError;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait, OnConflict, SimpleExpr},
};

use super::{
    Database, Page,
    entity::{
        hub_state,
        nodes::{ActiveModel, Column, Entity, Model},
    },
    error::within,
    page::decode_cursor,
    spoke_homes,
    time::now_ms,
};

const EPOCH: &str = "node_epoch";

/// A process, as it last said.
pub type Node = Model;

impl Node {
    /// When it is forgotten, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn lease_ends_at(&self) -> i64 {
        self.seen_at.saturating_add(self.lease_ms)
    }

    /// Whether it has missed signs of life: two of the three that its lease allows for.
    #[must_use]
    pub fn is_late(&self, now: i64) -> bool {
        now.saturating_sub(self.seen_at) > self.lease_ms / 3 * 2
    }
}

/// Enters a process that starts; its epoch, which is higher than that of any that started before.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn enter(database: &Database, mut node: Node) -> Result<Node, CallError> {
    let tx = database.begin().await?;
    let raise = hub_state::Entity::update_many()
        .col_expr(hub_state::Column::Value, Expr::col(hub_state::Column::Value).add(1_i64))
        .filter(hub_state::Column::Name.eq(EPOCH));
    within(raise.exec(&tx)).await?;
    let counter = within(hub_state::Entity::find_by_id(EPOCH).one(&tx)).await?;
    node.epoch = counter.map_or(0, |counter| counter.value);
    put(&tx, node.clone()).await?;
    within(tx.commit()).await?;
    Ok(node)
}

/// A sign of life. A process that was forgotten by mistake is known again. With `judge` those are taken away whose lease
/// is over.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn beat(database: &Database, node: Node, judge: bool) -> Result<(), CallError> {
    let tx = database.begin().await?;
    put(&tx, node).await?;
    if judge {
        let dead = Entity::delete_many().filter(lease_end().lt(now_ms()));
        if within(dead.exec(&tx)).await?.rows_affected > 0 {
            spoke_homes::sweep(&tx).await?;
            super::calls::lose(&tx).await?;
            return database.commit_events(tx).await;
        }
    }
    within(tx.commit()).await
}

/// Takes away a process that stops.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn leave(database: &Database, id: &str) -> Result<(), CallError> {
    let tx = database.begin().await?;
    within(Entity::delete_by_id(id).exec(&tx)).await?;
    spoke_homes::sweep(&tx).await?;
    super::calls::lose(&tx).await?;
    database.commit_events(tx).await
}

/// Processes whose lease has not ended, in the order in which they started.
///
/// # Errors
/// VALIDATION_ERROR for a bad cursor, UNAVAILABLE or EXECUTION_ERROR.
pub async fn list(database: &Database, cursor: Option<&str>, limit: u64) -> Result<Page<Node>, CallError> {
    let mut query = Entity::find()
        .filter(lease_end().gte(now_ms()))
        .order_by_asc(Column::Epoch)
        .limit(limit.saturating_add(1));
    if let Some(cursor) = cursor {
        let after: i64 = decode_cursor(cursor)?.parse().map_err(|_| {
            CallError::fault("/cursor", "is not a cursor of this list; take `nextCursor` of a page")
        })?;
        query = query.filter(Column::Epoch.gt(after));
    }
    let nodes = within(query.all(database.read().await?)).await?;
    Ok(Page::of(nodes, limit, |node: &Node| node.epoch.to_string()))
}

/// Ids of the processes whose lease has not ended.
pub(super) async fn living(connection: &impl ConnectionTrait) -> Result<Vec<String>, CallError> {
    let ids = Entity::find().filter(lease_end().gte(now_ms())).select_only().column(Column::Id);
    within(ids.into_tuple().all(connection)).await
}

/// Ids of all processes that have not been taken away.
pub(super) async fn entered(connection: &impl ConnectionTrait) -> Result<Vec<String>, CallError> {
    within(Entity::find().select_only().column(Column::Id).into_tuple().all(connection)).await
}

async fn put(tx: &DatabaseTransaction, node: Node) -> Result<(), CallError> {
    let again = OnConflict::column(Column::Id).update_columns([Column::SeenAt, Column::Spokes]).to_owned();
    let insert = Entity::insert(ActiveModel::from(node)).on_conflict(again);
    within(insert.exec_without_returning(tx)).await?;
    Ok(())
}

fn lease_end() -> SimpleExpr {
    Expr::col(Column::SeenAt).add(Expr::col(Column::LeaseMs))
}
