//! Pools of connections, and what keeps a lost database from taking them with it.

use std::time::Duration;

use sea_orm::{
    ConnectOptions, Database as SeaOrm, DatabaseConnection, DbErr, RuntimeErr,
    sqlx::{
        Connection, Error,
        postgres::PgConnectOptions,
        sqlite::{SqliteJournalMode, SqliteSynchronous},
    },
};

use super::Settings;

/// How long SQLite waits for another process's lock.
const BUSY: Duration = Duration::from_secs(5);
/// Longest statement, enforced by Postgres. Shorter than [`super::error::within`], which is for a server that is silent.
const STATEMENT: Duration = Duration::from_secs(5);
/// A connection that was idle for longer is asked whether it still works before it is used.
const FRESH: Duration = Duration::from_millis(500);
/// How long a connection that is given back may take to say that it is fit for further use.
const GIVEN_BACK: Duration = Duration::from_secs(1);

/// Opens SQLite's file.
pub(super) async fn sqlite(settings: &Settings, connections: u32) -> Result<DatabaseConnection, DbErr> {
    let mut options = common(ConnectOptions::new(settings.url.expose()), settings, connections);
    options.map_sqlx_sqlite_opts(|sqlite| {
        sqlite
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // An answered write survives a loss of power, not only of the process.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY)
    });
    SeaOrm::connect(options).await
}

/// Connects to Postgres.
pub(super) async fn postgres(settings: &Settings) -> Result<DatabaseConnection, DbErr> {
    let parsed: PgConnectOptions = settings.url.expose().parse().map_err(as_connect_error)?;
    let statement = [("statement_timeout", STATEMENT.as_millis().to_string())];
    let parsed = parsed.application_name("alkhub").options(statement);
    // sea-orm repeats the URL in errors and spans, and with it the password; so it sees another one.
    let connections = settings.max_connections.max(1);
    let mut options = common(ConnectOptions::new("postgres://localhost"), settings, connections);
    // The driver counts connecting as a part of the wait for a connection, and begins anew with each wait. How long a
    // call waits is for `Opening` to say.
    options.acquire_timeout(settings.attempt()).connect_timeout(settings.attempt());
    options.map_sqlx_postgres_opts(move |given| {
        use sea_orm::sqlx::ConnectOptions;
        drop(given);
        parsed.clone().disable_statement_logging()
    });
    options.map_sqlx_postgres_pool_opts(|pool| {
        // The driver pings what is given back without a bound. Where the network swallows everything, each abandoned
        // statement would keep its place in the pool until the kernel gives up, a quarter of an hour later.
        pool.after_release(|connection, _| {
            Box::pin(async move {
                match tokio::time::timeout(GIVEN_BACK, connection.ping()).await {
                    Ok(answered) => answered.map(|()| true),
                    Err(_) => Err(Error::PoolTimedOut),
                }
            })
        })
    });
    SeaOrm::connect(options).await
}

fn common(mut options: ConnectOptions, settings: &Settings, connections: u32) -> ConnectOptions {
    options
        .max_connections(connections)
        .acquire_timeout(settings.acquire_timeout)
        .connect_timeout(settings.acquire_timeout)
        .idle_timeout(Duration::from_secs(600))
        .test_before_acquire_if_idle_for(FRESH)
        .sqlx_logging(false);
    options
}

fn as_connect_error(error: Error) -> DbErr {
    DbErr::Conn(RuntimeErr::SqlxError(error.into()))
}
