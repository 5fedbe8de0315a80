//! Bringing the schema up to date. The whole of it is one transaction that holds a lock, so that two processes that
//! start at once run each step once, and a failed step leaves nothing behind.

use std::time::{Duration, Instant};

use alkhub_core::{CallError, error::codes};
use alkhub_migrations::Migrator;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, EntityTrait, Statement};
use sea_orm_migration::{MigratorTrait, SchemaManager, seaql_migrations};

use super::{
    Database,
    error::{answer, within},
};

/// Any number that nobody else locks on this database: "alkhub" in ASCII.
const LOCK: i64 = 0x616c_6b68_7562;
/// Longest wait for another process that migrates.
const WAIT: Duration = Duration::from_secs(30);
/// How often a free lock is looked for.
const LOOK: Duration = Duration::from_millis(100);

/// A step and whether it was run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its name.
    pub name: String,
    /// It was run.
    pub applied: bool,
    /// When, in milliseconds since the Unix epoch, exact to a second.
    pub applied_at: Option<i64>,
}

impl Database {
    /// Runs what is pending and names it. Waits up to 30 s for another process that does so.
    ///
    /// # Errors
    /// UNAVAILABLE, or EXECUTION_ERROR where the database was migrated by a newer hub or a step fails.
    pub async fn migrate(&self) -> Result<Vec<String>, CallError> {
        let tx = self.lock().await?;
        let pending = names(&steps(&SchemaManager::new(&tx)).await?, false);
        if !pending.is_empty() {
            Migrator::up(&tx, None).await.map_err(answer)?;
        }
        tx.commit().await.map_err(answer)?;
        Ok(pending)
    }

    /// All steps, in order. Changes nothing, and needs no right to.
    ///
    /// # Errors
    /// As [`Database::migrate`].
    pub async fn migration_status(&self) -> Result<Vec<Step>, CallError> {
        steps(&SchemaManager::new(self.read().await?)).await
    }

    /// Names of the steps that are not run yet.
    ///
    /// # Errors
    /// As [`Database::migrate`].
    pub async fn pending(&self) -> Result<Vec<String>, CallError> {
        Ok(names(&self.migration_status().await?, false))
    }

    /// A transaction that no other process that migrates has at the same time. The lock is asked for again and again
    /// rather than waited for in the database, which bounds the wait on both alike.
    async fn lock(&self) -> Result<DatabaseTransaction, CallError> {
        let begun = Instant::now();
        loop {
            match self.try_lock().await {
                Ok(Some(tx)) => return Ok(tx),
                Ok(None) if begun.elapsed() >= WAIT => return Err(held()),
                Ok(None) => tokio::time::sleep(LOOK).await,
                Err(error) if begun.elapsed() < WAIT && is_busy(&error) => tokio::time::sleep(LOOK).await,
                Err(error) if is_busy(&error) => return Err(held()),
                Err(error) => return Err(error),
            }
        }
    }

    /// SQLite's immediate transaction is a lock already; Postgres has one to be taken.
    async fn try_lock(&self) -> Result<Option<DatabaseTransaction>, CallError> {
        let tx = self.begin().await?;
        if tx.get_database_backend() != DbBackend::Postgres {
            return Ok(Some(tx));
        }
        let of = |text: String| Statement::from_string(DbBackend::Postgres, text);
        within(tx.execute_raw(of("SET LOCAL statement_timeout = 0".to_owned()))).await?;
        let taken = tx.query_one_raw(of(format!("SELECT pg_try_advisory_xact_lock({LOCK}) AS taken")));
        let taken = within(async { taken.await?.map_or(Ok(false), |row| row.try_get("", "taken")) }).await?;
        Ok(taken.then_some(tx))
    }
}

/// SQLite's own word for a lock that another process holds.
fn is_busy(error: &CallError) -> bool {
    error.code == codes::UNAVAILABLE
        && error.cause.as_deref().is_some_and(|cause| cause.contains("database is locked"))
}

fn held() -> CallError {
    let mut error = CallError::unavailable("database");
    error.message = format!(
        "another process has been migrating this database for {} seconds; start again when it is done, or end it",
        WAIT.as_secs()
    );
    error
}

fn names(steps: &[Step], applied: bool) -> Vec<String> {
    steps.iter().filter(|step| step.applied == applied).map(|step| step.name.clone()).collect()
}

async fn steps(manager: &SchemaManager<'_>) -> Result<Vec<Step>, CallError> {
    let ran = within(ran(manager)).await?;
    let known = Migrator::migrations();
    if let Some(newer) = ran.iter().find(|step| !known.iter().any(|known| known.name() == step.version)) {
        return Err(CallError::new(
            codes::EXECUTION_ERROR,
            format!(
                "the database was migrated by a newer alkhub (step {} is unknown to {}); run that version, or restore a backup",
                newer.version,
                env!("CARGO_PKG_VERSION")
            ),
        ));
    }
    let steps = known.iter().map(|step| {
        let ran = ran.iter().find(|ran| ran.version == step.name());
        Step {
            name: step.name().to_owned(),
            applied: ran.is_some(),
            applied_at: ran.map(|ran| ran.applied_at.saturating_mul(1000)),
        }
    });
    Ok(steps.collect())
}

/// sea-orm's own way makes the table of steps where there is none, which would need a right to, and a lock.
async fn ran(manager: &SchemaManager<'_>) -> Result<Vec<seaql_migrations::Model>, DbErr> {
    if !manager.has_table("seaql_migrations").await? {
        return Ok(Vec::new());
    }
    seaql_migrations::Entity::find().all(manager.get_connection()).await
}
