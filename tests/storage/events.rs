//! The order of events: dense, and the same for everybody, however their transactions come and go.

use std::{collections::BTreeSet, time::Duration};

use alkhub::storage::{
    Database,
    events::{self, Bounds, Event, Filter, New},
    outbox,
    retention::{self, Keep},
};
use sea_orm::{ConnectionTrait, DatabaseTransaction, TransactionTrait};
use serde_json::json;
use tokio::task::JoinSet;

use super::{for_each_database, open};
use crate::support::{database::Backend, until};

fn event(kind: &str, number: i64) -> New {
    New { kind: kind.to_owned(), payload: json!(number), ..New::default() }
}

async fn publish(database: &Database, kind: &str, number: i64) {
    events::publish(database, event(kind, number)).await.expect("appended");
}

/// What a reader sees who has come as far as `last`, at this moment.
async fn after(database: &Database, last: i64) -> Vec<Event> {
    let head = events::bounds(database).await.expect("bounds").head;
    events::between(database, &Filter::everything(), last, head, 100_000).await.expect("read")
}

async fn relay(database: &Database) -> u64 {
    outbox::number(database, 1000).await.expect("numbered").count
}

/// A transaction that has appended an event and is not over.
async fn held(backend: &Backend, kind: &str) -> DatabaseTransaction {
    let connection = sea_orm::Database::connect(backend.url()).await.expect("connected");
    let tx = connection.begin().await.expect("begun");
    let row = format!(
        "INSERT INTO events (type, key, payload, created_at, bytes) VALUES ('{kind}', '', '0', 1, 1)"
    );
    tx.execute_unprepared(&row).await.expect("appended");
    tx
}

fn numbers(events: &[Event]) -> Vec<i64> {
    events.iter().map(|event| event.sequence).collect()
}

/// The transaction that appended first commits last. A reader who asks for what comes after the last number that it has
/// seen must get its event, although it was appended before all that the reader has seen.
#[tokio::test]
async fn who_commits_late_is_not_missed() {
    for_each_database(async |backend, database| {
        if database.system() == "sqlite" {
            // One writer at a time: a transaction that is held open lets no other one commit.
            return;
        }
        let first = held(backend, "custom.first").await;
        let mut seen = Vec::new();
        for round in 0..5 {
            for number in 0..20 {
                publish(&database, "custom.later", round * 20 + number).await;
            }
            assert_eq!(relay(&database).await, 20, "the open transaction holds up nobody");
            seen.extend(after(&database, seen.last().map_or(0, |event: &Event| event.sequence)).await);
        }
        assert_eq!(numbers(&seen), (1..=100).collect::<Vec<_>>());
        first.commit().await.expect("committed");
        assert_eq!(relay(&database).await, 1);
        let late = after(&database, 100).await;
        assert_eq!((late.len(), late[0].sequence, late[0].kind.as_str()), (1, 101, "custom.first"));
        assert_eq!(relay(&database).await, 0, "once");
    })
    .await;
}

#[tokio::test]
async fn who_does_not_commit_leaves_no_hole() {
    for_each_database(async |backend, database| {
        for number in 0..5 {
            let undone = held(backend, "custom.undone").await;
            undone.rollback().await.expect("rolled back");
            publish(&database, "custom.done", number).await;
        }
        assert_eq!(relay(&database).await, 5);
        let all = after(&database, 0).await;
        assert_eq!(numbers(&all), [1, 2, 3, 4, 5]);
        assert!(all.iter().all(|event| event.kind == "custom.done"));
    })
    .await;
}

