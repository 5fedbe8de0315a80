//! `alkhub keys reset-admin`: a new admin key, made in the database itself.

use crate::cli::args::{Global, Place};
use crate::cli::exit::Failure;
use crate::cli::{migrate, output};

/// Who may write the database is its master already, so nothing more is asked. The audit log keeps a record.
pub(super) async fn run(global: &Global, place: &Place, json: bool) -> Result<(), Failure> {
    let database = migrate::open(global, place).await?;
    let token = crate::keys::reset_admin(&database).await.map_err(migrate::refused)?;
    if json {
        return output::value(&serde_json::json!({ "token": token }), false);
    }
    output::error_line(
        "A new admin key, shown this once. Other keys go on working; `alkhub keys list` shows them:",
    );
    output::line(&token)
}
