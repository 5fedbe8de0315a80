//! What the LLM proxy keeps: who serves models, under which names, for whom, for how much, and what was used.

pub mod budgets;
pub mod captures;
pub mod ledger;
pub mod models;
pub mod policies;
pub mod providers;
pub mod usage;

use alkhub_core::CallError;
use sea_orm::{
    ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter,
    sea_query::{Expr, ExprTrait},
};
use serde_json::Value;

use super::{
    Database,
    audit::{self, Actor},
    entity::{hub_state, llm_budgets, llm_models, llm_policies, llm_providers},
    error::within,
};

const COUNTER: &str = "llm_revision";

/// A provider as it is stored; `credentials` are sealed, `config` is JSON.
pub type Provider = llm_providers::Model;
/// Another name for models; `targets` is JSON.
pub type Alias = llm_models::Model;
/// What a key may use; `policy` is JSON.
pub type Policy = llm_policies::Model;
/// Money, in billionths of a US dollar.
pub type Budget = llm_budgets::Model;

/// All that processes follow.
#[derive(Clone, Debug, Default)]
pub struct Everything {
    /// Of the newest change.
    pub revision: i64,
    /// All providers.
    pub providers: Vec<Provider>,
    /// All other names.
    pub aliases: Vec<Alias>,
    /// All policies of keys.
    pub policies: Vec<Policy>,
    /// All budgets.
    pub budgets: Vec<Budget>,
}

/// Everything, unless nothing has changed since a revision.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn everything(database: &Database, known: Option<i64>) -> Result<Option<Everything>, CallError> {
    let counter = within(hub_state::Entity::find_by_id(COUNTER).one(database.read().await?)).await?;
    let revision = counter.map_or(0, |counter| counter.value);
    if known == Some(revision) {
        return Ok(None);
    }
    // Read after the counter: all of it is at least as new.
    Ok(Some(Everything {
        revision,
        providers: within(llm_providers::Entity::find().all(database.read().await?)).await?,
        aliases: within(llm_models::Entity::find().all(database.read().await?)).await?,
        policies: within(llm_policies::Entity::find().all(database.read().await?)).await?,
        budgets: within(llm_budgets::Entity::find().all(database.read().await?)).await?,
    }))
}

/// Raises the counter inside the transaction of a change; its new value.
async fn raise(tx: &DatabaseTransaction) -> Result<i64, CallError> {
    let raise = hub_state::Entity::update_many()
        .col_expr(hub_state::Column::Value, Expr::col(hub_state::Column::Value).add(1_i64))
        .filter(hub_state::Column::Name.eq(COUNTER));
    within(raise.exec(tx)).await?;
    let counter = within(hub_state::Entity::find_by_id(COUNTER).one(tx)).await?;
    Ok(counter.map_or(0, |counter| counter.value))
}

/// Ends the transaction of a change, with its entry in the audit log.
async fn finish(
    tx: DatabaseTransaction,
    actor: &Actor,
    action: &str,
    target: &str,
    details: &Value,
) -> Result<(), CallError> {
    audit::append(&tx, actor, action, target, details).await?;
    within(tx.commit()).await
}
