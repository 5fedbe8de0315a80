//! `alkhub migrate`: the database's schema, brought up to date apart from `serve`.

use alkhub_core::CallError;
use clap::{Args, Subcommand};
use serde_json::json;

use super::args::{Format, Global, Place};
use super::exit::{Exit, Failure};
use super::{End, output};
use crate::config;
use crate::storage::Database;

/// Flags of `migrate`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  alkhub migrate status
  alkhub migrate up --data /var/lib/alkhub

`alkhub serve` migrates by itself unless it is given --no-migrate. Steps only ever add to the schema, so that a hub of
the previous release keeps working beside a migrated database.")]
pub(super) struct MigrateArgs {
    #[command(subcommand)]
    command: MigrateCommand,
    #[command(flatten)]
    pub(super) format: Format,
}

#[derive(Debug, Subcommand)]
enum MigrateCommand {
    /// Bring the schema up to date; does nothing if it is
    Up {
        #[command(flatten)]
        place: Place,
    },
    /// List the steps that are still to be run; exits with 1 if there are any
    Status {
        #[command(flatten)]
        place: Place,
    },
}

pub(super) async fn run(global: &Global, args: MigrateArgs) -> End {
    let json = args.format.json;
    match args.command {
        MigrateCommand::Up { place } => {
            let applied = Box::pin(open(global, &place)).await?.migrate().await.map_err(refused)?;
            if json {
                output::value(&json!({ "applied": applied }), false)?;
            } else if applied.is_empty() {
                output::line("The schema is up to date.")?;
            } else {
                for step in &applied {
                    output::line(&format!("ran {step}"))?;
                }
            }
            Ok(Exit::Done)
        }
        MigrateCommand::Status { place } => {
            let pending = Box::pin(open(global, &place)).await?.pending().await.map_err(refused)?;
            if json {
                output::value(&json!({ "pending": pending }), false)?;
            } else if pending.is_empty() {
                output::line("The schema is up to date.")?;
            } else {
                for step in &pending {
                    output::line(&format!("to run {step}"))?;
                }
            }
            Ok(if pending.is_empty() { Exit::Done } else { Exit::Failed })
        }
    }
}

/// Opens the configured database.
pub(super) async fn open(global: &Global, place: &Place) -> Result<Database, Failure> {
    let loaded = config::load(&global.sources(place.flags()))?;
    Database::connect(&loaded.config.database_settings()).await.map_err(refused)
}

/// A refusal of the database. Whoever stands at the machine may know the cause, which a caller may not.
pub(super) fn refused(error: CallError) -> Failure {
    let cause = error.cause.filter(|cause| !error.message.contains(cause.as_str()));
    let cause = cause.map(|cause| format!(": {cause}")).unwrap_or_default();
    Failure::failed(format!("{}{cause}", error.message)).help("`alkhub doctor` looks for what is wrong")
}
