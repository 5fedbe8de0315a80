//! Services whose operations the hub imports. Every change raises one counter, whose value becomes the revision of what
//! changed, so that a process sees by one number whether there is anything new, and by a second look what.

use alkhub_core::CallError;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait},
};
use serde_json::{Value, json};

use super::{
    Database, Page, Receipt,
    audit::{self, Actor},
    entity::{
        hub_state,
        services::{ActiveModel, Column, Entity, Model},
    },
    error::{within, within_unless_taken},
    events::{self, New},
    page::decode_cursor,
    time::now_ms,
};

const COUNTER: &str = "service_revision";

/// A service as it is stored: `config` and `state` are JSON, `credentials` are sealed, `document` is what describes its
/// operations in the form of its kind.
pub type Service = Model;

/// What came of a change.
#[derive(Clone, Debug, PartialEq)]
pub enum Changed {
    /// It is stored like this.
    Done(Service),
    /// Another service has the name.
    NameTaken,
    /// There is no service of this kind and name.
    NotFound,
}

/// Which services there are, and how new each is.
#[derive(Clone, Debug, PartialEq)]
pub struct Overview {
    /// Of the newest change, also of one that took a service away.
    pub revision: i64,
    /// Name and revision of each.
    pub services: Vec<(String, i64)>,
}

/// A new service, not stored yet.
#[must_use]
pub fn new(kind: &str, name: String, config: &Value) -> Service {
    let now = now_ms();
    Service {
        id: uuid::Uuid::now_v7().to_string(),
        kind: kind.to_owned(),
        name,
        config: config.to_string(),
        credentials: None,
        document: None,
        state: None,
        revision: 0,
        created_at: now,
        updated_at: now,
    }
}

/// Stores a new service.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn add(
    database: &Database,
    receipt: &Receipt<'_, Service>,
    actor: &Actor,
    mut service: Service,
) -> Result<Changed, CallError> {
    let tx = database.begin().await?;
    service.revision = raise(&tx).await?;
    let insert = Entity::insert(ActiveModel::from(service.clone()));
    if within_unless_taken(Box::pin(insert.exec_without_returning(&tx))).await?.is_none() {
        return Ok(Changed::NameTaken);
    }
    finish(database, tx, receipt, actor, "add", service).await
}

/// The service of this kind and name.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn get(database: &Database, kind: &str, name: &str) -> Result<Option<Service>, CallError> {
    within(of(kind, name).one(database.read().await?)).await
}

/// Services of a kind by name, without their documents.
///
/// # Errors
/// VALIDATION_ERROR for a bad cursor, UNAVAILABLE or EXECUTION_ERROR.
pub async fn list(
    database: &Database,
    kind: &str,
    cursor: Option<&str>,
    limit: u64,
) -> Result<Page<Service>, CallError> {
    let mut query = Entity::find()
        .filter(Column::Kind.eq(kind))
        .order_by_asc(Column::Name)
        .limit(limit.saturating_add(1))
        .select_only()
        .columns([
            Column::Id,
            Column::Kind,
            Column::Name,
            Column::Config,
            Column::Credentials,
            Column::State,
            Column::Revision,
            Column::CreatedAt,
            Column::UpdatedAt,
        ])
        .expr_as(Expr::value(Option::<String>::None), "document");
    if let Some(cursor) = cursor {
        query = query.filter(Column::Name.gt(decode_cursor(cursor)?));
    }
    let items = within(query.all(database.read().await?)).await?;
    Ok(Page::of(items, limit, |service: &Service| service.name.clone()))
}

/// Changes a service; all processes then open it anew. `change` may be refused, and then nothing is stored.
///
/// # Errors
/// What `change` says, UNAVAILABLE or EXECUTION_ERROR.
pub async fn update(
    database: &Database,
    receipt: &Receipt<'_, Service>,
    actor: &Actor,
    [kind, name]: [&str; 2],
    change: impl FnOnce(&mut Service) -> Result<(), CallError> + Send,
) -> Result<Changed, CallError> {
    let tx = database.begin().await?;
    let revision = raise(&tx).await?;
    let Some(mut service) = within(of(kind, name).lock_exclusive().one(&tx)).await? else {
        return Ok(Changed::NotFound);
    };
    let before = service.clone();
    change(&mut service)?;
    if service == before {
        return Ok(Changed::Done(service));
    }
    (service.revision, service.updated_at) = (revision, now_ms());
    within(service.clone().into_active_model().reset_all().update(&tx)).await?;
    finish(database, tx, receipt, actor, "update", service).await
}

