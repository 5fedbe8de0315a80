//! Calls that are given up halfway leave the storage fit for the next.

use std::task::Poll;

use alkhub::storage::{
    Database, Receipt,
    audit::Actor,
    keys as stored,
    projects::{self, Filter, Written},
};

use super::{for_each_database, key, open, token};

async fn create(database: &Database, name: &str) -> Result<Written, alkhub_core::CallError> {
    projects::create(database, &Receipt::none(), name.to_owned(), "https://git.example/p".to_owned(), None)
        .await
}

/// Polls a future at most so many times, then drops it: given up while waiting, inside the transaction, at its end.
async fn given_up_after<T>(polls: usize, future: impl Future<Output = T>) -> (Option<T>, usize) {
    let mut future = std::pin::pin!(future);
    let mut polled = 0;
    let outcome = std::future::poll_fn(|context| {
        if polled == polls {
            return Poll::Ready(None);
        }
        polled += 1;
        future.as_mut().poll(context).map(Some)
    });
    (outcome.await, polled)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_given_up_at_any_point() {
    for_each_database(async |backend, database| {
        let mut longest = 0;
        for number in 0..20 {
            let (stored, polls) =
                given_up_after(usize::MAX, create(&database, &format!("measured {number}"))).await;
            stored.expect("waited for").expect("stored");
            longest = longest.max(polls);
        }
        println!("{}: up to {longest} polls", backend.name());
        for step in 0..400 {
            let name = format!("maybe {step}");
            let (done, _) = given_up_after(step % (longest + 1), create(&database, &name)).await;
            assert!(step % (longest + 1) > 0 || done.is_none(), "not even begun");
            let actor = Actor::default();
            let changed = stored::create(&database, key(&token(), &[]), &actor);
            given_up_after((step * 7) % (longest + 1), changed).await;
        }
        // The connections work, nothing is half done, and no lock is left behind.
        for number in 0..20 {
            let stored = create(&database, &format!("after {number}")).await;
            assert!(matches!(stored, Ok(Written::Done(_))), "{}: {stored:?}", backend.name());
        }
        let epoch = stored::epoch(&database).await.expect("an epoch");
        let mut cursor = None;
        let mut keys = 0;
        loop {
            let page = stored::list(&database, None, cursor.as_deref(), 200).await.expect("a page");
            keys += page.items.len();
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(i64::try_from(keys), Ok(epoch), "a key is stored with its epoch or not at all");
    })
    .await;
}

/// Another process holds SQLite's lock for longer than is waited for, or Postgres' row.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_that_wait_in_vain_are_told_and_harm_nobody() {
    for_each_database(async |backend, database| {
        if backend.name() != "SQLite" {
            return;
        }
        let path = backend.url().trim_start_matches("sqlite://").to_owned();
        let url = format!("sqlite://{path}");
        let holder: sea_orm::DatabaseConnection = sea_orm::Database::connect(&url).await.expect("opened");
        let options = sea_orm::TransactionOptions {
            sqlite_transaction_mode: Some(sea_orm::SqliteTransactionMode::Immediate),
            ..Default::default()
        };
        let held = sea_orm::TransactionTrait::begin_with_options(&holder, options).await.expect("locked");
        let waiting: Vec<_> = (0..6)
            .map(|number| {
                let database = database.clone();
                tokio::spawn(async move { create(&database, &format!("waits {number}")).await })
            })
            .collect();
        // Readers do not wait for writers.
        projects::list(&database, Filter::default(), None, 10).await.expect("a page");
        assert!(waiting.iter().all(|waits| !waits.is_finished()), "a reader waited as long as the writers");
        for waits in waiting {
            let refused = waits.await.expect("joined").expect_err("the lock is held");
            assert_eq!(refused.code, "UNAVAILABLE", "{refused:?}");
        }
        held.rollback().await.expect("freed");
        for number in 0..5 {
            create(&database, &format!("after {number}")).await.expect("stored");
        }
        let second = open(&backend.url()).await;
        create(&second, "also").await.expect("stored");
    })
    .await;
}
