//! API keys. Every change is one transaction together with its audit entry, its event and a step of the key epoch, by
//! which other processes learn of it. The epoch's row is also the lock that puts such transactions in sequence.

use std::collections::BTreeMap;

use alkhub_core::{CallError, identity::ADMIN_SCOPE};
use sea_orm::{
    ActiveValue::Unchanged,
    ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Set,
    sea_query::{Condition, Expr, ExprTrait},
};
use serde_json::json;

use super::{
    Database, Page,
    audit::{self, Actor},
    entity::{
        api_keys::{ActiveModel, Column, Entity, Model},
        hub_state,
    },
    error::within,
    events::{self, New},
    page::decode_moment,
    time::{now_ms, rfc3339},
};

const EPOCH: &str = "key_epoch";
/// Most keys touched by one statement: far below the databases' bounds on parameters, and short enough to let other
/// writers in between.
const TOUCHED: usize = 500;

/// A key as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// Public part of the token.
    pub id: String,
    /// What it is for.
    pub name: String,
    /// SHA-256 of the secret.
    pub secret_hash: Vec<u8>,
    /// Granted scopes.
    pub scopes: Vec<String>,
    /// Granted actions by `type:id`.
    pub resources: BTreeMap<String, Vec<String>>,
    /// Moments are milliseconds since the Unix epoch.
    pub created_at: i64,
    /// Key that made it.
    pub created_by: Option<String>,
    /// Refused from then on.
    pub expires_at: Option<i64>,
    /// Ended then.
    pub revoked_at: Option<i64>,
    /// Last use, to the minute.
    pub last_used_at: Option<i64>,
}

/// The state of a key at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It works.
    Active,
    /// Its time is over.
    Expired,
    /// It was ended.
    Revoked,
}

impl Key {
    /// Its state at this moment.
    #[must_use]
    pub fn status(&self, now: i64) -> Status {
        if self.revoked_at.is_some() {
            Status::Revoked
        } else if self.expires_at.is_some_and(|end| end <= now) {
            Status::Expired
        } else {
            Status::Active
        }
    }

    fn is_admin(&self) -> bool {
        self.scopes.iter().any(|scope| scope == ADMIN_SCOPE)
    }
}

/// What came of changing a key; `R` is what a check refuses with.
#[derive(Clone, Debug, PartialEq)]
pub enum Changed<R> {
    /// It is stored like this.
    Done(Key),
    /// There is no such key.
    NotFound,
    /// It is revoked.
    Revoked,
    /// The check refused; what it said.
    Refused(R),
    /// It is the last admin key that works.
    LastAdmin,
}

/// Stores a new key.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR, the latter also where the id is taken.
pub async fn create(database: &Database, key: Key, actor: &Actor) -> Result<Key, CallError> {
    let tx = begin(database).await?;
    insert(&tx, &key, actor).await?;
    database.commit_events(tx).await?;
    Ok(key)
}

/// What [`ensure_admin`] found or did.
#[derive(Clone, Debug, PartialEq)]
pub enum Ensured {
    /// The wanted key was stored.
    Created,
    /// The key of the wanted id was there.
    Present(Key),
    /// Another key was there, which is enough where any will do.
    Other,
}

/// Stores a first admin key unless it is there, or, where `any` will do, unless there is any key at all. Of two
/// processes that do so at once, one does.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn ensure_admin(database: &Database, key: Key, any: bool) -> Result<Ensured, CallError> {
    let tx = begin(database).await?;
    if let Some(present) = find(&tx, &key.id).await? {
        return Ok(Ensured::Present(present));
    }
    if any && within(Entity::find().one(&tx)).await?.is_some() {
        return Ok(Ensured::Other);
    }
    insert(&tx, &key, &Actor::default()).await?;
    database.commit_events(tx).await?;
    Ok(Ensured::Created)
}

/// The key of this id.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn get(database: &Database, id: &str) -> Result<Option<Key>, CallError> {
    Ok(within(Entity::find_by_id(id).one(database.read().await?)).await?.map(from_row))
}

