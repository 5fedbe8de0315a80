//! Which process each spoke is connected to. Every change raises one counter, whose value is the epoch of the newest
//! connection and tells at the same time whether anything has changed. Rows of processes that are gone do not count.

use alkhub_core::CallError;
use sea_orm::{
    ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QuerySelect,
    sea_query::{Expr, ExprTrait, OnConflict},
};

use super::{
    Database,
    entity::{
        hub_state, nodes as node,
        spoke_homes::{ActiveModel, Column, Entity, Model},
    },
    error::within,
    nodes,
};

const COUNTER: &str = "spoke_epoch";

/// Where a spoke is, and what it offers.
pub type Home = Model;

/// All that is known of homes.
pub struct Homes {
    /// Value of the counter; the list is at least as new.
    pub revision: i64,
    /// The processes that live.
    pub nodes: Vec<String>,
    /// The homes, also of processes that do not live; `None` where nothing has changed since the revision asked about.
    pub homes: Option<Vec<Home>>,
}

/// Enters a spoke that connects, in place of an older connection; its epoch. `None` where the id belongs to the spoke
/// of another key, which a process that lives holds, unless `any` key's may be replaced.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn claim(database: &Database, mut home: Home, any: bool) -> Result<Option<i64>, CallError> {
    let tx = database.begin().await?;
    // First: it also makes all that change homes wait for each other.
    home.epoch = raise(&tx).await?;
    let held = within(Entity::find_by_id(home.spoke_id.clone()).one(&tx)).await?;
    if let Some(held) = held.filter(|held| held.key_id != home.key_id && !any) {
        let living = nodes::living(&tx).await?;
        if living.contains(&held.node_id) {
            within(tx.rollback()).await?;
            return Ok(None);
        }
    }
    let epoch = home.epoch;
    let again = OnConflict::column(Column::SpokeId)
        .update_columns([
            Column::NodeId,
            Column::Epoch,
            Column::KeyId,
            Column::SpokeType,
            Column::ConnectedAt,
            Column::Operations,
            Column::Metadata,
        ])
        .to_owned();
    let insert = Entity::insert(ActiveModel::from(home)).on_conflict(again);
    within(insert.exec_without_returning(&tx)).await?;
    within(tx.commit()).await?;
    Ok(Some(epoch))
}

/// Takes away a spoke that has left, unless it is somewhere else by now.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn release(
    database: &Database,
    spoke_id: &str,
    node_id: &str,
    epoch: i64,
) -> Result<(), CallError> {
    let tx = database.begin().await?;
    raise(&tx).await?;
    let gone = Entity::delete_many()
        .filter(Column::SpokeId.eq(spoke_id))
        .filter(Column::NodeId.eq(node_id))
        .filter(Column::Epoch.eq(epoch));
    within(gone.exec(&tx)).await?;
    within(tx.commit()).await
}

/// Reads what there is, the homes only where something has changed since a revision.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn read(database: &Database, known: Option<i64>) -> Result<Homes, CallError> {
    let counter = within(hub_state::Entity::find_by_id(COUNTER).one(database.read())).await?;
    let revision = counter.map_or(0, |counter| counter.value);
    let nodes = nodes::living(database.read()).await?;
    let homes =
        if known == Some(revision) { None } else { Some(within(Entity::find().all(database.read())).await?) };
    Ok(Homes { revision, nodes, homes })
}

/// Takes away the homes in processes that are not in the table of processes any more.
pub(super) async fn sweep(tx: &DatabaseTransaction) -> Result<(), CallError> {
    raise(tx).await?;
    let known = node::Entity::find().select_only().column(node::Column::Id);
    let gone = Entity::delete_many()
        .filter(Expr::col(Column::NodeId).not_in_subquery(sea_orm::QueryTrait::into_query(known)));
    within(gone.exec(tx)).await?;
    Ok(())
}

async fn raise(tx: &DatabaseTransaction) -> Result<i64, CallError> {
    let raise = hub_state::Entity::update_many()
        .col_expr(hub_state::Column::Value, Expr::col(hub_state::Column::Value).add(1_i64))
        .filter(hub_state::Column::Name.eq(COUNTER));
    within(raise.exec(tx)).await?;
    let counter = within(hub_state::Entity::find_by_id(COUNTER).one(tx)).await?;
    Ok(counter.map_or(0, |counter| counter.value))
}
