//! Opening the database, and the two ways into it: reading and writing.

use std::{path::Path, sync::Arc, time::Duration};

use alkhub_core::CallError;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, SqliteTransactionMode,
    Statement, TransactionOptions, TransactionTrait,
};
use tokio::sync::Notify;

use super::{
    error::{answer, is_held_up, within},
    opening::Opening,
    pool,
};

/// Longest that opening the database takes beyond the wait for a connection.
const PATIENCE: Duration = Duration::from_secs(5);
/// Pause before SQLite's file is tried again.
const AGAIN: Duration = Duration::from_millis(50);

/// Where the database is and how it may be used.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `sqlite://PATH` or `postgres://...`. May hold a password; never logged.
    pub url: crate::config::Secret,
    /// Most connections.
    pub max_connections: u32,
    /// Longest wait of a call for a connection.
    pub acquire_timeout: Duration,
    /// Longest time that connecting to Postgres may take.
    pub connect_timeout: Duration,
}

impl Settings {
    /// Longest time of an attempt to connect: nobody gives up what somebody still waits for.
    pub(super) fn attempt(&self) -> Duration {
        self.connect_timeout.max(self.acquire_timeout)
    }
}

/// The database. Cheap to clone.
#[derive(Clone)]
pub struct Database {
    read: DatabaseConnection,
    write: DatabaseConnection,
    /// Of Postgres: SQLite's connections are made as fast as they are asked for.
    opening: Option<Opening>,
    appended: Arc<Notify>,
}

impl Database {
    /// Opens the database; SQLite's file and folder are made where they are missing, readable by their owner alone.
    ///
    /// # Errors
    /// UNAVAILABLE where it cannot be reached; the cause is in [`CallError::cause`].
    pub async fn connect(settings: &Settings) -> Result<Self, CallError> {
        let url = settings.url.expose();
        if let Some(path) = url.strip_prefix("sqlite:") {
            let query = path.split_once('?').map_or("", |(_, query)| query);
            if path.contains(":memory:") || query.contains("mode=memory") {
                let error = "it must be a file; what is only in memory would be lost, and every connection has its own";
                return Err(error_with("the database URL is not usable", &error));
            }
            prepare_file(path).map_err(|error| error_with("the database file cannot be made", &error))?;
            // One writer: transactions queue here instead of meeting SQLITE_BUSY inside the database.
            let write = opened(settings, sqlite(settings, 1)).await?;
            let read = opened(settings, sqlite(settings, settings.max_connections.max(1))).await?;
            return Ok(Self { read, write, opening: None, appended: Arc::default() });
        }
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            let error = "the URL must begin with sqlite:// or postgres://";
            return Err(error_with("the database URL is not usable", &error));
        }
        let pool = opened(settings, pool::postgres(settings)).await?;
        let opening = Some(Opening::of(pool.get_postgres_connection_pool(), settings));
        Ok(Self { read: pool.clone(), write: pool, opening, appended: Arc::default() })
    }

    /// The way in for reading.
    ///
    /// # Errors
    /// UNAVAILABLE where no connection comes about in time.
    pub(super) async fn read(&self) -> Result<&DatabaseConnection, CallError> {
        self.open().await?;
        Ok(&self.read)
    }

    pub(super) fn backend(&self) -> DbBackend {
        self.read.get_database_backend()
    }

    async fn open(&self) -> Result<(), CallError> {
        match &self.opening {
            Some(opening) => opening.wait().await,
            None => Ok(()),
        }
    }

    /// Has the database look at what it holds, so that it plans well. It does so by itself, a little later.
    ///
    /// # Errors
    /// UNAVAILABLE or EXECUTION_ERROR.
    pub async fn analyse(&self) -> Result<(), CallError> {
        self.write.execute_unprepared("ANALYZE").await.map(drop).map_err(answer)
    }

    /// The name of the database system.
    #[must_use]
    pub fn system(&self) -> &'static str {
        match self.write.get_database_backend() {
            DbBackend::Sqlite => "sqlite",
            DbBackend::Postgres => "postgres",
            _ => "other",
        }
    }

    /// Ends all connections, once what they do is done; further use is answered UNAVAILABLE.
    pub async fn close(&self) {
        for pool in [&self.write, &self.read] {
            if let Err(error) = pool.close_by_ref().await {
                tracing::debug!(%error, "a connection to the database did not end well");
            }
        }
    }

    /// Begins a transaction that will write.
    pub(super) async fn begin(&self) -> Result<DatabaseTransaction, CallError> {
        let options = TransactionOptions {
            // A deferred one would fail where it turns from reading to writing while another process writes.
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..Default::default()
        };
        self.open().await?;
        within(self.write.begin_with_options(options)).await
    }

    /// Commits a transaction that has appended events, and tells the relay of this process at once.
    pub(super) async fn commit_events(&self, tx: DatabaseTransaction) -> Result<(), CallError> {
        within(tx.commit()).await?;
        self.appended.notify_one();
        Ok(())
    }

    /// Notified when this process has appended events. One waits for it: the relay.
    #[must_use]
    pub fn appended(&self) -> &Notify {
        &self.appended
    }

    /// Whether the database answers, asked with a bound of a second.
    ///
    /// # Errors
    /// UNAVAILABLE.
    pub async fn health(&self) -> Result<(), CallError> {
        let ping = async {
            let statement = Statement::from_string(self.backend(), "SELECT 1");
            self.read().await?.execute_raw(statement).await.map_err(answer)
        };
        match tokio::time::timeout(Duration::from_secs(1), ping).await {
            Ok(answered) => answered.map(drop),
            Err(_) => Err(CallError::unavailable("database")),
        }
    }
}

/// Opens SQLite's file, also where the disk is slow or another process is just making it: that takes longer than a call
/// is made to wait for a connection. Bounded by [`opened`].
async fn sqlite(settings: &Settings, connections: u32) -> Result<DatabaseConnection, DbErr> {
    loop {
        match pool::sqlite(settings, connections).await {
            Err(error) if is_held_up(&error) => tokio::time::sleep(AGAIN).await,
            done => return done,
        }
    }
}

async fn opened(
    settings: &Settings,
    opening: impl Future<Output = Result<DatabaseConnection, DbErr>>,
) -> Result<DatabaseConnection, CallError> {
    match tokio::time::timeout(settings.attempt() + PATIENCE, opening).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(error)) => Err(error_with("the database cannot be opened", &error)),
        Err(_) => Err(error_with("the database cannot be opened", &"it does not answer")),
    }
}

/// Makes folder and file before SQLite does, to choose who may read them.
fn prepare_file(path: &str) -> std::io::Result<()> {
    let path = path.trim_start_matches("//");
    let path = path.split('?').next().unwrap_or(path);
    // The driver reads it as a URL path, with escapes.
    let path = percent_encoding::percent_decode_str(path).decode_utf8_lossy().into_owned();
    let path = Path::new(&path);
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists()) {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder)?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

fn error_with(what: &str, cause: &dyn std::fmt::Display) -> CallError {
    let mut error = CallError::unavailable("database");
    error.message = format!("{what}: {cause}");
    error.cause = Some(cause.to_string());
    error
}
