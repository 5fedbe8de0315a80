//! `tools/call` of a trivial tool, at the hub and at bare servers.

use std::{collections::BTreeMap, path::Path, time::Duration};

use serde_json::json;

use super::End;
use crate::{
    drive::{Load, Served},
    measure::summary,
    servers::KEY,
};

const CLIENTS: [u32; 3] = [1, 16, 64];
const VERSION: &str = "2025-11-25";

/// Prints a table of medians and ratios.
pub(super) fn run(seconds: u32, rounds: usize, python: Option<&Path>) -> End {
    let mut kinds = vec!["hub", "rmcp", "rmcp-sessions"];
    if python.is_some() {
        kinds.push("fastmcp");
    }
    println!("| clients | server | calls/s | spread | p50 ms | p99 ms | rate / rmcp | rate / fastmcp |");
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    for clients in CLIENTS {
        let mut loads: BTreeMap<&str, Vec<Load>> = BTreeMap::new();
        for round in 0..rounds {
            for turn in 0..kinds.len() {
                let kind = kinds[(turn + round) % kinds.len()];
                let server = match (kind, python) {
                    ("fastmcp", Some(python)) => {
                        Served::start_python(python, include_str!("fastmcp_server.py"))?
                    }
                    _ => Served::start(kind)?,
                };
                let script = script(&server)?;
                server.load_script("/mcp", &script, clients, 1)?;
                loads.entry(kind).or_default().push(server.load_script("/mcp", &script, clients, seconds)?);
            }
        }
        let (bare, slow) = (summary(&loads["rmcp"]), loads.get("fastmcp").map(|loads| summary(loads)));
        for kind in &kinds {
            let own = summary(&loads[kind]);
            let slower =
                slow.as_ref().map_or_else(|| "-".to_owned(), |slow| format!("{:.1}", own.rate / slow.rate));
            println!(
                "| {clients} | {kind} | {:.0} | {:.0} to {:.0} | {:.3} | {:.3} | {:.2} | {slower} |",
                own.rate,
                own.low,
                own.high,
                own.p50,
                own.p99,
                own.rate / bare.rate
            );
        }
    }
    Ok(())
}

/// Greets the server, and gives what each client sends from then on. Also checks that the answer is right.
fn script(server: &Served) -> End<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (session, call) = runtime.block_on(greet(server))?;
    let session = session.map_or_else(String::new, |id| format!("wrk.headers['mcp-session-id'] = '{id}'\n"));
    Ok(format!(
        "{session}wrk.method = 'POST'\nwrk.headers['authorization'] = 'Bearer {KEY}'\nwrk.headers['content-type'] = 'application/json'\n\
         wrk.headers['accept'] = 'application/json, text/event-stream'\nwrk.headers['mcp-protocol-version'] = '{VERSION}'\n\
         local number = 0\nlocal before, after = [[{{\"jsonrpc\":\"2.0\",\"id\":]], [[,{call}]]\n\
         function request()\n  number = number + 1\n  return wrk.format(nil, nil, nil, before .. number .. after)\nend\n"
    ))
}

async fn greet(server: &Served) -> End<(Option<String>, String)> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let url = format!("http://{}/mcp", server.address());
    let post = |body: serde_json::Value, session: Option<&str>| {
        let mut request =
            client.post(&url).bearer_auth(KEY).header("accept", "application/json, text/event-stream");
        if let Some(session) = session {
            request = request.header("mcp-session-id", session);
        }
        request.header("mcp-protocol-version", VERSION).json(&body).send()
    };
    let hello = json!({
        "jsonrpc": "2.0", "id": 0, "method": "initialize",
        "params": { "protocolVersion": VERSION, "capabilities": {}, "clientInfo": { "name": "bench", "version": "1" } },
    });
    let mut tries = 0;
    let welcome = loop {
        match post(hello.clone(), None).await {
            Ok(welcome) => break welcome.error_for_status()?,
            // Python takes a while to listen.
            Err(error) if tries == 200 => return Err(error.into()),
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
        tries += 1;
    };
    let session = welcome.headers().get("mcp-session-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
    let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    post(initialized, session.as_deref()).await?.error_for_status()?;
    let params = json!({ "name": "kit_echo", "arguments": { "text": "hello", "times": 2 } });
    let call = json!({ "jsonrpc": "2.0", "id": "first", "method": "tools/call", "params": params });
    let answer = post(call, session.as_deref()).await?.error_for_status()?.text().await?;
    if !answer.contains("hellohello") || answer.contains("\"isError\":true") {
        return Err(format!("not the right answer: {answer}").into());
    }
    Ok((session, format!("\"method\":\"tools/call\",\"params\":{params}}}")))
}
