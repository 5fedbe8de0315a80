//! What the storage answers while Postgres is away, and that it finds it again by itself.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use alkhub::storage::{Database, Receipt, projects};
use alkhub_core::error::codes;
use tokio::{
    io::{AsyncReadExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    sync::watch,
};

use super::{open_hasty, open_within, postgres::Postgres};
use crate::support::until;

/// An answer that takes longer hangs. Each is bounded by a quarter of it; the rest is for a loaded machine.
const HANGS: Duration = Duration::from_secs(48);

async fn create(database: &Database, name: &str) -> Result<(), alkhub_core::CallError> {
    projects::create(database, &Receipt::none(), name.to_owned(), "https://git.example/p".to_owned(), None)
        .await
        .map(drop)
}

/// Reads and writes, more than there are connections, all answer UNAVAILABLE in time.
async fn is_told(database: &Database) {
    let begun = Instant::now();
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..24 {
        let database = database.clone();
        calls.spawn(async move {
            let refused = if number % 2 == 0 {
                create(&database, &format!("lost {number}")).await
            } else {
                projects::get(&database, "none").await.map(drop)
            };
            (refused, begun.elapsed())
        });
    }
    let mut slowest = Duration::ZERO;
    while let Some(call) = calls.join_next().await {
        let (refused, took) = call.expect("joined");
        let error = refused.expect_err("there is no database");
        assert_eq!((&*error.code, error.retry_after), (codes::UNAVAILABLE, Some(1)), "{error:?}");
        slowest = slowest.max(took);
    }
    println!("the slowest of 24 refusals took {slowest:?}");
    assert!(slowest < HANGS, "{slowest:?}");
    let health = tokio::time::timeout(HANGS, database.health());
    assert!(health.await.expect("health is told in time").is_err());
}

async fn is_found_again(database: &Database) {
    let waited = until("the database is found again", Duration::from_secs(20), async || {
        projects::get(database, "none").await.is_ok()
    })
    .await;
    println!("found again after {waited:?}");
    // All connections, not only one of them.
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..24 {
        let database = database.clone();
        calls.spawn(async move { create(&database, &format!("again {number}")).await });
    }
    while let Some(call) = calls.join_next().await {
        call.expect("joined").expect("stored");
    }
    database.health().await.expect("healthy");
}

async fn migrated(url: &str) -> Database {
    let database = open_hasty(url).await;
    database.migrate().await.expect("the schema is made");
    create(&database, "before").await.expect("stored");
    database
}

#[tokio::test]
async fn a_killed_postgres() {
    let Some(mut postgres) = Postgres::start().await else { return };
    let database = migrated(&postgres.url()).await;
    postgres.kill();
    is_told(&database).await;
    postgres.run().await;
    is_found_again(&database).await;
    let listed = projects::list(&database, projects::Filter::default(), None, 100).await.expect("listed");
    assert_eq!(listed.items[0].name, "before");
}

#[tokio::test]
async fn a_postgres_that_hangs() {
    let Some(postgres) = Postgres::start().await else { return };
    let database = migrated(&postgres.url()).await;
    postgres.signal("STOP");
    is_told(&database).await;
    postgres.signal("CONT");
    is_found_again(&database).await;
}

/// A network that swallows everything and never says so, as when the machine with the database is gone and another
/// takes over its address: old connections stay silent for ever.
struct Gulf {
    address: SocketAddr,
    swallows: Arc<watch::Sender<bool>>,
}

impl Gulf {
    async fn before(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let swallows = Arc::new(watch::Sender::new(false));
        let state = swallows.clone();
        tokio::spawn(async move {
            while let Ok((mut inner, _)) = listener.accept().await {
                let (target, mut state) = (target.clone(), state.subscribe());
                tokio::spawn(async move {
                    if !*state.borrow_and_update() {
                        let Ok(mut outer) = TcpStream::connect(target).await else { return };
                        tokio::select! {
                            _ = copy_bidirectional(&mut inner, &mut outer) => return,
                            _ = state.changed() => {}
                        }
                    }
                    let mut sink = [0; 4096];
                    while inner.read(&mut sink).await.is_ok_and(|read| read > 0) {}
                });
            }
        });
        Self { address, swallows }
    }
}

#[tokio::test]
async fn a_network_that_swallows_everything() {
    let Some(postgres) = Postgres::start().await else { return };
    let gulf = Gulf::before(postgres.place()).await;
    let database = migrated(&format!("postgres://postgres@{}/postgres", gulf.address)).await;
    // All connections are open when it happens.
    let ready = (0..8).map(async |number| create(&database, &format!("early {number}")).await);
    for stored in futures::future::join_all(ready).await {
        stored.expect("stored");
    }
    gulf.swallows.send_replace(true);
    is_told(&database).await;
    gulf.swallows.send_replace(false);
    is_found_again(&database).await;
}

/// A way to a server that takes its time to let somebody in, and loses all connections when that changes.
struct Porter {
    address: SocketAddr,
    takes: Arc<watch::Sender<Duration>>,
}

impl Porter {
    async fn before(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let takes = Arc::new(watch::Sender::new(Duration::ZERO));
        let state = takes.clone();
        tokio::spawn(async move {
            while let Ok((mut inner, _)) = listener.accept().await {
                let (target, mut state) = (target.clone(), state.subscribe());
                tokio::spawn(async move {
                    let takes = *state.borrow_and_update();
                    let let_in = async {
                        tokio::time::sleep(takes).await;
                        let Ok(mut outer) = TcpStream::connect(target).await else { return };
                        let _ = copy_bidirectional(&mut inner, &mut outer).await;
                    };
                    tokio::select! {
                        () = let_in => {}
                        _ = state.changed() => {}
                    }
                });
            }
        });
        Self { address, takes }
    }
}

/// As after a crash, under load: connecting takes longer than any call waits for a connection.
#[tokio::test]
async fn a_postgres_that_is_slow_to_let_anybody_in() {
    let Some(postgres) = Postgres::start().await else { return };
    let porter = Porter::before(postgres.place()).await;
    let url = format!("postgres://postgres@{}/postgres", porter.address);
    let database = open_within(&url, Duration::from_millis(200)).await;
    database.migrate().await.expect("the schema is made");
    porter.takes.send_replace(Duration::from_secs(1));
    // Callers come all the time, and none of them waits for long enough.
    let waited = until("the database is found again", Duration::from_secs(60), async || {
        let mut calls = tokio::task::JoinSet::new();
        for _ in 0..24 {
            let database = database.clone();
            calls.spawn(async move { projects::get(&database, "none").await.is_ok() });
        }
        calls.join_all().await.into_iter().all(|answered| answered)
    })
    .await;
    println!("found again after {waited:?}");
    create(&database, "again").await.expect("stored");
}
