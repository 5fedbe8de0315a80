//! The log of events and its readers, over HTTP.

use std::{sync::Arc, time::Duration};

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    database::Backend,
    events::{Reader, head, numbers, publish},
    hub::{ADMIN, Answer, TestHub, each_hub, each_hub_with},
    until,
    wire::Wire,
};

const PATIENCE: Duration = Duration::from_secs(30);

async fn project(hub: &TestHub, name: &str) -> String {
    let body = json!({ "name": name, "repository": "https://git.example/p" });
    let made = hub.post("/api/projects", body).await.ok();
    made["id"].as_str().expect("an id").to_owned()
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().filter_map(|event| event["type"].as_str()).collect()
}

#[tokio::test]
async fn changes_tell_of_themselves_and_never_a_secret() {
    each_hub(async |hub| {
        // The admin key's own.
        until("the first event", PATIENCE, async || head(hub).await == 1).await;
        let mut reader = Reader::open(hub, ADMIN, "?types=project.*&types=key.*").await;
        let id = project(hub, "one").await;
        let path = format!("/api/projects/{id}");
        Answer::of(hub.request(Method::PATCH, &path).json(&json!({ "name": "two" }))).await.ok();
        // What changes nothing tells nothing.
        Answer::of(hub.request(Method::PATCH, &path).json(&json!({ "name": "two" }))).await.ok();
        for _ in 0..2 {
            hub.post(&format!("{path}/archive"), json!({})).await.ok();
        }
        let issued = hub.post("/api/keys", json!({ "name": "k", "scopes": ["project:read"] })).await.ok();
        let key = issued["key"]["id"].as_str().expect("an id").to_owned();
        let rotated = hub.post(&format!("/api/keys/{key}/rotate"), json!({})).await.ok();
        Answer::of(hub.request(Method::DELETE, &format!("/api/keys/{key}"))).await.ok();
        let events = reader.take(6).await;
        assert_eq!(
            kinds(&events),
            [
                "project.created",
                "project.updated",
                "project.archived",
                "key.created",
                "key.rotated",
                "key.revoked"
            ]
        );
        assert_eq!((&events[1]["id"], &events[1]["project"]), (&json!(id), &json!(id)));
        assert_eq!(events[1]["payload"]["name"], "two");
        assert_eq!(
            (&events[5]["id"], &events[5]["payload"]["by"]),
            (&json!(key), &json!("testadmintestadmin"))
        );
        let log = hub.get("/api/events/log?limit=200").await.body;
        for token in [&issued["token"], &rotated["token"]] {
            let secret = token.as_str().and_then(|token| token.rsplit('_').next()).expect("a secret");
            assert!(!log.contains(secret), "a secret is in the log");
        }
    })
    .await;
}

#[tokio::test]
async fn a_refused_change_tells_nothing() {
    each_hub(async |hub| {
        project(hub, "taken").await;
        until("one event", PATIENCE, async || head(hub).await >= 2).await;
        let before = head(hub).await;
        let body = json!({ "name": "taken", "repository": "https://git.example/p" });
        hub.post("/api/projects", body).await.problem(409, "PROJECT_EXISTS");
        project(hub, "free").await;
        until("the next event", PATIENCE, async || head(hub).await == before + 1).await;
    })
    .await;
}

/// A reader that resumes with the last id gets every event once and in order, also those of the time without it.
#[tokio::test]
async fn resuming_over_a_restart_misses_nothing_and_repeats_nothing() {
    for backend in Backend::all().await {
        println!("-- on {}", backend.name());
        let backend = Arc::new(backend);
        let mut hub = TestHub::start(backend.clone(), |_| {}).await;
        let mut reader = Reader::open(&hub, ADMIN, "?since=0").await;
        let mut seen = numbers(&reader.take(1).await);
        for number in 0..50 {
            publish(&hub, "custom.before", "", json!(number)).await;
        }
        seen.extend(numbers(&reader.take(20).await));
        // The rest of them is on its way or not: the reader leaves in the middle.
        drop(reader);
        for number in 0..10 {
            publish(&hub, "custom.between", "", json!(number)).await;
        }
        assert!(hub.stop().await);
        let mut hub = TestHub::start(backend, |_| {}).await;
        for number in 0..10 {
            publish(&hub, "custom.after", "", json!(number)).await;
        }
        // A browser repeats its URL; the header counts more.
        let last = seen.last().copied();
        let mut reader = Reader::resume(&hub, ADMIN, "?since=0", last).await;
        seen.extend(numbers(&reader.take(50).await));
        publish(&hub, "custom.live", "", json!(null)).await;
        let live = reader.next().await;
        assert_eq!(live["type"], "custom.live");
        seen.extend(numbers(&[live]));
        assert_eq!(seen, (1..=72).collect::<Vec<_>>());
        hub.stop().await;
    }
}

