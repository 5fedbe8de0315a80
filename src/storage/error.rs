//! From database errors to answers. Nothing of SQL leaves this folder.

use alkhub_core::CallError;
use sea_orm::{DbErr, RuntimeErr, SqlErr, sqlx};

/// UNAVAILABLE where the database is away, full or locked, and will be better later; EXECUTION_ERROR otherwise.
pub(super) fn answer(error: DbErr) -> CallError {
    if is_passing(&error) {
        let mut answer = CallError::unavailable("database");
        answer.cause = Some(error.to_string());
        return answer;
    }
    CallError::internal(&error)
}

/// A value that must be unique is taken.
pub(super) fn is_taken(error: &DbErr) -> bool {
    matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_)))
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

/// Postgres: connection (08), resources (53, also a full disk), operator intervention (57), serialization (40).
/// SQLite, primary codes in the low byte: busy 5, locked 6, I/O 10, full 13, cannot open 14.
fn is_passing_code(code: &str) -> bool {
    if code.len() == 5 {
        return ["08", "53", "57", "40"].iter().any(|class| code.starts_with(class));
    }
    code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 5 | 6 | 10 | 13 | 14))
}

#[cfg(test)]
mod tests {
    use super::is_passing_code;

    #[test]
    fn what_passes_and_what_does_not() {
        for passing in ["57P01", "08006", "53100", "40001", "5", "261", "13", "10"] {
            assert!(is_passing_code(passing), "{passing}");
        }
        for lasting in ["23505", "42P01", "1", "19", "2067"] {
            assert!(!is_passing_code(lasting), "{lasting}");
        }
    }
}
