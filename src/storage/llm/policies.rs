//! What keys may use of models.

use alkhub_core::CallError;
use sea_orm::{EntityTrait, sea_query::OnConflict};
use serde_json::Value;

use super::{Policy, finish, raise};
use crate::storage::{
    Database,
    audit::Actor,
    entity::llm_policies::{ActiveModel, Column, Entity},
    error::within,
    time::now_ms,
};

/// Sets the policy of a key; the revision of the change.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn put(database: &Database, actor: &Actor, key_id: &str, policy: &Value) -> Result<i64, CallError> {
    let tx = database.begin().await?;
    let revision = raise(&tx).await?;
    let row = Policy { key_id: key_id.to_owned(), policy: policy.to_string(), updated_at: now_ms() };
    let conflict =
        OnConflict::column(Column::KeyId).update_columns([Column::Policy, Column::UpdatedAt]).to_owned();
    let insert = Entity::insert(ActiveModel::from(row)).on_conflict(conflict);
    within(insert.exec_without_returning(&tx)).await?;
    finish(tx, actor, "llm.allow", key_id, policy).await?;
    Ok(revision)
}

/// The policy of a key.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn get(database: &Database, key_id: &str) -> Result<Option<Policy>, CallError> {
    within(Entity::find_by_id(key_id).one(database.read().await?)).await
}
