//! Answers by idempotency key. A row is written before the effect and says whose attempt it is and how long that may be
//! silent; the answer is written by that attempt alone, which is what keeps two from having the effect (ADR 0028).

use alkhub_core::{
    CallError,
    error::codes,
    once::{Claim, Kept, Ticket},
};
use bytes::Bytes;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect, sea_query::Expr,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::{
    Database,
    entity::idempotency_keys::{ActiveModel, Column, Entity, Model},
    error::{within, within_unless_taken},
    time::now_ms,
};

/// How long rows and attempts last, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// An answer, from the moment that it is there.
    pub keep: i64,
    /// An attempt, from its last sign of life.
    pub lease: i64,
}

/// An answer as it is stored.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Stored {
    Output(Box<RawValue>),
    Error { error: CallError, status: u16 },
}

/// Asks to be the attempt that has the effect.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn claim(database: &Database, ticket: &Ticket, terms: Terms) -> Result<Claim, CallError> {
    let (row, now) = (row(ticket, terms), now_ms());
    let Some(found) = within(Entity::find_by_id(&row.id).one(database.read().await?)).await? else {
        let tx = database.begin().await?;
        let insert = Entity::insert(ActiveModel::from(row));
        if within_unless_taken(Box::pin(insert.exec_without_returning(&tx))).await?.is_none() {
            return Ok(Claim::Running);
        }
        within(tx.commit()).await?;
        return Ok(Claim::Mine);
    };
    let silent = found.answer.is_none() && found.lease_until <= now;
    let over = found.expires_at <= now && (found.answer.is_some() || silent);
    if !over {
        if found.fingerprint != row.fingerprint {
            return Ok(Claim::Reused);
        }
        match &found.answer {
            Some(answer) => return Ok(Claim::Done(read(answer)?)),
            None if !silent => return Ok(Claim::Running),
            None if !ticket.atomic => return Ok(Claim::Unknown),
            None => {}
        }
    }
    Ok(if take_over(database, &found, row).await? { Claim::Mine } else { Claim::Running })
}

/// Takes the place of a row that nobody has touched since it was read.
async fn take_over(database: &Database, found: &Model, row: Model) -> Result<bool, CallError> {
    let tx = database.begin().await?;
    let unchanged = Condition::all()
        .add(Column::Id.eq(&*found.id))
        .add(Column::Attempt.eq(&*found.attempt))
        .add(Column::LeaseUntil.eq(found.lease_until))
        .add(if found.answer.is_some() { Column::Answer.is_not_null() } else { Column::Answer.is_null() });
    let taking = Entity::update_many()
        .col_expr(Column::Fingerprint, Expr::value(row.fingerprint))
        .col_expr(Column::Attempt, Expr::value(row.attempt))
        .col_expr(Column::LeaseUntil, Expr::value(row.lease_until))
        .col_expr(Column::ExpiresAt, Expr::value(row.expires_at))
        .col_expr(Column::Answer, Expr::value(None::<String>))
        .filter(unchanged);
    let taken = within(taking.exec(&tx)).await?.rows_affected == 1;
    within(tx.commit()).await?;
    Ok(taken)
}

/// Says that an attempt still runs.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn renew(database: &Database, ticket: &Ticket, terms: Terms) -> Result<(), CallError> {
    let tx = database.begin().await?;
    let now = now_ms();
    let renewal = Entity::update_many()
        .col_expr(Column::LeaseUntil, Expr::value(now.saturating_add(terms.lease)))
        // The answer of a long call is to be kept as long as that of a short one.
        .col_expr(Column::ExpiresAt, Expr::value(now.saturating_add(terms.keep)))
        .filter(unanswered(ticket));
    within(renewal.exec(&tx)).await?;
    within(tx.commit()).await
}