#[tokio::test]
async fn a_stop_tells_readers_to_come_again() {
    each_hub(async |hub| {
        until("the first event", PATIENCE, async || head(hub).await == 1).await;
        let mut reader = Reader::open(hub, ADMIN, "").await;
        let first = reader.frame().await.expect("a position");
        assert_eq!((first.event.as_str(), first.id), ("hub.position", first.data["sequence"].as_i64()));
        let stopped = async {
            let frame = reader.frame().await.expect("a word");
            assert_eq!((frame.event.as_str(), &frame.data["code"]), ("error", &json!("ABORTED")));
            assert!(reader.frame().await.is_none(), "and the end");
        };
        let (stop, ()) = tokio::join!(hub.stop(), stopped);
        assert!(stop);
    })
    .await;
}

#[tokio::test]
async fn a_reader_sees_what_its_scopes_are_for() {
    each_hub(async |hub| {
        let (projects, custom) = (hub.key(&["project:read"]).await, hub.key(&["event:read"]).await);
        let mut of_projects = Reader::open(hub, &projects, "?since=0").await;
        let mut of_custom = Reader::open(hub, &custom, "?since=0&types=*").await;
        for round in 0..3 {
            project(hub, &format!("p{round}")).await;
            publish(hub, "custom.note", "n", json!({ "round": round })).await;
        }
        assert_eq!(kinds(&of_projects.take(3).await), ["project.created"; 3]);
        assert_eq!(kinds(&of_custom.take(3).await), ["custom.note"; 3]);
        let list = async |key: &str, query: &str| {
            let page = hub.get_as(key, &format!("/api/events/log?{query}")).await.ok();
            page["items"].as_array().expect("items").clone()
        };
        assert_eq!(kinds(&list(&projects, "").await), ["project.created"; 3]);
        assert!(list(&projects, "types=key.*&types=custom.note").await.is_empty(), "asking does not help");
        assert_eq!(kinds(&list(&custom, "types=*&order=newest&limit=1").await), ["custom.note"]);
        let other = hub.key(&["spoke:read"]).await;
        hub.get_as(&other, "/api/events").await.problem(403, "ACCESS_DENIED");
        let body = json!({ "type": "custom.note" });
        hub.post_as(&custom, "/api/events", body).await.problem(403, "ACCESS_DENIED");
    })
    .await;
}

#[tokio::test]
async fn filters_are_by_type_id_project_and_session() {
    each_hub(async |hub| {
        let event = |kind: &str, id: &str, project: &str, session: &str| {
            json!({ "type": kind, "id": id, "project": project, "session": session })
        };
        for body in [
            event("custom.a.x", "1", "p1", "s1"),
            event("custom.a_x", "2", "p1", "s2"),
            event("custom.A.x", "1", "p2", "s1"),
        ] {
            hub.post("/api/events", body).await.ok();
        }
        until("all are there", PATIENCE, async || head(hub).await == 4).await;
        for (query, wanted) in [
            ("types=custom.a.*", vec![2]),
            ("types=custom.a.x&types=custom.a_x", vec![2, 3]),
            ("id=1", vec![2, 4]),
            ("project=p1", vec![2, 3]),
            ("session=s1&project=p1", vec![2]),
            ("sinceSequence=3", vec![4]),
            ("sinceSequence=1&order=newest", vec![4, 3, 2]),
        ] {
            let page = hub.get(&format!("/api/events/log?{query}")).await.ok();
            assert_eq!(numbers(page["items"].as_array().expect("items")), wanted, "{query}");
            if !query.contains("sinceSequence") {
                let mut reader = Reader::open(hub, ADMIN, &format!("?since=0&{query}")).await;
                assert_eq!(numbers(&reader.take(wanted.len()).await), wanted, "{query}");
            }
        }
        let (mut paged, mut path) = (Vec::new(), "/api/events/log?limit=3".to_owned());
        loop {
            let page = hub.get(&path).await.ok();
            paged.extend(numbers(page["items"].as_array().expect("items")));
            let Some(cursor) = page["nextCursor"].as_str() else { break };
            path = format!("/api/events/log?limit=3&cursor={cursor}");
        }
        assert_eq!(paged, [1, 2, 3, 4]);
        assert_eq!(hub.get("/api/events?types=Nonsense*").await.faults(), ["/types/0"]);
        assert_eq!(hub.get("/api/events?since=5").await.faults(), ["/since"]);
        for (query, last) in [("", "x"), ("", "-1"), ("?since=1", ""), ("?since=x", "1"), ("?since=-1", "1")] {
            let request = hub.request(Method::GET, &format!("/api/events{query}")).header("last-event-id", last);
            assert_eq!(Answer::of(request).await.faults(), ["/since"], "{query} {last}");
        }
        assert_eq!(hub.get("/api/events/log?cursor=YQ").await.faults(), ["/cursor"]);
    })
    .await;
}

