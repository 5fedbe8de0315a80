//! `alkhub keys reset-admin`: a new admin key, made in the database itself.

use crate::cli::args::{Global, Place};
use crate::cli::exit::Failure;
use crate::cli::{migrate, output};
use crate::keys::{self, BootstrapError};

/// Who may write the database is its master already, so nothing more is asked. The audit log keeps a record.
pub(super) async fn run(global: &Global, place: &Place, json: bool) -> Result<(), Failure> {
    let database = Box::pin(migrate::open(global, place)).await?;
    let pending = database.pending().await.map_err(migrate::refused)?;
    if !pending.is_empty() {
        return Err(Failure::failed("this database is not a hub's, or of an older version")
            .help("check --data and --database-url; `alkhub migrate up` brings an older one up to date"));
    }
    let token = keys::new_admin(&database, "made by reset-admin").await.map_err(|error| match error {
        BootstrapError::Store(error) => migrate::refused(error),
        other => Failure::failed(other.to_string()),
    })?;
    let token = token.text();
    if json {
        return output::value(&serde_json::json!({ "token": token }), false);
    }
    output::error_line(
        "A new admin key, shown this once. Other keys go on working; `alkhub keys list` shows them:",
    );
    output::line(&token)
}
