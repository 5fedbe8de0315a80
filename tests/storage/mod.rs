//! The storage and the key store by themselves, on every database that the environment offers.

mod absence;
mod cancelled;
mod events;
mod gate;
mod idempotency;
mod keys;
mod migrate;
mod postgres;
mod projects;
mod store;

use std::time::Duration;

use alkhub::{
    keys::Token,
    storage::{Database, Settings, keys::Key, time::now_ms},
};

use crate::support::database::Backend;

/// Opens a database by its URL, as a process would, with time for a loaded machine.
async fn open(url: &str) -> Database {
    open_within(url, Duration::from_secs(30)).await
}

/// The same with the wait for a connection that a hub has, for tests of a database that is away.
async fn open_hasty(url: &str) -> Database {
    open_within(url, Duration::from_secs(2)).await
}

async fn open_within(url: &str, acquire_timeout: Duration) -> Database {
    let connect_timeout = Duration::from_secs(10);
    let settings = Settings { url: url.into(), max_connections: 8, acquire_timeout, connect_timeout };
    Database::connect(&settings).await.expect("the database opens")
}

/// Runs a test on a fresh, migrated database of each kind.
async fn for_each_database(test: impl AsyncFn(&Backend, Database)) {
    for backend in Backend::all().await {
        println!("-- on {}", backend.name());
        let database = open(&backend.url()).await;
        database.migrate().await.expect("the schema is made");
        Box::pin(test(&backend, database)).await;
    }
}

/// A key that can be stored, of a fresh token.
fn key(token: &Token, scopes: &[&str]) -> Key {
    Key {
        id: token.id().to_owned(),
        name: "test".to_owned(),
        secret_hash: token.hash().to_vec(),
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        resources: std::collections::BTreeMap::new(),
        created_at: now_ms(),
        created_by: None,
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
    }
}

/// A fresh token.
fn token() -> Token {
    Token::generate().expect("random")
}