#[tokio::test]
async fn callers_publish_what_is_declared_and_no_more() {
    let declared = |config: &mut alkhub::config::Config| {
        config.events.custom = vec!["build.*".to_owned(), "deploy.done".to_owned()];
        config.events.payload_bytes = 100;
    };
    each_hub_with(declared, async |hub| {
        for good in ["build.a.b", "deploy.done"] {
            publish(hub, good, "x", json!({ "ok": [1, null] })).await;
        }
        for bad in ["custom.a", "project.created", "deploy.done.x", "hub.position"] {
            let refused =
                hub.post("/api/events", json!({ "type": bad })).await.problem(422, "EVENT_TYPE_UNKNOWN");
            assert_eq!(refused["details"], json!({ "type": bad, "allowed": ["build.*", "deploy.done"] }));
        }
        let large = json!({ "type": "build.x", "payload": "x".repeat(99) });
        hub.post("/api/events", large).await.problem(413, "PAYLOAD_TOO_LARGE");
        assert_eq!(hub.post("/api/events", json!({ "type": "build.*" })).await.faults(), ["/type"]);
        let mut reader = Reader::open(hub, ADMIN, "?since=0").await;
        let events = reader.take(3).await;
        assert_eq!(kinds(&events[1..]), ["build.a.b", "deploy.done"]);
        assert_eq!(events[1]["payload"], json!({ "ok": [1, null] }));
    })
    .await;
}

/// Whoever subscribed to a topic on a socket hears the same events, if its scopes are for them.
#[tokio::test]
async fn sockets_hear_the_topics_that_they_subscribed_to() {
    each_hub(async |hub| {
        let (mut all, mut one) = (Wire::connect(hub).await, Wire::connect(hub).await);
        let projects = hub.key(&["project:read", "kit:use"]).await;
        let mut stranger = Wire::connect_as(hub, &projects).await;
        all.send("__subscribe", json!("custom.note")).await;
        one.send("__subscribe", json!("custom.note:n2")).await;
        stranger.send("__subscribe", json!("custom.note")).await;
        stranger.send("__subscribe", json!("project.created")).await;
        for wire in [&mut all, &mut one, &mut stranger] {
            wire.expect_open().await;
        }
        publish(hub, "custom.note", "n1", json!({ "text": "first" })).await;
        publish(hub, "custom.note", "n2", json!({ "text": "second" })).await;
        project(hub, "p").await;
        let first = all.next().await;
        assert_eq!(first, json!({ "type": "custom.note", "id": "n1", "payload": { "text": "first" } }));
        assert_eq!(all.next().await["id"], "n2");
        assert_eq!(one.next().await["id"], "n2");
        assert_eq!(stranger.next().await["type"], "project.created", "and not what it may not hear");
    })
    .await;
}

