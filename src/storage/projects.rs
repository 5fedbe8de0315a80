//! Projects.

use alkhub_core::CallError;
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, TransactionTrait,
    sea_query::{Expr, ExprTrait, LikeExpr},
};

use super::{
    Database, Page,
    entity::projects::{ActiveModel, Column, Entity, Model},
    error::{answer, is_taken},
    page::decode_cursor,
    time::now_ms,
};

/// A repository that agents work on.
pub type Project = Model;

/// What came of writing a project.
#[derive(Clone, Debug, PartialEq)]
pub enum Written {
    /// It is stored like this.
    Done(Project),
    /// Another project has the name.
    NameTaken,
    /// There is no such project.
    NotFound,
    /// It is archived.
    Archived,
}

/// What to change; `None` leaves a property as it is.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// New name.
    pub name: Option<String>,
    /// New repository.
    pub repository: Option<String>,
    /// New description; `Some(None)` removes it.
    pub description: Option<Option<String>>,
}

/// Which projects to list.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only archived ones, or only others.
    pub archived: Option<bool>,
    /// Only those whose name contains this.
    pub name: Option<String>,
}

/// Stores a new project.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn create(
    database: &Database,
    name: String,
    repository: String,
    description: Option<String>,
) -> Result<Written, CallError> {
    let now = now_ms();
    let project = Project {
        id: uuid::Uuid::now_v7().to_string(),
        name,
        repository,
        description,
        archived: false,
        created_at: now,
        updated_at: now,
    };
    let tx = database.begin().await?;
    match Entity::insert(ActiveModel::from(project.clone())).exec_without_returning(&tx).await {
        Ok(_) => {
            tx.commit().await.map_err(answer)?;
            Ok(Written::Done(project))
        }
        Err(error) if is_taken(&error) => Ok(Written::NameTaken),
        Err(error) => Err(answer(error)),
    }
}

/// The project of this id.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn get(database: &Database, id: &str) -> Result<Option<Project>, CallError> {
    Entity::find_by_id(id).one(database.read()).await.map_err(answer)
}

/// Projects by age, oldest first.
///
/// # Errors
/// VALIDATION_ERROR for a bad cursor, UNAVAILABLE or EXECUTION_ERROR.
pub async fn list(
    database: &Database,
    filter: Filter,
    cursor: Option<&str>,
    limit: u64,
) -> Result<Page<Project>, CallError> {
    // Ids are version 7 UUIDs, so their order is that of their age.
    let mut query = Entity::find().order_by_asc(Column::Id).limit(limit.saturating_add(1));
    if let Some(cursor) = cursor {
        query = query.filter(Column::Id.gt(decode_cursor(cursor)?));
    }
    if let Some(archived) = filter.archived {
        query = query.filter(Column::Archived.eq(archived));
    }
    if let Some(name) = filter.name {
        let escaped = name.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        query =
            query.filter(Expr::col(Column::Name).like(LikeExpr::new(format!("%{escaped}%")).escape('\\')));
    }
    let items = query.all(database.read()).await.map_err(answer)?;
    Ok(Page::of(items, limit, |project| project.id.clone()))
}

/// Changes a project that is not archived.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn update(database: &Database, id: &str, change: Change) -> Result<Written, CallError> {
    let tx = database.begin().await?;
    let Some(project) = Entity::find_by_id(id).lock_exclusive().one(&tx).await.map_err(answer)? else {
        return Ok(Written::NotFound);
    };
    if project.archived {
        return Ok(Written::Archived);
    }
    let changed = Project {
        name: change.name.unwrap_or_else(|| project.name.clone()),
        repository: change.repository.unwrap_or_else(|| project.repository.clone()),
        description: change.description.unwrap_or_else(|| project.description.clone()),
        ..project.clone()
    };
    if changed == project {
        return Ok(Written::Done(project));
    }
    store(tx, changed).await
}

/// Takes a project out of use; again changes nothing.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn archive(database: &Database, id: &str) -> Result<Written, CallError> {
    let tx = database.begin().await?;
    match Entity::find_by_id(id).lock_exclusive().one(&tx).await.map_err(answer)? {
        None => Ok(Written::NotFound),
        Some(project) if project.archived => Ok(Written::Done(project)),
        Some(project) => store(tx, Project { archived: true, ..project }).await,
    }
}

async fn store(tx: sea_orm::DatabaseTransaction, project: Project) -> Result<Written, CallError> {
    let project = Project { updated_at: Ord::max(now_ms(), project.updated_at), ..project };
    let row = ActiveModel {
        id: sea_orm::ActiveValue::Unchanged(project.id.clone()),
        name: Set(project.name.clone()),
        repository: Set(project.repository.clone()),
        description: Set(project.description.clone()),
        archived: Set(project.archived),
        updated_at: Set(project.updated_at),
        ..Default::default()
    };
    // A savepoint, so that a taken name leaves a transaction that can still be ended properly.
    let inner = tx.begin().await.map_err(answer)?;
    match Entity::update(row).exec(&inner).await {
        Ok(_) => {
            inner.commit().await.map_err(answer)?;
            tx.commit().await.map_err(answer)?;
            Ok(Written::Done(project))
        }
        Err(error) if is_taken(&error) => Ok(Written::NameTaken),
        Err(error) => Err(answer(error)),
    }
}
