//! Projects. Every change is one transaction together with the event that tells of it.

use alkhub_core::CallError;
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, DatabaseTransaction, DbBackend, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait, Func, SimpleExpr},
};
use serde_json::json;

use super::{
    Database, Page, Receipt,
    entity::projects::{ActiveModel, Column, Entity, Model},
    error::{within, within_unless_taken},
    events::{self, New},
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
    receipt: &Receipt<'_, Project>,
    name: String,
    repository: String,
    description: Option<String>,
) -> Result<Written, CallError> {
    let Some((tx, project)) = begin(database, name, repository, description).await? else {
        return Ok(Written::NameTaken);
    };
    finish(database, tx, receipt, "project.created", project).await
}

/// As [`create`], but tells nobody, which nothing may do in earnest: what an event costs is measured against it.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
#[doc(hidden)]
pub async fn create_silently(
    database: &Database,
    name: String,
    repository: String,
) -> Result<Written, CallError> {
    let Some((tx, project)) = begin(database, name, repository, None).await? else {
        return Ok(Written::NameTaken);
    };
    within(tx.commit()).await?;
    Ok(Written::Done(project))
}

/// A transaction in which a new project is written; `None` where the name is taken.
async fn begin(
    database: &Database,
    name: String,
    repository: String,
    description: Option<String>,
) -> Result<Option<(DatabaseTransaction, Project)>, CallError> {
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
    let insert = Entity::insert(ActiveModel::from(project.clone()));
    Ok(within_unless_taken(Box::pin(insert.exec_without_returning(&tx))).await?.map(|_| (tx, project)))
}

/// The project of this id.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn get(database: &Database, id: &str) -> Result<Option<Project>, CallError> {
    within(Entity::find_by_id(id).one(database.read().await?)).await
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
        query = query.filter(contains(database, name));
    }
    let items = within(query.all(database.read().await?)).await?;
    Ok(Page::of(items, limit, |project| project.id.clone()))
}

/// Changes a project that is not archived.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn update(
    database: &Database,
    receipt: &Receipt<'_, Project>,
    id: &str,
    change: Change,
) -> Result<Written, CallError> {
    let tx = database.begin().await?;
    let Some(project) = within(Entity::find_by_id(id).lock_exclusive().one(&tx)).await? else {
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
    store(database, tx, receipt, "project.updated", changed).await
}

/// Takes a project out of use; again changes nothing.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn archive(
    database: &Database,
    receipt: &Receipt<'_, Project>,
    id: &str,
) -> Result<Written, CallError> {
    let tx = database.begin().await?;
    match within(Entity::find_by_id(id).lock_exclusive().one(&tx)).await? {
        None => Ok(Written::NotFound),
        Some(project) if project.archived => Ok(Written::Done(project)),
        Some(project) => {
            store(database, tx, receipt, "project.archived", Project { archived: true, ..project }).await
        }
    }
}

async fn store(
    database: &Database,
    tx: DatabaseTransaction,
    receipt: &Receipt<'_, Project>,
    event: &str,
    project: Project,
) -> Result<Written, CallError> {
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
    if within_unless_taken(Box::pin(Entity::update(row).exec(&tx))).await?.is_none() {
        return Ok(Written::NameTaken);
    }
    finish(database, tx, receipt, event, project).await
}

async fn finish(
    database: &Database,
    tx: DatabaseTransaction,
    receipt: &Receipt<'_, Project>,
    event: &str,
    project: Project,
) -> Result<Written, CallError> {
    let event = New {
        kind: event.to_owned(),
        key: project.id.clone(),
        payload: json!({
            "projectId": project.id,
            "name": project.name,
            "repository": project.repository,
            "archived": project.archived,
        }),
        project: Some(project.id.clone()),
        session: None,
    };
    events::append(&tx, event).await?;
    receipt.write(&tx, &project).await?;
    database.commit_events(tx).await?;
    Ok(Written::Done(project))
}

/// The name contains this text. `LIKE` heeds case on Postgres alone, so each database is asked in its own words.
fn contains(database: &Database, text: String) -> SimpleExpr {
    let position = match database.backend() {
        DbBackend::Postgres => "strpos",
        _ => "instr",
    };
    Expr::expr(Func::cust(position).arg(Expr::col(Column::Name)).arg(text)).gt(0)
}
