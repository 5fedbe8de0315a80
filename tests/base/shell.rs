//! Commands: what they see, what they print, and how they end.

use std::{path::Path, time::Duration};

use futures::StreamExt;
use serde_json::{Value, json};

use super::Base;
use crate::support::until;

fn text(items: &[Value], kind: &str) -> String {
    items.iter().filter(|item| item["kind"] == kind).filter_map(|item| item["text"].as_str()).collect()
}

#[tokio::test]
async fn output_is_streamed_and_the_end_is_told() {
    let base = Base::start().await;
    base.write("sub/x", "");
    let items = base
        .items(
            "shell.exec",
            json!({ "command": "ls; cat; echo wrong >&2; exit 3", "cwd": "sub", "stdin": "typed\n" }),
        )
        .await;
    assert_eq!(items[0]["kind"], "started");
    assert_eq!((text(&items, "stdout").as_str(), text(&items, "stderr").as_str()), ("x\ntyped\n", "wrong\n"));
    let exit = items.last().expect("an end");
    assert_eq!((&exit["kind"], &exit["code"], &exit["timedOut"]), (&json!("exit"), &json!(3), &json!(false)));
    let killed = base.items("shell.exec", json!({ "command": "kill -9 $$" })).await;
    assert_eq!(killed.last().expect("an end")["signal"], 9);
    // Letters that are cut in the middle come whole; what is not UTF-8 is replaced.
    let umlauts = base
        .items("shell.exec", json!({ "command": "printf '\\303'; sleep 0.1; printf '\\244\\377'" }))
        .await;
    assert_eq!(text(&umlauts, "stdout"), "ä\u{fffd}");
    let much = base.items("shell.exec", json!({ "command": "seq 1 200000" })).await;
    assert_eq!(text(&much, "stdout").lines().count(), 200_000);
}

#[tokio::test]
async fn the_environment_is_clean() {
    let base = Base::start().await;
    let items = base.items("shell.exec", json!({ "command": "env", "env": { "GIVEN": "yes" } })).await;
    let seen = text(&items, "stdout");
    assert!(seen.contains("GIVEN=yes") && seen.contains("PATH="), "{seen}");
    for secret in ["5ecret", "ALKHUB_KEY", "alk_"] {
        assert!(!seen.contains(secret), "{seen}");
    }
}

/// Whether a process of this id runs; one that is only not yet waited for does not.
fn runs(pid: &str) -> bool {
    let state = std::fs::read_to_string(Path::new("/proc").join(pid).join("stat")).unwrap_or_default();
    state.rsplit(')').next().is_some_and(|rest| !rest.trim().is_empty() && !rest.trim().starts_with('Z'))
}

/// A command with a grandchild in the background that ignores SIGTERM and writes its process id into a file.
const STUBBORN: &str = "sh -c 'trap \"\" TERM; echo $$ > pid; while :; do sleep 1; done' & wait";

async fn pid(base: &Base) -> String {
    let path = base.root().join("pid");
    until("it runs", Duration::from_secs(60), async || {
        std::fs::read_to_string(&path).is_ok_and(|text| text.ends_with('\n'))
    })
    .await;
    base.read("pid").trim().to_owned()
}

#[tokio::test]
async fn a_timeout_kills_the_whole_process_group() {
    let base = Base::start().await;
    let items = base.items("shell.exec", json!({ "command": STUBBORN, "timeoutMs": 500 })).await;
    assert_eq!(items.last().expect("an end")["timedOut"], true, "{items:?}");
    let pid = pid(&base).await;
    until("it is gone", Duration::from_secs(60), async || !runs(&pid)).await;
}

#[tokio::test]
async fn an_abort_kills_the_whole_process_group() {
    let base = Base::start().await;
    let body = json!({ "operationId": "dev.shell.exec", "input": { "command": STUBBORN } });
    let answer =
        base.hub.request(reqwest::Method::POST, "/api/subscribe").json(&body).send().await.expect("sent");
    let mut items = answer.bytes_stream();
    items.next().await.expect("an item").expect("bytes");
    let pid = pid(&base).await;
    assert!(runs(&pid));
    drop(items);
    until("it is gone", Duration::from_secs(60), async || !runs(&pid)).await;
}

#[tokio::test]
async fn a_hub_that_goes_away_ends_what_it_asked_for() {
    let mut base = Base::start().await;
    let body = json!({ "operationId": "dev.shell.exec", "input": { "command": STUBBORN } });
    let request = base.hub.request(reqwest::Method::POST, "/api/subscribe").json(&body);
    let stream = tokio::spawn(crate::support::hub::Answer::of(request));
    let pid = pid(&base).await;
    base.hub.stop().await;
    stream.abort();
    until("it is gone", Duration::from_secs(60), async || !runs(&pid)).await;
}

#[tokio::test]
async fn a_spoke_that_stops_leaves_nothing_running() {
    let mut base = Base::start().await;
    let body = json!({ "operationId": "dev.shell.exec", "input": { "command": STUBBORN } });
    let request = base.hub.request(reqwest::Method::POST, "/api/subscribe").json(&body);
    let stream = tokio::spawn(crate::support::hub::Answer::of(request));
    let pid = pid(&base).await;
    crate::cli::program::interrupt(&base.spoke);
    let status = crate::cli::program::end(&mut base.spoke);
    // By the time it is gone, not some time after.
    assert!(status.success() && !runs(&pid), "{status}");
    stream.abort();
}

#[tokio::test]
async fn output_waits_for_a_reader_who_takes_his_time() {
    let base = Base::start().await;
    let mut reader = crate::support::wire::Wire::connect(&base.hub).await;
    let input = json!({ "command": "seq 1 20000" });
    let request =
        json!({ "requestId": "slow", "operationId": "dev.shell.exec", "input": input, "window": 1 });
    reader.send("call.requested", request).await;
    let mut items = Vec::new();
    loop {
        let message = reader.next().await;
        if message["type"] == "call.completed" {
            break;
        }
        assert_eq!(message["type"], "call.responded", "{message}");
        items.push(message["payload"]["output"]["data"].clone());
        if items.len() == 3 {
            // Longer than the spoke waits for children that hold the output open.
            tokio::time::sleep(Duration::from_millis(1500)).await;
        }
        reader.send("call.credit", json!({ "requestId": "slow", "items": 1 })).await;
    }
    assert_eq!(text(&items, "stdout").lines().count(), 20_000);
    assert_eq!(items.last().expect("an end")["code"], 0);
}
