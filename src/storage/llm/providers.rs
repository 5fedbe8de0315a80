//! Providers of models.

use alkhub_core::CallError;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
};
use serde_json::json;

use super::{Provider, finish, raise};
use crate::storage::{
    Database, Page,
    audit::Actor,
    entity::llm_providers::{ActiveModel, Column, Entity},
    error::{within, within_unless_taken},
    page::decode_cursor,
    time::now_ms,
};

/// What came of a change.
#[derive(Clone, Debug, PartialEq)]
pub enum Changed {
    /// It is stored like this.
    Done(Provider),
    /// Another provider has the name.
    NameTaken,
    /// There is no such provider.
    NotFound,
}

/// Stores a new provider.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn add(database: &Database, actor: &Actor, mut provider: Provider) -> Result<Changed, CallError> {
    let tx = database.begin().await?;
    provider.revision = raise(&tx).await?;
    let insert = Entity::insert(ActiveModel::from(provider.clone()));
    if within_unless_taken(Box::pin(insert.exec_without_returning(&tx))).await?.is_none() {
        return Ok(Changed::NameTaken);
    }
    let told = json!({ "kind": provider.kind });
    finish(tx, actor, "provider.create", &provider.name, &told).await?;
    Ok(Changed::Done(provider))
}

/// The provider of this name.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn get(database: &Database, name: &str) -> Result<Option<Provider>, CallError> {
    within(Entity::find().filter(Column::Name.eq(name)).one(database.read().await?)).await
}

/// Providers by name.
///
/// # Errors
/// VALIDATION_ERROR for a bad cursor, UNAVAILABLE or EXECUTION_ERROR.
pub async fn list(
    database: &Database,
    cursor: Option<&str>,
    limit: u64,
) -> Result<Page<Provider>, CallError> {
    let mut query = Entity::find().order_by_asc(Column::Name).limit(limit.saturating_add(1));
    if let Some(cursor) = cursor {
        query = query.filter(Column::Name.gt(decode_cursor(cursor)?));
    }
    let items = within(query.all(database.read().await?)).await?;
    Ok(Page::of(items, limit, |provider: &Provider| provider.name.clone()))
}

/// Changes a provider.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn update(
    database: &Database,
    actor: &Actor,
    name: &str,
    change: impl FnOnce(&mut Provider) + Send,
) -> Result<Changed, CallError> {
    let tx = database.begin().await?;
    let revision = raise(&tx).await?;
    let found = within(Entity::find().filter(Column::Name.eq(name)).lock_exclusive().one(&tx)).await?;
    let Some(mut provider) = found else { return Ok(Changed::NotFound) };
    change(&mut provider);
    (provider.revision, provider.updated_at) = (revision, now_ms());
    within(provider.clone().into_active_model().reset_all().update(&tx)).await?;
    finish(tx, actor, "provider.update", name, &json!({})).await?;
    Ok(Changed::Done(provider))
}

/// Removes a provider; whether there was one.
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
    finish(tx, actor, "provider.delete", name, &json!({})).await?;
    Ok(Some(revision))
}
