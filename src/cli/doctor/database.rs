//! Whether the database answers, its schema is up to date, and its events are being numbered.

use super::finding::{Finding, Grade};
use crate::config::Config;
use crate::storage::{Database, events, outbox};

const NAME: &str = "database";
const EVENTS: &str = "events";
/// Longer than a hub that works leaves an event waiting.
const LATE_MS: i64 = 10_000;

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
    if matches!(findings.last(), Some(Finding { grade: Grade::Ok, .. })) {
        findings.push(relay(&database).await);
    }
    findings
}

/// Whether committed events wait for a relay that does not come.
async fn relay(database: &Database) -> Finding {
    let (waiting, bounds) = match tokio::join!(outbox::waiting(database), events::bounds(database)) {
        (Ok(waiting), Ok(bounds)) => (waiting, bounds),
        (Err(error), _) | (_, Err(error)) => {
            return Finding::fail(EVENTS, error.message, "look into the database's own log");
        }
    };
    if waiting.oldest_ms < LATE_MS {
        let kept = bounds.head.saturating_sub(bounds.floor);
        return Finding::ok(EVENTS, format!("{kept} are kept, the last one is number {}", bounds.head));
    }
    let message =
        format!("{} wait for a number, the oldest for {} s", waiting.events, waiting.oldest_ms / 1000);
    Finding::warn(
        EVENTS,
        message,
        "a running hub numbers them; if one runs on this database, its log says why it does not",
    )
}
