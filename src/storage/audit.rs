//! Who did what to keys.

use alkhub_core::CallError;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, sea_query::Condition,
};

use super::{
    Database, Page,
    entity::audit_logs::{ActiveModel, Column, Entity, Model},
    error::within,
    page::decode_moment,
    time::now_ms,
};

/// One entry.
pub type Entry = Model;

/// Who acts: the key, and the call by which it does.
#[derive(Clone, Debug, Default)]
pub struct Actor {
    /// Id of the key; `None` for the hub itself.
    pub key_id: Option<String>,
    /// Id of the call.
    pub request_id: Option<String>,
}

/// Which entries to list.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// By this key.
    pub actor: Option<String>,
    /// This action.
    pub action: Option<String>,
    /// On this key.
    pub target: Option<String>,
    /// Not before this moment, in milliseconds since the Unix epoch.
    pub since: Option<i64>,
    /// Before this moment.
    pub until: Option<i64>,
}

/// Writes an entry inside the transaction of what it tells about.
pub(super) async fn append(
    tx: &impl ConnectionTrait,
    actor: &Actor,
    action: &str,
    target: &str,
    details: &serde_json::Value,
) -> Result<(), CallError> {
    let entry = Entry {
        id: uuid::Uuid::now_v7().to_string(),
        at: now_ms(),
        actor: actor.key_id.clone(),
        action: action.to_owned(),
        target: target.to_owned(),
        request_id: actor.request_id.clone(),
        details: details.to_string(),
    };
    within(Entity::insert(ActiveModel::from(entry)).exec_without_returning(tx)).await?;
    Ok(())
}

/// Entries, newest first.
///
/// # Errors
/// VALIDATION_ERROR for a bad cursor, UNAVAILABLE or EXECUTION_ERROR.
pub async fn list(
    database: &Database,
    filter: Filter,
    cursor: Option<&str>,
    limit: u64,
) -> Result<Page<Entry>, CallError> {
    let mut query =
        Entity::find().order_by_desc(Column::At).order_by_desc(Column::Id).limit(limit.saturating_add(1));
    if let Some(cursor) = cursor {
        let (at, id) = decode_moment(cursor)?;
        let behind = Condition::any()
            .add(Column::At.lt(at))
            .add(Condition::all().add(Column::At.eq(at)).add(Column::Id.lt(id)));
        query = query.filter(behind);
    }
    for (column, wanted) in
        [(Column::Actor, filter.actor), (Column::Action, filter.action), (Column::Target, filter.target)]
    {
        if let Some(wanted) = wanted {
            query = query.filter(column.eq(wanted));
        }
    }
    if let Some(since) = filter.since {
        query = query.filter(Column::At.gte(since));
    }
    if let Some(until) = filter.until {
        query = query.filter(Column::At.lt(until));
    }
    let items = within(query.all(database.read().await?)).await?;
    Ok(Page::of(items, limit, |entry| format!("{}:{}", entry.at, entry.id)))
}
