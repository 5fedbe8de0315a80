//! Calls of tools: input, results, errors, cancellation.

use std::{sync::atomic::Ordering, time::Duration};

use reqwest::Method;
use serde_json::json;

use super::{
    allow_loopback, call, import,
    server::{BOTH, Scripted, Speaks, blocks},
};
use crate::{
    mcp::client::{Client, Events, OLDER},
    support::{
        hub::{Answer, each_hub_with},
        until,
    },
};

const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn tools_are_operations() {
    each_hub_with(allow_loopback, async |hub| {
        for speaks in BOTH {
            let server = Scripted::start(speaks).await;
            let added = import(hub, &server, json!({})).await;
            assert_eq!(added["status"]["phase"], "ready", "{added}");
            assert_eq!(added["status"]["operations"], 8);
            assert_eq!(added["status"]["server"], "scripted 1.2.3");
            let revision = if speaks == Speaks::Old { "2025-11-25" } else { "2026-07-28" };
            assert_eq!(added["status"]["protocol"], revision);
            assert_eq!(added["changed"], 0);

            let echoed = call(hub, "srv.echo", json!({ "text": "hi" })).await.ok();
            let content = json!([{ "type": "text", "text": "hi" }]);
            assert_eq!(
                echoed,
                json!({ "data": content, "meta": { "source": "mcp", "isError": false, "content": content } })
            );
            let sum = call(hub, "srv.add_two", json!({ "a": 1, "b": 2 })).await.ok();
            assert_eq!(sum["data"], json!({ "sum": 3.0, "unit": "none" }), "defaults are filled in");
            assert_eq!(sum["meta"]["structuredContent"], json!({ "sum": 3.0 }));
            let all = call(hub, "srv.blocks", json!({})).await.ok();
            assert_eq!((&all["data"], &all["meta"]["_meta"]["x"]), (&blocks(), &json!(1)));

            let described = hub.get("/api/operations/srv.add_two").await.ok();
            assert_eq!((&described["type"], &described["title"]), (&json!("mutation"), &json!("Addition")));
            let found = hub.get("/api/operations/search?query=addition").await.ok();
            assert!(found.to_string().contains("srv.add_two"), "{found}");

            hub.request(Method::DELETE, "/api/mcp-servers/srv").send().await.expect("an answer");
            call(hub, "srv.echo", json!({ "text": "hi" })).await.problem(404, "OPERATION_NOT_FOUND");
        }
    })
    .await;
}

#[tokio::test]
async fn failures_are_errors() {
    each_hub_with(allow_loopback, async |hub| {
        for speaks in BOTH {
            let server = Scripted::start(speaks).await;
            import(hub, &server, json!({ "requiredScopes": [] })).await;
            let failed = call(hub, "srv.fail", json!({})).await.problem(500, "EXECUTION_ERROR");
            assert_eq!(failed["detail"], "MCP tool srv.fail returned error: one; two");
            assert_eq!(
                failed["details"],
                json!({ "toolName": "fail", "serverName": "srv", "isError": true })
            );
            let refused = call(hub, "srv.refuse", json!({})).await.problem(500, "EXECUTION_ERROR");
            assert!(refused["detail"].as_str().is_some_and(|text| text.contains("no tool refuse here")));
            assert_eq!(refused["details"]["code"], -32602);
            assert_eq!(call(hub, "srv.echo", json!({ "text": 5 })).await.faults(), ["/text"]);
            // A key without rights calls what demands none; without a key nobody calls anything.
            let key = hub.key(&[]).await;
            let body = json!({ "operationId": "srv.echo", "input": { "text": "x" } });
            hub.post_as(&key, "/api/call", body.clone()).await.ok();
            let anonymous = hub.client.post(format!("{}/api/call", hub.url)).json(&body);
            crate::support::hub::Answer::of(anonymous).await.problem(401, "ACCESS_DENIED");
            hub.request(Method::DELETE, "/api/mcp-servers/srv").send().await.expect("an answer");
        }
    })
    .await;
}

#[tokio::test]
async fn who_leaves_cancels() {
    each_hub_with(allow_loopback, async |hub| {
        for speaks in BOTH {
            let server = Scripted::start(speaks).await;
            import(hub, &server, json!({})).await;
            let body = json!({ "operationId": "srv.wait", "input": {} });
            let request = hub.request(Method::POST, "/api/call").json(&body).send();
            let caller = tokio::spawn(request);
            until("the call runs", LONG, async || server.script.waiting.load(Ordering::SeqCst) == 1).await;
            caller.abort();
            until("the call is cancelled", LONG, async || {
                server.script.cancelled.load(Ordering::SeqCst) == 1
            })
            .await;
            // The others were not disturbed.
            call(hub, "srv.echo", json!({ "text": "hi" })).await.ok();
            hub.request(Method::DELETE, "/api/mcp-servers/srv").send().await.expect("an answer");
        }
    })
    .await;
}

