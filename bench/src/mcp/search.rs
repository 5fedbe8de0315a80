//! `search` among many operations, as a client sees it.

use std::time::{Duration, Instant};

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::{
    connect_async,
    tungstenite::{Message, client::IntoClientRequest, http::HeaderValue},
};

use super::End;
use crate::{drive::Served, servers::KEY};

/// Operations that one spoke may have.
const EACH: usize = 500;
const QUESTIONS: usize = 3000;

const VERBS: [(&str, &str); 10] = [
    ("list", "Lists"),
    ("get", "Gets"),
    ("create", "Creates"),
    ("update", "Updates"),
    ("delete", "Deletes"),
    ("archive", "Archives"),
    ("export", "Exports"),
    ("share", "Shares"),
    ("approve", "Approves"),
    ("watch", "Follows"),
];
const NOUNS: [&str; 25] = [
    "invoice",
    "customer",
    "repository",
    "pull-request",
    "workflow",
    "deployment",
    "secret",
    "webhook",
    "team",
    "member",
    "payment",
    "refund",
    "subscription",
    "coupon",
    "channel",
    "message",
    "calendar",
    "meeting",
    "document",
    "folder",
    "pipeline",
    "runner",
    "package",
    "release",
    "comment",
];

fn operation(number: usize) -> Value {
    let (verb, does) = VERBS[number % VERBS.len()];
    let noun = NOUNS[(number / VERBS.len()) % NOUNS.len()];
    let service = number / (VERBS.len() * NOUNS.len());
    json!({
        "namespace": format!("service{service}"), "name": format!("{verb}-{noun}"), "version": "1.0.0", "type": "query",
        "title": format!("{verb} a {noun}"),
        "description": format!("{does} one {noun} of the account of service number {service}, with everything that belongs to it and who changed it last."),
        "inputSchema": { "type": "object", "required": [format!("{noun}Id")], "properties": {
            format!("{noun}Id"): { "type": "string" }, "pageSize": { "type": "integer" }, "includeArchived": { "type": "boolean" },
        } },
        "outputSchema": { "type": "object", "properties": { "createdAt": { "type": "string" }, "owner": { "type": "string" } } },
        "accessControl": { "requiredScopes": [] },
    })
}

fn question(number: usize) -> String {
    let (verb, _) = VERBS[number % VERBS.len()];
    let noun = NOUNS[(number * 7) % NOUNS.len()];
    match number % 4 {
        0 => format!("{verb} a {noun}"),
        1 => format!("how do I {verb} the {noun} of service number {}", number % 40),
        // One that is mistyped.
        2 => format!("{verb} {}s", noun.replacen('e', "", 1)),
        _ => format!("{noun} account archived last changed by the owner"),
    }
}

/// Prints a table.
pub(super) fn run(operations: usize) -> End {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(measure(operations))
}

async fn measure(operations: usize) -> End {
    let server = Served::start("hub-alone")?;
    let mut spokes = Vec::new();
    for first in (0..operations).step_by(EACH) {
        let offered: Vec<Value> = (first..(first + EACH).min(operations)).map(operation).collect();
        spokes.push(tokio::spawn(
            register(server.address().to_owned(), format!("spoke{first}"), offered).await?,
        ));
    }
    let client = reqwest::Client::builder().no_proxy().build()?;
    let url = format!("http://{}/mcp", server.address());
    let ask = async |query: &str| -> End<(Duration, usize)> {
        let params = json!({ "name": "search", "arguments": { "query": query, "limit": 10 } });
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
        let begun = Instant::now();
        let answer = client.post(&url).bearer_auth(KEY).json(&body).send().await?.error_for_status()?;
        let answer: Value = answer.json().await?;
        let found = answer["result"]["structuredContent"]["operations"].as_array().map_or(0, Vec::len);
        Ok((begun.elapsed(), found))
    };
    let (first, _) = ask("anything").await?;
    let one = register(server.address().to_owned(), "one".to_owned(), vec![operation(1)]).await?;
    let (after_one, _) = ask("anything").await?;
    let mut times = Vec::with_capacity(QUESTIONS);
    let mut found = 0;
    for number in 0..QUESTIONS {
        let (time, results) = ask(&question(number)).await?;
        times.push(time);
        found += usize::from(results > 0);
    }
    times.sort_unstable();
    let at = |share: usize| times[(times.len() * share / 100).min(times.len() - 1)].as_secs_f64() * 1000.0;
    println!(
        "| operations | questions | with results | p50 ms | p99 ms | worst ms | first search ms | after one more spoke ms |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    println!(
        "| {operations} | {QUESTIONS} | {found} | {:.2} | {:.2} | {:.2} | {:.0} | {:.1} |",
        at(50),
        at(99),
        at(100),
        first.as_secs_f64() * 1000.0,
        after_one.as_secs_f64() * 1000.0
    );
    drop(one);
    spokes.iter().for_each(tokio::task::JoinHandle::abort);
    Ok(())
}

/// A spoke that is there as long as what it gives is run.
async fn register(address: String, id: String, operations: Vec<Value>) -> End<impl Future<Output = ()>> {
    let mut request = format!("ws://{address}/ws").into_client_request()?;
    request.headers_mut().insert("authorization", HeaderValue::from_str(&format!("Bearer {KEY}"))?);
    let (mut socket, _) = connect_async(request).await?;
    let input = json!({ "spokeId": id, "spokeType": "bench", "operations": operations });
    let payload = json!({ "requestId": "1", "operationId": "hub.register", "input": input });
    let message = json!({ "type": "call.requested", "id": "", "payload": payload });
    socket.send(Message::text(message.to_string())).await?;
    let welcome = socket.next().await.ok_or("no welcome")??.into_text()?;
    if !welcome.contains("call.responded") {
        return Err(format!("not registered: {welcome}").into());
    }
    Ok(async move { while let Some(Ok(_)) = socket.next().await {} })
}
