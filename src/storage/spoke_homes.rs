//! Which process each spoke is connected to. Every change raises one counter, whose value is the epoch of the newest
//! connection and tells at the same time whether anything has changed. Rows of processes that are gone do not count.
//! What comes and goes is told in the log of events by the same transaction.

use alkhub_core::CallError;
use sea_orm::{
    ColumnTrait, Condition, DatabaseTransaction, EntityTrait, FromQueryResult, QueryFilter, QuerySelect,
    QueryTrait,
    sea_query::{CaseStatement, Expr, ExprTrait, OnConflict},
};
use serde_json::json;

use super::{
    Database,
    entity::{
        hub_state, nodes as node,
        spoke_homes::{ActiveModel, Column, Entity, Model},
    },
    error::within,
    events::{self, New},
    nodes,
};

const COUNTER: &str = "spoke_epoch";

/// Type of the event that tells that a spoke has registered.
pub const CONNECTED: &str = "spoke.connected";
/// Type of the event that tells that a spoke is gone.
pub const DISCONNECTED: &str = "spoke.disconnected";

/// Where a spoke is, and what it offers.
pub type Home = Model;

/// A home as it is read: whole where it is new to the reader.
#[derive(Clone, Debug, FromQueryResult)]
pub struct Seen {
    /// Id of the spoke.
    pub spoke_id: String,
    /// Id of the process that it is connected to.
    pub node_id: String,
    /// Of its connection; grows with every registration.
    pub epoch: i64,
    /// The key that it connected with.
    pub key_id: String,
    /// What kind of machine it is.
    pub spoke_type: String,
    /// Milliseconds since the Unix epoch.
    pub connected_at: i64,
    /// Descriptions of its operations, a JSON array; `None` where they are as they were at the revision asked about.
    pub operations: Option<String>,
    /// Free data, a JSON object; `None` also where it is as it was.
    pub metadata: Option<String>,
}

/// All that is known of homes.
pub struct Homes {
    /// Value of the counter; the list is at least as new.
    pub revision: i64,
    /// The processes that live.
    pub nodes: Vec<String>,
    /// The homes, also of processes that do not live; `None` where nothing has changed since the revision asked about.
    pub homes: Option<Vec<Seen>>,
}

/// The event that tells of a spoke: what it is, and which connection.
#[must_use]
pub fn event(kind: &str, spoke_id: &str, spoke_type: &str, epoch: i64) -> New {
    let payload = json!({ "spokeId": spoke_id, "spokeType": spoke_type, "epoch": epoch });
    New { kind: kind.to_owned(), payload, ..New::default() }
}

/// Enters a spoke that connects, in place of an older connection; its epoch. `None` where the id belongs to the spoke
/// of another key, which a process that lives holds, unless `any` key's may be replaced.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR. The row may be there all the same, where the answer to the commit was lost.
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
    let (id, epoch) = (home.spoke_id.clone(), home.epoch);
    events::append(&tx, event(CONNECTED, &id, &home.spoke_type, epoch)).await?;
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
    match database.commit_events(tx).await {
        Ok(()) => Ok(Some(epoch)),
        // It may have been committed, and only the answer lost: no other claim has this epoch.
        Err(error) => match within(Entity::find_by_id(id).one(database.read().await?)).await {
            Ok(Some(held)) if held.epoch == epoch => Ok(Some(epoch)),
            _ => Err(error),
        },
    }
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
    let one = Condition::all()
        .add(Column::SpokeId.eq(spoke_id))
        .add(Column::NodeId.eq(node_id))
        .add(Column::Epoch.eq(epoch));
    release_where(database, one).await
}

/// Takes away all spokes of a process.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn release_all(database: &Database, node_id: &str) -> Result<(), CallError> {
    release_where(database, Condition::all().add(Column::NodeId.eq(node_id))).await
}

async fn release_where(database: &Database, which: Condition) -> Result<(), CallError> {
    let tx = database.begin().await?;
    raise(&tx).await?;
    if take_away(&tx, which).await? == 0 {
        // Nothing has changed, and nobody has to look.
        return within(tx.rollback()).await;
    }
    database.commit_events(tx).await
}

/// Reads what there is: the homes only where something has changed since a revision, and of those that have not what
/// tells them from others. `all` counts every process that is in the table as one that lives.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn read(database: &Database, known: Option<i64>, all: bool) -> Result<Homes, CallError> {
    let counter = within(hub_state::Entity::find_by_id(COUNTER).one(database.read().await?)).await?;
    let revision = counter.map_or(0, |counter| counter.value);
    let nodes = if all {
        nodes::entered(database.read().await?).await?
    } else {
        nodes::living(database.read().await?).await?
    };
    let homes = if known == Some(revision) { None } else { Some(since(database, known).await?) };
    Ok(Homes { revision, nodes, homes })
}

/// One statement, and so of one moment.
async fn since(database: &Database, known: Option<i64>) -> Result<Vec<Seen>, CallError> {
    let new = |column: Column| {
        let is_new = Column::Epoch.gt(known.unwrap_or(i64::MIN));
        CaseStatement::new().case(is_new, Expr::col(column))
    };
    let query = Entity::find()
        .select_only()
        .columns([
            Column::SpokeId,
            Column::NodeId,
            Column::Epoch,
            Column::KeyId,
            Column::SpokeType,
            Column::ConnectedAt,
        ])
        .expr_as(new(Column::Operations), "operations")
        .expr_as(new(Column::Metadata), "metadata");
    within(query.into_model::<Seen>().all(database.read().await?)).await
}

/// Takes away the homes in processes that are not in the table of processes any more.
pub(super) async fn sweep(tx: &DatabaseTransaction) -> Result<(), CallError> {
    raise(tx).await?;
    let known = node::Entity::find().select_only().column(node::Column::Id);
    let gone = Expr::col(Column::NodeId).not_in_subquery(QueryTrait::into_query(known));
    take_away(tx, Condition::all().add(gone)).await?;
    Ok(())
}

/// Takes away homes and tells of it; how many they were.
async fn take_away(tx: &DatabaseTransaction, which: Condition) -> Result<usize, CallError> {
    let gone = within(Entity::find().filter(which.clone()).all(tx)).await?;
    if !gone.is_empty() {
        within(Entity::delete_many().filter(which).exec(tx)).await?;
        let told = gone.iter().map(|home| event(DISCONNECTED, &home.spoke_id, &home.spoke_type, home.epoch));
        events::append_all(tx, told).await?;
    }
    Ok(gone.len())
}

async fn raise(tx: &DatabaseTransaction) -> Result<i64, CallError> {
    let raise = hub_state::Entity::update_many()
        .col_expr(hub_state::Column::Value, Expr::col(hub_state::Column::Value).add(1_i64))
        .filter(hub_state::Column::Name.eq(COUNTER));
    within(raise.exec(tx)).await?;
    let counter = within(hub_state::Entity::find_by_id(COUNTER).one(tx)).await?;
    Ok(counter.map_or(0, |counter| counter.value))
}
