//! Whether the database answers and its schema is up to date.

use super::finding::Finding;
use crate::config::Config;
use crate::storage::Database;

const NAME: &str = "database";

pub(super) async fn check(config: &Config) -> Vec<Finding> {
    let file = config.data.join("alkhub.db");
    if config.database.url.is_none() && !file.exists() {
        // Opening it would make it, and a doctor leaves no traces.
        return vec![Finding::ok(
            NAME,
            format!("{} does not exist yet; `alkhub serve` makes it", file.display()),
        )];
    }
    let database = match Database::connect(&config.database_settings()).await {
        Ok(database) => database,
        Err(error) => {
            let mend = if config.database.url.is_some() {
                "start the database, or correct database.url; `alkhub config check` shows where it is set"
            } else {
                "see what `data` says above; if the file is damaged, restore it from a backup"
            };
            return vec![Finding::fail(NAME, error.message, mend)];
        }
    };
    let mut findings = Vec::new();
    findings.push(match database.health().await {
        Ok(()) => Finding::ok(NAME, format!("{} answers", database.system())),
        Err(error) => Finding::fail(NAME, error.message, "look into the database's own log"),
    });
    findings.push(match database.pending().await {
        Ok(pending) if pending.is_empty() => Finding::ok(NAME, "the schema is up to date"),
        Ok(pending) if config.database.migrate => {
            let message = format!("{} migrations are to be run", pending.len());
            Finding::warn(
                NAME,
                message,
                "`alkhub serve` runs them when it starts, or run `alkhub migrate up`",
            )
        }
        Ok(pending) => Finding::fail(
            NAME,
            format!("{} migrations are to be run, and database.migrate is off", pending.len()),
            "run `alkhub migrate up`",
        ),
        Err(error) => {
            Finding::fail(NAME, error.message, "is this a hub's database, of this or an older version?")
        }
    });
    findings
}
