//! Names that stand for models of providers.

use alkhub_core::CallError;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, sea_query::OnConflict};
use serde_json::Value;

use super::{Alias, finish, raise};
use crate::storage::{
    Database,
    audit::Actor,
    entity::llm_models::{ActiveModel, Column, Entity},
    error::within,
    time::now_ms,
};

/// Sets what a name stands for; the revision of the change.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn put(database: &Database, actor: &Actor, name: &str, targets: &Value) -> Result<i64, CallError> {
    let tx = database.begin().await?;
    let revision = raise(&tx).await?;
    let alias = Alias { name: name.to_owned(), targets: targets.to_string(), updated_at: now_ms() };
    let conflict =
        OnConflict::column(Column::Name).update_columns([Column::Targets, Column::UpdatedAt]).to_owned();
    let insert = Entity::insert(ActiveModel::from(alias)).on_conflict(conflict);
    within(insert.exec_without_returning(&tx)).await?;
    finish(tx, actor, "model.route", name, targets).await?;
    Ok(revision)
}

/// Removes a name; the revision of the change, if there was such a name.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn remove(database: &Database, actor: &Actor, name: &str) -> Result<Option<i64>, CallError> {
    let tx = database.begin().await?;
    let revision = raise(&tx).await?;
    let gone = within(Entity::delete_many().filter(Column::Name.eq(name)).exec(&tx)).await?;
    if gone.rows_affected == 0 {
        return Ok(None);
    }
    finish(tx, actor, "model.remove", name, &Value::Null).await?;
    Ok(Some(revision))
}