/// Keys by age, oldest first.
///
/// # Errors
/// VALIDATION_ERROR for a bad cursor, UNAVAILABLE or EXECUTION_ERROR.
pub async fn list(
    database: &Database,
    status: Option<Status>,
    cursor: Option<&str>,
    limit: u64,
) -> Result<Page<Key>, CallError> {
    let mut query = Entity::find()
        .order_by_asc(Column::CreatedAt)
        .order_by_asc(Column::Id)
        .limit(limit.saturating_add(1));
    if let Some(cursor) = cursor {
        let (at, id) = decode_moment(cursor)?;
        let behind = Condition::any()
            .add(Column::CreatedAt.gt(at))
            .add(Condition::all().add(Column::CreatedAt.eq(at)).add(Column::Id.gt(id)));
        query = query.filter(behind);
    }
    if let Some(status) = status {
        query = query.filter(in_state(status, now_ms()));
    }
    let rows = within(query.all(database.read().await?)).await?;
    let keys = rows.into_iter().map(from_row).collect();
    Ok(Page::of(keys, limit, |key: &Key| format!("{}:{}", key.created_at, key.id)))
}

/// Ends a key; again changes nothing. `check` may refuse.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn revoke<R>(
    database: &Database,
    id: &str,
    actor: &Actor,
    check: impl FnOnce(&Key) -> Option<R> + Send,
) -> Result<Changed<R>, CallError> {
    let tx = begin(database).await?;
    let Some(key) = find(&tx, id).await? else { return Ok(Changed::NotFound) };
    if let Some(refusal) = check(&key) {
        return Ok(Changed::Refused(refusal));
    }
    let now = now_ms();
    match key.status(now) {
        Status::Revoked => return Ok(Changed::Done(key)),
        Status::Active if key.is_admin() && key.expires_at.is_none() && !other_admin(&tx, id).await? => {
            return Ok(Changed::LastAdmin);
        }
        _ => {}
    }
    let key = Key { revoked_at: Some(now), ..key };
    let row =
        ActiveModel { id: Unchanged(key.id.clone()), revoked_at: Set(key.revoked_at), ..Default::default() };
    finish(database, tx, row, ["key.revoke", "key.revoked"], &key, actor).await
}

/// Gives a key another secret; the old one is nothing from then on. `check` may refuse.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn rotate<R>(
    database: &Database,
    id: &str,
    secret_hash: Vec<u8>,
    actor: &Actor,
    check: impl FnOnce(&Key) -> Option<R> + Send,
) -> Result<Changed<R>, CallError> {
    let tx = begin(database).await?;
    let Some(key) = find(&tx, id).await? else { return Ok(Changed::NotFound) };
    if let Some(refusal) = check(&key) {
        return Ok(Changed::Refused(refusal));
    }
    if key.revoked_at.is_some() {
        return Ok(Changed::Revoked);
    }
    let key = Key { secret_hash, ..key };
    let row = ActiveModel {
        id: Unchanged(key.id.clone()),
        secret_hash: Set(key.secret_hash.clone()),
        ..Default::default()
    };
    finish(database, tx, row, ["key.rotate", "key.rotated"], &key, actor).await
}

/// The counter that every change of a key raises.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn epoch(database: &Database) -> Result<i64, CallError> {
    let row = within(hub_state::Entity::find_by_id(EPOCH).one(database.read().await?)).await?;
    Ok(row.map_or(0, |row| row.value))
}

/// Notes when keys were last used. Not a change that other processes must hear of.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn touch(database: &Database, uses: &[(String, i64)]) -> Result<(), CallError> {
    if uses.is_empty() {
        return Ok(());
    }
    // Uses are exact to the minute, so a few moments are shared by many keys. In the order of ids, so that two
    // processes that write down the same keys wait for each other instead of locking each other out.
    let mut moments: BTreeMap<i64, Vec<&str>> = BTreeMap::new();
    for (id, at) in uses {
        moments.entry(*at).or_default().push(id);
    }
    for (at, mut ids) in moments {
        ids.sort_unstable();
        for some in ids.chunks(TOUCHED) {
            let tx = database.begin().await?;
            let touch = Entity::update_many()
                .col_expr(Column::LastUsedAt, Expr::value(at))
                .filter(Column::Id.is_in(some.iter().copied()))
                .filter(Condition::any().add(Column::LastUsedAt.is_null()).add(Column::LastUsedAt.lt(at)));
            within(touch.exec(&tx)).await?;
            within(tx.commit()).await?;
        }
    }
    Ok(())
}