/// Notes what has become of a service, which changes nothing of what it offers: no process opens it anew. `event` tells
/// of it, where anybody is to know. Not noted where the service has changed since `revision`, or where another process
/// has noted the same: of several that see it at once, one tells.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn note(
    database: &Database,
    name: &str,
    revision: i64,
    state: &Value,
    event: Option<(&str, Value)>,
) -> Result<bool, CallError> {
    let tx = database.begin().await?;
    let state = state.to_string();
    let noted = Entity::update_many()
        .col_expr(Column::State, Expr::value(state.clone()))
        .filter(Column::Name.eq(name))
        .filter(Column::Revision.eq(revision))
        .filter(Column::State.is_null().or(Column::State.ne(state)));
    if within(noted.exec(&tx)).await?.rows_affected == 0 {
        return Ok(false);
    }
    if let Some((kind, payload)) = event {
        let event = New { kind: kind.to_owned(), key: name.to_owned(), payload, ..New::default() };
        events::append(&tx, event).await?;
    }
    database.commit_events(tx).await?;
    Ok(true)
}

/// Takes a service away; what it was.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn remove(
    database: &Database,
    receipt: &Receipt<'_, Service>,
    actor: &Actor,
    [kind, name]: [&str; 2],
) -> Result<Changed, CallError> {
    let tx = database.begin().await?;
    let revision = raise(&tx).await?;
    let Some(mut service) = within(of(kind, name).lock_exclusive().one(&tx)).await? else {
        return Ok(Changed::NotFound);
    };
    within(Entity::delete_by_id(service.id.clone()).exec(&tx)).await?;
    service.revision = revision;
    finish(database, tx, receipt, actor, "remove", service).await
}

/// Which services there are; `None` where nothing has changed since a revision.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn overview(database: &Database, known: Option<i64>) -> Result<Option<Overview>, CallError> {
    let counter = within(hub_state::Entity::find_by_id(COUNTER).one(database.read().await?)).await?;
    let revision = counter.map_or(0, |counter| counter.value);
    if known == Some(revision) {
        return Ok(None);
    }
    // Read after the counter: the list is at least as new.
    let all = Entity::find().select_only().columns([Column::Name, Column::Revision]);
    let services = within(all.into_tuple().all(database.read().await?)).await?;
    Ok(Some(Overview { revision, services }))
}

/// The service of this name, of whatever kind.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn load(database: &Database, name: &str) -> Result<Option<Service>, CallError> {
    within(Entity::find().filter(Column::Name.eq(name)).one(database.read().await?)).await
}

fn of(kind: &str, name: &str) -> sea_orm::Select<Entity> {
    Entity::find().filter(Column::Kind.eq(kind)).filter(Column::Name.eq(name))
}

async fn finish(
    database: &Database,
    tx: DatabaseTransaction,
    receipt: &Receipt<'_, Service>,
    actor: &Actor,
    action: &str,
    service: Service,
) -> Result<Changed, CallError> {
    let told = json!({ "name": service.name, "kind": service.kind, "revision": service.revision });
    audit::append(&tx, actor, &format!("{}.{action}", service.kind), &service.name, &told).await?;
    let kind = match action {
        "add" => "service.added",
        "remove" => "service.removed",
        _ => "service.updated",
    };
    let event = New { kind: kind.to_owned(), key: service.name.clone(), payload: told, ..New::default() };
    events::append(&tx, event).await?;
    receipt.write(&tx, &service).await?;
    database.commit_events(tx).await?;
    Ok(Changed::Done(service))
}

async fn raise(tx: &DatabaseTransaction) -> Result<i64, CallError> {
    let raise = hub_state::Entity::update_many()
        .col_expr(hub_state::Column::Value, Expr::col(hub_state::Column::Value).add(1_i64))
        .filter(hub_state::Column::Name.eq(COUNTER));
    within(raise.exec(tx)).await?;
    let counter = within(hub_state::Entity::find_by_id(COUNTER).one(tx)).await?;
    Ok(counter.map_or(0, |counter| counter.value))
}
