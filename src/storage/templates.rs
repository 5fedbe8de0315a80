//! Call templates. Who may see one is part of every question, so that nobody learns of those of others.

use alkhub_core::CallError;
use sea_orm::{
    ColumnTrait, EntityTrait, Order, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Condition, Expr, ExprTrait},
};
use serde_json::json;

use super::{
    Database,
    audit::{self, Actor},
    entity::templates::{ActiveModel, Column, Entity, Model},
    error::{within, within_unless_taken},
    time::now_ms,
};

/// A template as it is stored: `definition` is JSON.
pub type Template = Model;

/// On whose behalf something is looked for.
#[derive(Clone, Debug)]
pub enum Viewer {
    /// Of an administrator, who sees all.
    Admin,
    /// Of a key, which sees its own and shared ones.
    Key(String),
    /// Of nobody known, who sees shared ones.
    Nobody,
}

impl Viewer {
    fn sees(&self) -> Condition {
        match self {
            Self::Admin => Condition::all(),
            Self::Key(id) => Condition::any().add(Column::Shared.eq(true)).add(Column::Owner.eq(id)),
            Self::Nobody => Condition::all().add(Column::Shared.eq(true)),
        }
    }
}

/// Stores a template; `None` where the name is taken.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn create(
    database: &Database,
    actor: &Actor,
    name: String,
    description: String,
    shared: bool,
    definition: String,
) -> Result<Option<Template>, CallError> {
    let owner = actor.key_id.clone();
    let template = Template { name, owner, shared, description, definition, created_at: now_ms() };
    let tx = database.begin().await?;
    let insert = Entity::insert(ActiveModel::from(template.clone()));
    if within_unless_taken(Box::pin(insert.exec_without_returning(&tx))).await?.is_none() {
        return Ok(None);
    }
    let told = json!({ "shared": template.shared });
    audit::append(&tx, actor, "template.create", &template.name, &told).await?;
    within(tx.commit()).await?;
    Ok(Some(template))
}

/// The template of this name, if it is seen.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn get(database: &Database, viewer: &Viewer, name: &str) -> Result<Option<Template>, CallError> {
    within(Entity::find_by_id(name).filter(viewer.sees()).one(database.read().await?)).await
}

/// The first templates by name after `after`, as far as they are seen.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn list(
    database: &Database,
    viewer: &Viewer,
    after: Option<&str>,
    limit: u64,
) -> Result<Vec<Template>, CallError> {
    // Byte by byte, as those are ordered that are not stored; Postgres has its own ideas of an order.
    let name = || Expr::cust(if database.system() == "sqlite" { "name" } else { r#"name COLLATE "C""# });
    let mut query = Entity::find().filter(viewer.sees()).order_by(name(), Order::Asc).limit(limit);
    if let Some(after) = after {
        query = query.filter(name().gt(after));
    }
    within(query.all(database.read().await?)).await
}

/// Takes away a template of this owner; what it was.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn delete(
    database: &Database,
    actor: &Actor,
    owner: Option<&str>,
    name: &str,
) -> Result<Option<Template>, CallError> {
    let tx = database.begin().await?;
    let found = within(Entity::find_by_id(name).lock_exclusive().one(&tx)).await?;
    // Another may have taken the name since the owner was asked for.
    let Some(template) = found.filter(|found| found.owner.as_deref() == owner) else { return Ok(None) };
    within(Entity::delete_by_id(name).exec(&tx)).await?;
    audit::append(&tx, actor, "template.delete", name, &json!({})).await?;
    within(tx.commit()).await?;
    Ok(Some(template))
}