#[tokio::test]
async fn a_deadline_cancels_too() {
    let quick = |config: &mut alkhub::config::Config| {
        allow_loopback(config);
        config.limits.call_timeout = Duration::from_millis(500);
    };
    each_hub_with(quick, async |hub| {
        let server = Scripted::start(Speaks::Old).await;
        import(hub, &server, json!({})).await;
        call(hub, "srv.wait", json!({})).await.problem(504, "TIMEOUT");
        until("the call is cancelled", LONG, async || server.script.cancelled.load(Ordering::SeqCst) == 1)
            .await;
    })
    .await;
}

#[tokio::test]
async fn many_calls_at_once_over_one_connection() {
    each_hub_with(allow_loopback, async |hub| {
        for speaks in BOTH {
            let server = Scripted::start(speaks).await;
            import(hub, &server, json!({})).await;
            let hub = &*hub;
            let calls = (0..100).map(|number| async move {
                let text = format!("call {number}");
                let answer = call(hub, "srv.echo", json!({ "text": text })).await.ok();
                assert_eq!(answer["data"][0]["text"], text);
            });
            futures::future::join_all(calls).await;
            hub.request(Method::DELETE, "/api/mcp-servers/srv").send().await.expect("an answer");
        }
    })
    .await;
}

#[tokio::test]
async fn answers_are_bounded() {
    let small = |config: &mut alkhub::config::Config| {
        allow_loopback(config);
        config.outbound.response_bytes = 64 * 1024;
    };
    each_hub_with(small, async |hub| {
        for speaks in BOTH {
            let server = Scripted::start(speaks).await;
            import(hub, &server, json!({})).await;
            call(hub, "srv.large", json!({ "bytes": 1000 })).await.ok();
            let answer = call(hub, "srv.large", json!({ "bytes": 1_000_000 })).await;
            assert!(answer.status.is_server_error() || answer.status.as_u16() == 499, "{answer:?}");
            until("the server is used again", LONG, async || {
                call(hub, "srv.echo", json!({ "text": "hi" })).await.status.is_success()
            })
            .await;
            hub.request(Method::DELETE, "/api/mcp-servers/srv").send().await.expect("an answer");
        }
    })
    .await;
}

#[tokio::test]
async fn progress_is_passed_on() {
    each_hub_with(allow_loopback, async |hub| {
        for speaks in BOTH {
            let server = Scripted::start(speaks).await;
            import(hub, &server, json!({})).await;
            for client in [Client::older(hub, OLDER[2]).await, Client::new(hub)] {
                let message = client.following("call", &json!({ "operationId": "srv.steps" }));
                let request = client.request(Method::POST, Some(&message));
                let mut events = Events::of(request.send().await.expect("an answer"));
                for step in 1..=2 {
                    let told = loop {
                        let (_, told) = events.next().await.expect("an event");
                        if !told.is_null() {
                            break told;
                        }
                    };
                    assert_eq!(told["method"], "notifications/progress", "{told}");
                    assert_eq!(told["params"]["progressToken"], "p");
                    assert_eq!(told["params"]["progress"].as_f64(), Some(f64::from(step)));
                    assert_eq!(told["params"]["total"].as_f64(), Some(2.0));
                    assert_eq!(told["params"]["message"], format!("step {step}"));
                    server.script.steps.add_permits(1);
                }
                let (_, result) = events.next().await.expect("an event");
                assert!(result["result"]["content"].to_string().contains("done"), "{result}");
            }
            // Whoever does not ask hears nothing of it.
            server.script.steps.add_permits(2);
            call(hub, "srv.steps", json!({})).await.ok();
            hub.request(Method::DELETE, "/api/mcp-servers/srv").send().await.expect("an answer");
        }
    })
    .await;
}

#[tokio::test]
async fn an_idempotency_key_is_refused_where_it_would_be_of_no_use() {
    each_hub_with(allow_loopback, async |hub| {
        let server = Scripted::start(Speaks::New).await;
        import(hub, &server, json!({})).await;
        let with_key = async |operation: &str, input: serde_json::Value| {
            let request = hub.request(Method::POST, "/api/call").header("idempotency-key", "one");
            Answer::of(request.json(&json!({ "operationId": operation, "input": input }))).await
        };
        let refused = with_key("srv.echo", json!({ "text": "hi" })).await.problem(400, "BAD_REQUEST");
        assert!(refused["detail"].as_str().expect("words").contains("idempotency key"), "{refused}");
        with_key("srv.add_two", json!({ "a": 1, "b": 2 })).await.ok();
    })
    .await;
}