/// Stores an answer whose effect is done, or that had none.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn finish(
    database: &Database,
    ticket: &Ticket,
    answer: &Kept,
    terms: Terms,
) -> Result<(), CallError> {
    let tx = database.begin().await?;
    write(&tx, ticket, answer, Some(terms)).await?;
    within(tx.commit()).await
}

/// Forgets an attempt that has no answer.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn release(database: &Database, ticket: &Ticket) -> Result<(), CallError> {
    let tx = database.begin().await?;
    within(Entity::delete_many().filter(unanswered(ticket)).exec(&tx)).await?;
    within(tx.commit()).await
}

/// Deletes at most so many rows that have lasted long enough; how many it were.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn sweep(database: &Database, most: u64) -> Result<u64, CallError> {
    let now = now_ms();
    let over = Condition::all().add(Column::ExpiresAt.lte(now)).add(Column::LeaseUntil.lte(now));
    let ids = Entity::find().select_only().column(Column::Id).filter(over.clone()).limit(most);
    let ids: Vec<String> = within(ids.into_tuple().all(database.read().await?)).await?;
    if ids.is_empty() {
        return Ok(0);
    }
    let tx = database.begin().await?;
    let gone = within(Entity::delete_many().filter(Column::Id.is_in(ids)).filter(over).exec(&tx)).await?;
    within(tx.commit()).await?;
    Ok(gone.rows_affected)
}

/// Writes the answer inside a transaction, which must not be committed where another attempt has taken over.
pub(super) async fn write(
    tx: &impl ConnectionTrait,
    ticket: &Ticket,
    answer: &Kept,
    terms: Option<Terms>,
) -> Result<(), CallError> {
    let stored = match answer {
        Ok(data) => serde_json::from_slice(data).map(Stored::Output),
        Err(error) => Ok(Stored::Error { status: error.status(), error: error.clone() }),
    };
    let text = stored.and_then(|stored| serde_json::to_string(&stored));
    let text = text.map_err(|error| CallError::internal(&error))?;
    let mut storing = Entity::update_many().col_expr(Column::Answer, Expr::value(text));
    if let Some(terms) = terms {
        storing = storing.col_expr(Column::ExpiresAt, Expr::value(now_ms().saturating_add(terms.keep)));
    }
    let stored = within(storing.filter(unanswered(ticket)).exec(tx)).await?;
    if stored.rows_affected == 1 {
        return Ok(());
    }
    let mut error = CallError::new(
        codes::UNAVAILABLE,
        "The call was taken for dead, and another with its idempotency key runs in its place; ask again.",
    );
    error.retry_after = Some(1);
    Err(error)
}

fn unanswered(ticket: &Ticket) -> Condition {
    Condition::all()
        .add(Column::Id.eq(id(ticket)))
        .add(Column::Attempt.eq(ticket.attempt.to_string()))
        .add(Column::Answer.is_null())
}

fn read(answer: &str) -> Result<Kept, CallError> {
    match serde_json::from_str(answer).map_err(|error| CallError::internal(&error))? {
        Stored::Output(data) => Ok(Ok(Bytes::from(data.get().to_owned()))),
        Stored::Error { mut error, status } => {
            error.http_status = Some(status);
            Ok(Err(error))
        }
    }
}

fn row(ticket: &Ticket, terms: Terms) -> Model {
    let now = now_ms();
    Model {
        id: id(ticket),
        operation: ticket.operation_id.clone(),
        fingerprint: hex(&[&ticket.input]),
        attempt: ticket.attempt.to_string(),
        lease_until: now.saturating_add(terms.lease),
        expires_at: now.saturating_add(terms.keep),
        answer: None,
    }
}

/// The key itself is the caller's and not kept; zero bytes stand in none of the parts.
fn id(ticket: &Ticket) -> String {
    hex(&[
        ticket.caller.as_bytes(),
        &[0],
        ticket.operation_id.as_bytes(),
        &[0],
        ticket.key.as_str().as_bytes(),
    ])
}

fn hex(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