/// Two processes write and relay, and a reader follows: it sees every event once, in the order of dense numbers.
#[tokio::test]
async fn many_writers_and_relays_make_one_order() {
    const WRITERS: i64 = 8;
    const EACH: i64 = 40;
    for_each_database(async |backend, database| {
        let other = open(&backend.url()).await;
        let mut writers = JoinSet::new();
        for writer in 0..WRITERS {
            let database = if writer % 2 == 0 { database.clone() } else { other.clone() };
            writers.spawn(async move {
                for number in 0..EACH {
                    publish(&database, "custom.a", writer * EACH + number).await;
                }
            });
        }
        for database in [&database, &other] {
            let database = database.clone();
            writers.spawn(async move {
                while events::bounds(&database).await.expect("bounds").head < WRITERS * EACH {
                    // Few at a time, so that the two take turns.
                    outbox::number(&database, 7).await.expect("numbered");
                }
            });
        }
        let mut seen: Vec<Event> = Vec::new();
        until("all were seen", Duration::from_secs(60), async || {
            seen.extend(after(&database, seen.last().map_or(0, |event| event.sequence)).await);
            seen.len() >= usize::try_from(WRITERS * EACH).expect("few")
        })
        .await;
        writers.join_all().await;
        assert_eq!(numbers(&seen), (1..=WRITERS * EACH).collect::<Vec<_>>());
        let payloads: BTreeSet<i64> = seen.iter().filter_map(|event| event.payload.as_i64()).collect();
        assert_eq!(payloads.len(), seen.len(), "each once");
        assert_eq!(after(&database, 0).await, seen, "as it is read later");
        for writer in 0..WRITERS {
            let own = |event: &&Event| event.payload.as_i64().is_some_and(|number| number / EACH == writer);
            let own: Vec<_> = seen.iter().filter(own).filter_map(|event| event.payload.as_i64()).collect();
            assert!(own.is_sorted(), "what one writer appended stays in its order");
        }
    })
    .await;
}

#[tokio::test]
async fn the_log_is_shortened_by_age_count_and_size_from_its_beginning() {
    const DAY: Duration = Duration::from_secs(86_400);
    let keep = Keep { age: DAY, count: u64::MAX, bytes: u64::MAX };
    for_each_database(async |backend, database| {
        for number in 0..20 {
            publish(&database, "custom.a", number).await;
        }
        relay(&database).await;
        let bounds = async || events::bounds(&database).await.expect("bounds");
        assert_eq!(retention::shorten(&database, keep).await, Ok(0));
        backend.execute("UPDATE events SET created_at = 1 WHERE seq IN (1, 2, 3, 5)").await;
        assert_eq!(retention::shorten(&database, keep).await, Ok(3), "to the first that is kept");
        assert_eq!(bounds().await, Bounds { floor: 3, head: 20 });
        assert_eq!(retention::shorten(&database, Keep { count: 10, ..keep }).await, Ok(7));
        assert_eq!(numbers(&after(&database, 0).await), (11..=20).collect::<Vec<_>>());
        // 64 for the row, 8 for the type, 2 for the payload.
        assert_eq!(retention::shorten(&database, Keep { bytes: 4 * 74, ..keep }).await, Ok(6));
        assert_eq!(bounds().await, Bounds { floor: 16, head: 20 });
        let nothing = Keep { count: 0, ..keep };
        assert_eq!(retention::shorten(&database, nothing).await, Ok(4));
        publish(&database, "custom.a", 20).await;
        assert_eq!(retention::shorten(&database, nothing).await, Ok(0), "what has no number is not touched");
        relay(&database).await;
        assert_eq!(numbers(&after(&database, 20).await), [21], "numbers are not given again");
        assert_eq!(retention::shorten(&database, Keep { bytes: 74, ..keep }).await, Ok(0));
    })
    .await;
}

#[tokio::test]
async fn what_waits_is_told_with_its_age() {
    for_each_database(async |backend, database| {
        assert_eq!(outbox::waiting(&database).await, Ok(outbox::Waiting::default()));
        publish(&database, "custom.a", 1).await;
        publish(&database, "custom.a", 2).await;
        backend.execute("UPDATE events SET created_at = created_at - 5000 WHERE payload = '1'").await;
        let waiting = outbox::waiting(&database).await.expect("told");
        assert_eq!(waiting.events, 2);
        assert!(waiting.oldest_ms >= 5000, "{waiting:?}");
    })
    .await;
}
