//! Processes that die or stop while others wait for their spokes, and what goes missing in the middle of a call.

use std::{
    io::{BufRead, BufReader},
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

use redis::cmd;
use serde_json::json;

use super::forwarding::{Pair, each_pair, each_pair_with, forgets, knows};
use crate::support::{
    hub::ADMIN,
    redis::{PATIENCE, raw},
    until,
    wire::{Wire, asking, events, operation, streaming},
};

/// A process of the pair's hub that can be killed without a word.
struct Process {
    child: Child,
    url: String,
    _lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Process {
    fn beside(pair: &Pair) -> Self {
        let backend = &pair.one.backend;
        let mut command = Command::new(env!("CARGO_BIN_EXE_alkhub"));
        command.args(["serve", "--listen", "127.0.0.1:0"]).current_dir(backend.data()).env_clear();
        command.env("ALKHUB_DATABASE_URL", backend.url()).env("ALKHUB_DATA", backend.data());
        command.env("ALKHUB_BOOTSTRAP_KEY", ADMIN).env("ALKHUB_LOG", "warn");
        command.env("ALKHUB_REDIS_URL", pair.redis.url()).env("ALKHUB_DATABASE__ACQUIRE_TIMEOUT", "30s");
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("the hub starts");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let url = loop {
            let line = lines.next().expect("the hub says where it serves").expect("UTF-8");
            if let Some(at) = line.find("http://") {
                break line[at..].trim().to_owned();
            }
        };
        Self { child, url, _lines: lines }
    }

    async fn spoke(&self, id: &str, operations: &[serde_json::Value]) -> Wire {
        let mut wire = Wire::try_connect(&self.url, ADMIN).await.expect("connected");
        wire.register(id, operations).await;
        wire
    }

    /// `kill -9`.
    fn kill(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_a_process_that_is_killed_is_aborted_or_repeated() {
    each_pair(async |pair| {
        let mut dying = Process::beside(pair);
        let offered = [
            operation("work", "change", "mutation"),
            operation("work", "ask", "query"),
            operation("work", "items", "subscription"),
        ];
        let mut spoke = dying.spoke("dev", &offered).await;
        knows(&pair.two, "dev", 3).await;
        let change = asking(&pair.two, "work.change", &json!({}));
        spoke.expect("call.requested").await;
        let stream = streaming(&pair.two, "dev.work.items", &json!({}));
        let asked = spoke.expect("call.requested").await;
        spoke.respond(&asked["requestId"], json!(1)).await;
        let ask = asking(&pair.two, "work.ask", &json!({}));
        spoke.expect("call.requested").await;
        // Where the query can go then.
        let mut other = Wire::spoke(&pair.one, ADMIN, "other", &[offered[1].clone()]).await;
        knows(&pair.two, "other", 1).await;
        dying.kill();
        let asked = other.expect("call.requested").await;
        other.respond(&asked["requestId"], json!("other")).await;
        assert_eq!(ask.await.expect("answered").ok()["data"], "other");
        let problem = change.await.expect("answered").problem(499, "ABORTED");
        assert_eq!(problem["details"]["reason"], "spoke_disconnected");
        let heard = events(&stream.await.expect("ended").body);
        assert!(heard.last().expect("an end").1.to_string().contains("spoke_disconnected"), "{heard:?}");
        forgets(&pair.two, "dev").await;
        // Told by whoever found the dead process, once.
        until("the log tells of it", PATIENCE, async || {
            let log = pair.two.get("/api/events/log?types=spoke.disconnected").await.ok();
            log["items"]
                .as_array()
                .is_some_and(|items| items.len() == 1 && items[0]["payload"]["spokeId"] == "dev")
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_process_that_stops_finishes_what_it_serves_for_others_and_takes_nothing_new() {
    each_pair(async |pair| {
        let offered = [operation("work", "change", "mutation")];
        let mut spoke = Wire::spoke(&pair.one, ADMIN, "dev", &offered).await;
        knows(&pair.two, "dev", 1).await;
        let call = asking(&pair.two, "dev.work.change", &json!({}));
        let asked = spoke.expect("call.requested").await;
        let (one, two) = (&mut pair.one, &pair.two);
        let rest = async {
            forgets(two, "dev").await;
            let body = json!({ "operationId": "dev.work.change", "input": {} });
            two.post("/api/call", body).await.problem(404, "OPERATION_NOT_FOUND");
            assert!(!call.is_finished());
            // What it calls on behalf of the call is part of that.
            let nested = json!({
                "requestId": "n", "operationId": "kit.live", "input": {}, "parentRequestId": asked["requestId"],
            });
            spoke.send("call.requested", nested).await;
            assert_eq!(spoke.expect("call.responded").await["requestId"], "n");
            spoke.respond(&asked["requestId"], json!("done")).await;
            assert_eq!(call.await.expect("answered").ok()["data"], "done");
            assert_eq!(spoke.closed().await, Some(1001));
        };
        let (finished, ()) = tokio::join!(one.stop(), rest);
        assert!(finished);
    })
    .await;
}

#[tokio::test]
async fn what_is_not_done_in_the_grace_of_a_process_that_stops_is_aborted() {
    let brief =
        |config: &mut alkhub::config::Config| config.server.shutdown_grace = Duration::from_millis(300);
    each_pair_with(brief, async |pair| {
        let mut spoke =
            Wire::spoke(&pair.one, ADMIN, "dev", &[operation("work", "change", "mutation")]).await;
        knows(&pair.two, "dev", 1).await;
        let call = asking(&pair.two, "work.change", &json!({}));
        spoke.expect("call.requested").await;
        pair.one.stop().await;
        let problem = call.await.expect("answered").problem(499, "ABORTED");
        assert_eq!(problem["details"]["reason"], "spoke_disconnected");
        forgets(&pair.two, "dev").await;
    })
    .await;
}

#[tokio::test]
async fn a_loss_on_the_bus_in_the_middle_of_a_call_ends_it() {
    each_pair(async |pair| {
        let offered = [operation("work", "wait", "query"), operation("work", "change", "mutation")];
        let mut spoke = Wire::spoke(&pair.one, ADMIN, "dev", &offered).await;
        knows(&pair.two, "dev", 2).await;
        let call = asking(&pair.two, "work.change", &json!({}));
        spoke.expect("call.requested").await;
        let mut connection = raw(&pair.redis.url()).await.expect("a connection");
        let mut kill = cmd("CLIENT");
        kill.arg("KILL").arg("TYPE").arg("pubsub");
        let _killed: i64 = kill.query_async(&mut connection).await.expect("killed");
        let problem = call.await.expect("answered").problem(499, "ABORTED");
        assert_eq!(problem["details"]["reason"], "spoke_disconnected");
        // The spoke hears of it, and the next call arrives.
        spoke.expect("call.aborted").await;
        let answering = async {
            loop {
                let asked = spoke.next().await;
                if asked["type"] == "call.requested" {
                    spoke.respond(&asked["payload"]["requestId"], json!("back")).await;
                }
            }
        };
        let body = json!({ "operationId": "dev.work.wait", "input": {} });
        tokio::select! {
            _ = until("calls get through", PATIENCE, async || {
                pair.two.post("/api/call", body.clone()).await.status == 200
            }) => {}
            () = answering => {}
        }
    })
    .await;
}

#[tokio::test]
async fn a_registration_that_was_not_confirmed_does_not_stay() {
    each_pair(async |pair| {
        let offered = [operation("work", "wait", "query")];
        let mut spoke = Wire::spoke(&pair.one, ADMIN, "dev", &offered).await;
        knows(&pair.two, "dev", 1).await;
        let backend = &pair.one.backend;
        // As when it registered again over the same connection, and the answer of the database was lost.
        backend.execute("UPDATE hub_state SET value = value + 1 WHERE name = 'spoke_epoch'").await;
        backend
            .execute(
                "UPDATE spoke_homes SET operations = '[]', \
                 epoch = (SELECT value FROM hub_state WHERE name = 'spoke_epoch')",
            )
            .await;
        assert_eq!(spoke.closed().await, Some(1012));
        forgets(&pair.two, "dev").await;
        let _again = Wire::spoke(&pair.one, ADMIN, "dev", &offered).await;
        knows(&pair.two, "dev", 1).await;
    })
    .await;
}
