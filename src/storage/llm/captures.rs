//! Prompts and answers of keys that have them recorded, for as long as they are kept.

use alkhub_core::CallError;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};

use crate::storage::{
    Database,
    entity::llm_captures::{ActiveModel, Column, Entity, Model},
    error::within,
    time::now_ms,
};

/// A request and its answer, as texts.
pub type Capture = Model;

/// Stores one.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn add(database: &Database, capture: Capture) -> Result<(), CallError> {
    let tx = database.begin().await?;
    within(Entity::insert(ActiveModel::from(capture)).exec_without_returning(&tx)).await?;
    within(tx.commit()).await
}

/// The one of a request, while it is kept.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn get(database: &Database, id: &str) -> Result<Option<Capture>, CallError> {
    let query = Entity::find_by_id(id).filter(Column::ExpiresAt.gt(now_ms()));
    within(query.one(database.read().await?)).await
}

/// Deletes at most so many whose time is over.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn sweep(database: &Database, most: u64) -> Result<u64, CallError> {
    let over = Entity::find().select_only().column(Column::Id).filter(Column::ExpiresAt.lte(now_ms()));
    let ids: Vec<String> = within(over.limit(most).into_tuple().all(database.read().await?)).await?;
    if ids.is_empty() {
        return Ok(0);
    }
    let tx = database.begin().await?;
    let gone = within(Entity::delete_many().filter(Column::Id.is_in(ids)).exec(&tx)).await?;
    within(tx.commit()).await?;
    Ok(gone.rows_affected)
}
