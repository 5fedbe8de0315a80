//! Bringing the schema up to date. The whole of it is one transaction that holds a lock, so that two processes that
//! start at once run each step once, and a failed step leaves nothing behind.

use alkhub_core::CallError;
use alkhub_migrations::Migrator;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, Statement};
use sea_orm_migration::{MigrationStatus, MigratorTrait};

use super::{Database, error::answer};

/// Any number that nobody else locks on this database: "alkhub" in ASCII.
const LOCK: i64 = 0x616c_6b68_7562;

/// A step and whether it was run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its name.
    pub name: String,
    /// It was run.
    pub applied: bool,
}

impl Database {
    /// Runs what is pending and names it.
    ///
    /// # Errors
    /// UNAVAILABLE, or EXECUTION_ERROR where the database was migrated by a newer hub or a step fails.
    pub async fn migrate(&self) -> Result<Vec<String>, CallError> {
        let tx = self.begin().await?;
        lock(&tx).await?;
        let pending = names(&steps(&tx).await?, false);
        if !pending.is_empty() {
            Migrator::up(&tx, None).await.map_err(answer)?;
        }
        tx.commit().await.map_err(answer)?;
        Ok(pending)
    }

    /// All steps, in order.
    ///
    /// # Errors
    /// As [`Database::migrate`].
    pub async fn migration_status(&self) -> Result<Vec<Step>, CallError> {
        let tx = self.begin().await?;
        let found = steps(&tx).await;
        // Looking makes the table of steps where there is none; it need not stay.
        tx.rollback().await.map_err(answer)?;
        found
    }

    /// Names of the steps that are not run yet.
    ///
    /// # Errors
    /// As [`Database::migrate`].
    pub async fn pending(&self) -> Result<Vec<String>, CallError> {
        Ok(names(&self.migration_status().await?, false))
    }
}

fn names(steps: &[Step], applied: bool) -> Vec<String> {
    steps.iter().filter(|step| step.applied == applied).map(|step| step.name.clone()).collect()
}

/// SQLite's immediate transaction is a lock already.
async fn lock(tx: &DatabaseTransaction) -> Result<(), CallError> {
    if tx.get_database_backend() != DbBackend::Postgres {
        return Ok(());
    }
    for statement in [
        "SET LOCAL lock_timeout = '30s'".to_owned(),
        "SET LOCAL statement_timeout = 0".to_owned(),
        format!("SELECT pg_advisory_xact_lock({LOCK})"),
    ] {
        tx.execute_raw(Statement::from_string(DbBackend::Postgres, statement)).await.map_err(answer)?;
    }
    Ok(())
}

async fn steps(tx: &DatabaseTransaction) -> Result<Vec<Step>, CallError> {
    Migrator::install(tx).await.map_err(answer)?;
    let applied = Migrator::get_migration_models(tx).await.map_err(answer)?;
    let known: Vec<String> =
        Migrator::migrations().iter().map(|migration| migration.name().to_owned()).collect();
    if let Some(newer) = applied.iter().find(|step| !known.contains(&step.version)) {
        return Err(CallError::new(
            alkhub_core::error::codes::EXECUTION_ERROR,
            format!(
                "the database was migrated by a newer alkhub (step {} is unknown to {}); run that version, or restore a backup",
                newer.version,
                env!("CARGO_PKG_VERSION")
            ),
        ));
    }
    let steps = Migrator::get_migration_with_status(tx).await.map_err(answer)?;
    Ok(steps
        .iter()
        .map(|step| Step { name: step.name().to_owned(), applied: step.status() == MigrationStatus::Applied })
        .collect())
}