/// Begins a change: raises the epoch first, so that changes wait for each other.
async fn begin(database: &Database) -> Result<DatabaseTransaction, CallError> {
    let tx = database.begin().await?;
    let raise = hub_state::Entity::update_many()
        // With its type: a prepared statement is known by its text, and the outbox adds with the same one.
        .col_expr(hub_state::Column::Value, Expr::col(hub_state::Column::Value).add(1_i64))
        .filter(hub_state::Column::Name.eq(EPOCH));
    within(raise.exec(&tx)).await?;
    Ok(tx)
}

async fn find(tx: &DatabaseTransaction, id: &str) -> Result<Option<Key>, CallError> {
    Ok(within(Entity::find_by_id(id).one(tx)).await?.map(from_row))
}

async fn insert(tx: &DatabaseTransaction, key: &Key, actor: &Actor) -> Result<(), CallError> {
    within(Entity::insert(ActiveModel::from(to_row(key))).exec_without_returning(tx)).await?;
    tell(tx, actor, ["key.create", "key.created"], key).await
}

/// The audit entry of an action, and the event that it has happened.
async fn tell(
    tx: &DatabaseTransaction,
    actor: &Actor,
    [action, event]: [&str; 2],
    key: &Key,
) -> Result<(), CallError> {
    audit::append(tx, actor, action, &key.id, &details(key)).await?;
    let mut payload = details(key);
    payload["keyId"] = key.id.clone().into();
    payload["expiresAt"] = key.expires_at.map(rfc3339).into();
    payload["by"] = actor.key_id.clone().into();
    let event = New { kind: event.to_owned(), key: key.id.clone(), payload, ..New::default() };
    events::append(tx, event).await?;
    Ok(())
}

async fn finish<R>(
    database: &Database,
    tx: DatabaseTransaction,
    row: ActiveModel,
    told: [&str; 2],
    key: &Key,
    actor: &Actor,
) -> Result<Changed<R>, CallError> {
    within(Entity::update(row).exec(&tx)).await?;
    tell(&tx, actor, told, key).await?;
    database.commit_events(tx).await?;
    Ok(Changed::Done(key.clone()))
}

/// Another admin key works, and does so without end.
async fn other_admin(tx: &DatabaseTransaction, id: &str) -> Result<bool, CallError> {
    let others = Entity::find()
        .filter(Column::Id.ne(id))
        .filter(Column::RevokedAt.is_null())
        .filter(Column::ExpiresAt.is_null())
        .filter(Column::Scopes.contains(format!("\"{ADMIN_SCOPE}\"")));
    Ok(within(others.all(tx)).await?.into_iter().map(from_row).any(|key| key.is_admin()))
}

fn in_state(status: Status, now: i64) -> Condition {
    let expired = Condition::all().add(Column::RevokedAt.is_null()).add(Column::ExpiresAt.lte(now));
    match status {
        Status::Revoked => Condition::all().add(Column::RevokedAt.is_not_null()),
        Status::Expired => expired,
        Status::Active => Condition::all()
            .add(Column::RevokedAt.is_null())
            .add(Condition::any().add(Column::ExpiresAt.is_null()).add(Column::ExpiresAt.gt(now))),
    }
}

fn details(key: &Key) -> serde_json::Value {
    json!({ "name": key.name, "scopes": key.scopes, "resources": key.resources, "expiresAt": key.expires_at })
}

fn to_row(key: &Key) -> Model {
    Model {
        id: key.id.clone(),
        name: key.name.clone(),
        secret_hash: key.secret_hash.clone(),
        scopes: json!(key.scopes).to_string(),
        resources: json!(key.resources).to_string(),
        created_at: key.created_at,
        created_by: key.created_by.clone(),
        expires_at: key.expires_at,
        revoked_at: key.revoked_at,
        last_used_at: key.last_used_at,
    }
}

/// Rights that cannot be read are no rights.
fn from_row(row: Model) -> Key {
    Key {
        scopes: serde_json::from_str(&row.scopes).unwrap_or_default(),
        resources: serde_json::from_str(&row.resources).unwrap_or_default(),
        id: row.id,
        name: row.name,
        secret_hash: row.secret_hash,
        created_at: row.created_at,
        created_by: row.created_by,
        expires_at: row.expires_at,
        revoked_at: row.revoked_at,
        last_used_at: row.last_used_at,
    }
}