#[tokio::test]
async fn a_reader_ends_with_its_key() {
    each_hub(async |hub| {
        let issued = hub.post("/api/keys", json!({ "name": "k", "scopes": ["event:read"] })).await.ok();
        let token = issued["token"].as_str().expect("a token");
        let mut reader = Reader::open(hub, token, "?since=0").await;
        publish(hub, "custom.before", "", json!(null)).await;
        assert_eq!(reader.next().await["type"], "custom.before");
        let path = format!("/api/keys/{}", issued["key"]["id"].as_str().expect("an id"));
        Answer::of(hub.request(Method::DELETE, &path)).await.ok();
        // The look at its key may be a moment old; then another event finds out.
        let frame = loop {
            publish(hub, "custom.after", "", json!(null)).await;
            let frame = reader.frame().await.expect("a word");
            if frame.event != "custom.after" {
                break frame;
            }
        };
        assert_eq!(
            (frame.event.as_str(), &frame.data["code"]),
            ("error", &json!("ACCESS_DENIED")),
            "{frame:?}"
        );
        assert!(reader.frame().await.is_none());
    })
    .await;
}

/// A reader of one process gets what another one has appended, also where nothing tells the two of each other.
#[tokio::test]
async fn events_of_other_processes_come_too() {
    for backend in Backend::all().await {
        println!("-- on {}", backend.name());
        let backend = Arc::new(backend);
        let (mut here, mut there) =
            (TestHub::start(backend.clone(), |_| {}).await, TestHub::start(backend, |_| {}).await);
        let mut readers =
            [Reader::open(&here, ADMIN, "?since=0").await, Reader::open(&there, ADMIN, "?since=0").await];
        let (mut seen, mut last) = ([Vec::new(), Vec::new()], 1);
        for round in 0..10 {
            let publisher = if round % 2 == 0 { &here } else { &there };
            publish(publisher, "custom.a", "", json!(round)).await;
            last += 1;
            for (reader, seen) in readers.iter_mut().zip(&mut seen) {
                while seen.last() != Some(&last) {
                    seen.extend(numbers(&reader.take(1).await));
                }
            }
        }
        for seen in seen {
            assert_eq!(seen, (1..=11).collect::<Vec<_>>());
        }
        // The reader moves to the other process.
        let mut moved = Reader::resume(&there, ADMIN, "?since=0", Some(9)).await;
        assert_eq!(numbers(&moved.take(2).await), [10, 11]);
        drop((readers, moved));
        assert!(here.stop().await && there.stop().await);
    }
}

/// What was committed and not numbered when a process was killed is numbered by the next one.
#[tokio::test]
async fn an_event_that_was_committed_before_a_kill_comes_after_it() {
    for backend in Backend::all().await {
        println!("-- on {}", backend.name());
        let backend = Arc::new(backend);
        TestHub::start(backend.clone(), |_| {}).await.stop().await;
        // As a transaction leaves it whose process dies right after the commit.
        let row = "INSERT INTO events (type, key, payload, created_at, bytes) VALUES ('custom.lost', 'x', '1', 1, 1)";
        backend.execute(row).await;
        let mut hub =
            TestHub::start(backend, |config| config.events.keep_for = Duration::from_secs(1 << 34)).await;
        let mut reader = Reader::open(&hub, ADMIN, "?since=0").await;
        let event = reader.take(2).await.remove(1);
        assert_eq!((&event["type"], &event["sequence"]), (&json!("custom.lost"), &json!(2)));
        hub.stop().await;
    }
}

#[tokio::test]
async fn metrics_tell_of_the_relay_and_of_readers() {
    each_hub(async |hub| {
        let mut reader = Reader::open(hub, ADMIN, "?since=0").await;
        publish(hub, "custom.a", "", json!(null)).await;
        reader.take(2).await;
        until("all are told", PATIENCE, async || {
            let page = hub.get("/metrics").await.body;
            let lines = [
                "events_backlog 0",
                "events_relay_lag_seconds 0",
                "events_total 2",
                "event_readers 1",
                "event_readers_behind 0",
                "event_reader_lag_events 0",
                "event_reader_lag_seconds 0",
            ];
            lines.iter().all(|line| page.contains(&format!("\nalkhub_{line}\n")))
                && !page.contains("alkhub_event_delivery_seconds_count 0\n")
        })
        .await;
        drop(reader);
        until("no reader is left", PATIENCE, async || {
            hub.get("/metrics").await.body.contains("\nalkhub_event_readers 0\n")
        })
        .await;
    })
    .await;
}
