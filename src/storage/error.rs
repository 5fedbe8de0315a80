//! From database errors to answers. Nothing of SQL leaves this folder.

use std::time::Duration;

use alkhub_core::CallError;
use sea_orm::{DbErr, RuntimeErr, SqlErr, sqlx};

/// Longest wait for one step of a transaction or one query: for a connection (2 s), another process's lock or a slow
/// statement (5 s). What takes longer is a server or a network that has gone silent without closing the connection.
const SILENCE: Duration = Duration::from_secs(8);

/// One step against the database, with its error as an answer and never without end.
pub(super) async fn within<T>(step: impl Future<Output = Result<T, DbErr>>) -> Result<T, CallError> {
    match tokio::time::timeout(SILENCE, step).await {
        Ok(done) => done.map_err(answer),
        Err(_) => {
            let mut answer = CallError::unavailable("database");
            answer.cause = Some(format!("no answer within {SILENCE:?}"));
            Err(answer)
        }
    }
}

/// The same where a unique value may be taken, which is then `None`.
pub(super) async fn within_unless_taken<T>(
    step: impl Future<Output = Result<T, DbErr>>,
) -> Result<Option<T>, CallError> {
    within(async {
        match step.await {
            Err(error) if is_taken(&error) => Ok(None),
            done => done.map(Some),
        }
    })
    .await
}

/// UNAVAILABLE where the database is away, full or locked, and will be better later; EXECUTION_ERROR otherwise.
pub(super) fn answer(error: DbErr) -> CallError {
    if is_full(&error) {
        tracing::error!(%error, "the disk of the database is full; nothing can be written until there is room");
    }
    if is_passing(&error) {
        let mut answer = CallError::unavailable("database");
        answer.cause = Some(error.to_string());
        return answer;
    }
    CallError::internal(&error)
}

/// A value that must be unique is taken.
fn is_taken(error: &DbErr) -> bool {
    matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_)))
}

fn is_full(error: &DbErr) -> bool {
    code(error).is_some_and(|code| code == "53100" || code.parse::<u32>().is_ok_and(|code| code & 0xff == 13))
}

/// SQLite's file could not be opened because another process was busy with it, or the disk was.
pub(super) fn is_held_up(error: &DbErr) -> bool {
    matches!(error, DbErr::Conn(RuntimeErr::SqlxError(cause)) if matches!(**cause, sqlx::Error::PoolTimedOut))
        || code(error).is_some_and(|code| code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 5 | 6)))
}

/// The database's own code of what went wrong.
fn code(error: &DbErr) -> Option<String> {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(cause))
        | DbErr::Exec(RuntimeErr::SqlxError(cause))
        | DbErr::Query(RuntimeErr::SqlxError(cause)) => {
            cause.as_database_error().and_then(|cause| cause.code()).map(std::borrow::Cow::into_owned)
        }
        _ => None,
    }
}

fn is_passing(error: &DbErr) -> bool {
    match error {
        DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => true,
        DbErr::Exec(RuntimeErr::SqlxError(cause)) | DbErr::Query(RuntimeErr::SqlxError(cause)) => {
            match &**cause {
                sqlx::Error::Io(_)
                | sqlx::Error::Tls(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed
                | sqlx::Error::WorkerCrashed
                | sqlx::Error::Protocol(_) => true,
                sqlx::Error::Database(cause) => cause.code().is_some_and(|code| is_passing_code(&code)),
                _ => false,
            }
        }
        _ => false,
    }
}

/// Postgres: connection (08), resources (53, also a full disk), operator intervention (57), serialization (40), a lock
/// that was waited for too long (55P03), a standby that does not take writes yet (25006).
/// SQLite, primary codes in the low byte: busy 5, locked 6, I/O 10, full 13, cannot open 14.
fn is_passing_code(code: &str) -> bool {
    if code.len() == 5 {
        return ["08", "53", "57", "40", "55P03", "25006"].iter().any(|class| code.starts_with(class));
    }
    code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 5 | 6 | 10 | 13 | 14))
}

#[cfg(test)]
mod tests {
    use super::is_passing_code;

    #[test]
    fn what_passes_and_what_does_not() {
        for passing in ["57P01", "08006", "53100", "40001", "55P03", "25006", "5", "261", "13", "10"] {
            assert!(is_passing_code(passing), "{passing}");
        }
        for lasting in ["23505", "42P01", "25001", "1", "19", "2067"] {
            assert!(!is_passing_code(lasting), "{lasting}");
        }
    }
}
