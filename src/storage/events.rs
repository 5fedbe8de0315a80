//! The log of events: appended inside the transaction of what they tell about, read in the order of their sequence.
//! Numbers are given afterwards, by [`super::outbox`].

use alkhub_core::CallError;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select, Set};
use serde_json::Value;

use super::{
    Database, Page,
    entity::{
        events::{ActiveModel, Column, Entity, Model},
        hub_state,
    },
    error::within,
    page::decode_cursor,
    pattern::{self, Pattern},
    time::now_ms,
};

pub(super) const SEQUENCE: &str = "event_seq";
pub(super) const FLOOR: &str = "event_floor";
/// What a row takes besides its texts, roughly.
const OVERHEAD: usize = 64;
/// Rows of one statement.
const STEP: usize = 100;

/// An event that has its number.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Its place in the log; the one after it has the next number.
    pub sequence: i64,
    /// Its type.
    pub kind: String,
    /// What it is about; may be empty.
    pub key: String,
    /// What it says.
    pub payload: Value,
    /// The project that it belongs to.
    pub project: Option<String>,
    /// The session that it belongs to.
    pub session: Option<String>,
    /// When it was appended, in milliseconds since the Unix epoch.
    pub created_at: i64,
}

/// An event to append.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct New {
    /// Its type.
    pub kind: String,
    /// What it is about; may be empty.
    pub key: String,
    /// What it says; never a secret.
    pub payload: Value,
    /// The project that it belongs to.
    pub project: Option<String>,
    /// The session that it belongs to.
    pub session: Option<String>,
}

/// Which events are wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    /// Of one of these types.
    pub types: Vec<Pattern>,
    /// And of one of these, which are all that the reader may see.
    pub visible: Vec<Pattern>,
    /// About this.
    pub key: Option<String>,
    /// Of this project.
    pub project: Option<String>,
    /// Of this session.
    pub session: Option<String>,
}

impl Filter {
    /// Everything that there is.
    #[must_use]
    pub fn everything() -> Self {
        Self {
            types: vec![Pattern::All],
            visible: vec![Pattern::All],
            key: None,
            project: None,
            session: None,
        }
    }

    /// Whether this event is wanted.
    #[must_use]
    pub fn fits(&self, event: &Event) -> bool {
        let one_of = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.fits(&event.kind));
        one_of(&self.types)
            && one_of(&self.visible)
            && self.key.as_ref().is_none_or(|key| *key == event.key)
            && (self.project.is_none() || self.project == event.project)
            && (self.session.is_none() || self.session == event.session)
    }

    fn of(&self, database: &Database) -> Select<Entity> {
        let backend = database.backend();
        let mut query = Entity::find()
            .filter(pattern::any(&self.types, backend))
            .filter(pattern::any(&self.visible, backend));
        if let Some(key) = &self.key {
            query = query.filter(Column::Key.eq(key));
        }
        if let Some(project) = &self.project {
            query = query.filter(Column::Project.eq(project));
        }
        if let Some(session) = &self.session {
            query = query.filter(Column::Session.eq(session));
        }
        query
    }
}

/// How far the log reaches: events above `floor` up to `head` are there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// The last number that retention took away.
    pub floor: i64,
    /// The last number that was given.
    pub head: i64,
}

/// Appends an event that is a change of its own.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn publish(database: &Database, event: New) -> Result<i64, CallError> {
    let tx = database.begin().await?;
    let at = append(&tx, event).await?;
    database.commit_events(tx).await?;
    Ok(at)
}

/// Appends events that are changes of their own, in this order.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR; then none of them is there.
pub async fn publish_all(database: &Database, events: Vec<New>) -> Result<(), CallError> {
    let tx = database.begin().await?;
    append_all(&tx, events.into_iter()).await?;
    database.commit_events(tx).await
}

/// Writes an event inside the transaction of what it tells about, which [`Database::commit_events`] ends. When it was.
pub(super) async fn append(tx: &impl ConnectionTrait, event: New) -> Result<i64, CallError> {
    let at = now_ms();
    within(Entity::insert(row(event, at)).exec_without_returning(tx)).await?;
    Ok(at)
}

/// The same for any number of them.
pub(super) async fn append_all(
    tx: &impl ConnectionTrait,
    events: impl Iterator<Item = New>,
) -> Result<(), CallError> {
    let at = now_ms();
    let rows: Vec<_> = events.map(|event| row(event, at)).collect();
    for rows in rows.chunks(STEP) {
        within(Entity::insert_many(rows.to_vec()).exec_without_returning(tx)).await?;
    }
    Ok(())
}

fn row(event: New, at: i64) -> ActiveModel {
    let payload = event.payload.to_string();
    let bytes = payload.len() + event.kind.len() + event.key.len() + OVERHEAD;
    ActiveModel {
        kind: Set(event.kind),
        key: Set(event.key),
        payload: Set(payload),
        project: Set(event.project),
        session: Set(event.session),
        created_at: Set(at),
        bytes: Set(i64::try_from(bytes).unwrap_or(i64::MAX)),
        ..Default::default()
    }
}

/// How far the log reaches.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn bounds(database: &Database) -> Result<Bounds, CallError> {
    let counters = hub_state::Entity::find().filter(hub_state::Column::Name.is_in([SEQUENCE, FLOOR]));
    let rows = within(counters.all(database.read().await?)).await?;
    let value = |name| rows.iter().find(|row| row.name == name).map_or(0, |row| row.value);
    Ok(Bounds { floor: value(FLOOR), head: value(SEQUENCE) })
}

/// The first so many events after one number and up to another, in order.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn between(
    database: &Database,
    filter: &Filter,
    after: i64,
    until: i64,
    limit: u64,
) -> Result<Vec<Event>, CallError> {
    let query = filter
        .of(database)
        .filter(Column::Seq.gt(after))
        .filter(Column::Seq.lte(until))
        .order_by_asc(Column::Seq)
        .limit(limit);
    Ok(within(query.all(database.read().await?)).await?.into_iter().map(from_row).collect())
}

/// A page of events after a number, oldest first or newest first.
///
/// # Errors
/// VALIDATION_ERROR for a bad cursor, UNAVAILABLE or EXECUTION_ERROR.
pub async fn list(
    database: &Database,
    filter: &Filter,
    after: Option<i64>,
    newest_first: bool,
    cursor: Option<&str>,
    limit: u64,
) -> Result<Page<Event>, CallError> {
    let mut query = filter.of(database).filter(Column::Seq.is_not_null()).limit(limit.saturating_add(1));
    query = if newest_first { query.order_by_desc(Column::Seq) } else { query.order_by_asc(Column::Seq) };
    if let Some(at) = cursor.map(place).transpose()? {
        query = query.filter(if newest_first { Column::Seq.lt(at) } else { Column::Seq.gt(at) });
    }
    if let Some(after) = after {
        query = query.filter(Column::Seq.gt(after));
    }
    let events = within(query.all(database.read().await?)).await?.into_iter().map(from_row).collect();
    Ok(Page::of(events, limit, |event: &Event| event.sequence.to_string()))
}

/// The sequence at which a page ended whose `nextCursor` this is.
///
/// # Errors
/// VALIDATION_ERROR where it is none.
pub fn place(cursor: &str) -> Result<i64, CallError> {
    decode_cursor(cursor)?
        .parse()
        .map_err(|_| CallError::fault("/cursor", "is not a cursor of this list; take `nextCursor` of a page"))
}

fn from_row(row: Model) -> Event {
    Event {
        sequence: row.seq.unwrap_or_default(),
        kind: row.kind,
        key: row.key,
        payload: serde_json::from_str(&row.payload).unwrap_or_default(),
        project: row.project,
        session: row.session,
        created_at: row.created_at,
    }
}
