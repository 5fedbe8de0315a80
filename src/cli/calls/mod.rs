//! `alkhub calls`: what went through the hub, what led to what, and ending it.

mod draw;
mod replay;

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use futures::StreamExt;
use serde_json::{Map, Value, json};

use super::args::Format;
use super::client::{Client, HubArgs};
use super::exit::{Exit, Failure};
use super::{End, output};
use draw::Tree;

/// Pause before the hub is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// Flags of `calls`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  alkhub calls list --status failed             calls that failed, newest first
  alkhub calls list --roots --slow 1000         what took a second or more, without what it led to
  alkhub calls tree ID                          a call and all that it led to
  alkhub calls tree ID --follow                 the same while it runs, until it has ended
  alkhub calls tree ID --diagram dot | dot -Tsvg > calls.svg
  alkhub calls abort ID                         end it with all that it led to
  alkhub calls replay ID --mode resume          go on with it where it was cut off
  alkhub calls stats                            the slowest operations, and those that fail most")]
pub(super) struct CallsArgs {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    pub(super) format: Format,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List calls, newest first
    List(ListArgs),
    /// Draw what a call led to
    Tree {
        /// Id of the call
        id: String,
        /// Keep it up to date until nothing runs any more
        #[arg(long, short)]
        follow: bool,
        /// How it is drawn
        #[arg(long, value_enum, default_value_t = Form::Text)]
        diagram: Form,
        #[command(flatten)]
        hub: HubArgs,
    },
    /// Show a call with its input and output, and what led to it
    Show {
        /// Id of the call
        id: String,
        #[command(flatten)]
        hub: HubArgs,
    },
    /// End a call with all that it led to
    Abort {
        /// Id of the call
        id: String,
        /// Let those below it finish that run already
        #[arg(long)]
        continue_running: bool,
        #[command(flatten)]
        hub: HubArgs,
    },
    /// Run a recorded call again
    Replay(replay::ReplayArgs),
    /// Show which operations are slow, and which fail
    Stats {
        /// Calls that began not before this moment, such as 2026-01-02T03:04:05Z [default: an hour ago]
        #[arg(long)]
        since: Option<String>,
        #[command(flatten)]
        hub: HubArgs,
    },
}

#[derive(Debug, Args)]
struct ListArgs {
    /// pending, running, completed, failed or aborted
    #[arg(long)]
    status: Option<String>,
    /// Only calls of this operation
    #[arg(long, value_name = "ID")]
    operation: Option<String>,
    /// Only calls by this key
    #[arg(long, value_name = "KEY ID")]
    identity: Option<String>,
    /// Only calls of this session
    #[arg(long)]
    session: Option<String>,
    /// Only calls that ended with this code
    #[arg(long, value_name = "CODE")]
    error: Option<String>,
    /// Only calls that took so many milliseconds or more
    #[arg(long, value_name = "MS")]
    slow: Option<u64>,
    /// Only calls that no other call made
    #[arg(long)]
    roots: bool,
    /// How many
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=200))]
    last: u64,
    #[command(flatten)]
    hub: HubArgs,
}

/// How a tree is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// Lines
    Text,
    /// Mermaid
    Mermaid,
    /// Graphviz
    Dot,
}

pub(super) async fn run(args: CallsArgs) -> End {
    let json = args.format.json;
    match args.what {
        What::List(args) => list(args, json).await,
        What::Show { id, hub } => show(&Client::new(hub)?, &id, json).await,
        What::Tree { id, follow, diagram, hub } => {
            let client = Client::new(hub)?;
            if follow {
                watch(&client, &id, diagram, json).await
            } else {
                tree(&client, &id, diagram, json).await
            }
        }
        What::Abort { id, continue_running, hub } => {
            abort(&Client::new(hub)?, &id, continue_running, json).await
        }
        What::Replay(args) => replay::run(args, json).await,
        What::Stats { since, hub } => stats(&Client::new(hub)?, since, json).await,
    }
}

async fn list(args: ListArgs, json: bool) -> End {
    let mut asked = Map::new();
    for (name, value) in [
        ("status", args.status),
        ("operationId", args.operation),
        ("identity", args.identity),
        ("session", args.session),
        ("errorCode", args.error),
    ] {
        asked.extend(value.map(|value| (name.to_owned(), json!(value))));
    }
    asked.extend(args.slow.map(|slow| ("minDurationMs".to_owned(), json!(slow))));
    asked.extend([("roots".to_owned(), json!(args.roots)), ("limit".to_owned(), json!(args.last))]);
    let page = Client::new(args.hub)?.ask("call.list", &Value::Object(asked)).await?;
    let calls = page["items"].as_array().map_or(&[][..], Vec::as_slice);
    if json {
        calls.iter().try_for_each(|call| output::value(call, false))?;
        return Ok(Exit::Done);
    }
    let rows: Vec<Vec<String>> = calls
        .iter()
        .map(|call| {
            let text = |name: &str| output::printable(call[name].as_str().unwrap_or_default());
            let code = output::printable(call["error"]["code"].as_str().unwrap_or_default());
            vec![
                text("requestId"),
                text("operationId"),
                text("status"),
                draw::duration(call),
                text("startedAt"),
                code,
            ]
        })
        .collect();
    output::text(&output::table(&["CALL", "OPERATION", "STATUS", "TIME", "BEGAN", "ERROR"], &rows))?;
    Ok(Exit::Done)
}

async fn show(client: &Client, id: &str, json: bool) -> End {
    let shown = client.ask("call.get", &json!({ "requestId": id })).await?;
    if json {
        output::value(&shown, false)?;
        return Ok(Exit::Done);
    }
    let path = client.ask("call.path", &json!({ "requestId": id })).await?;
    for call in path["calls"].as_array().into_iter().flatten() {
        output::line(&draw::line(call, output::for_people()))?;
    }
    output::value(&shown, true)?;
    Ok(Exit::Done)
}

async fn tree(client: &Client, id: &str, diagram: Form, json: bool) -> End {
    let told = client.ask("call.tree", &json!({ "requestId": id })).await?;
    if json {
        output::value(&told, false)?;
        return Ok(Exit::Done);
    }
    let mut tree = Tree::default();
    told["calls"].as_array().into_iter().flatten().for_each(|call| tree.add(call.clone()));
    output::text(&drawn(&tree, diagram))?;
    if told["complete"] != true {
        output::error_line("there are more calls than are shown");
    }
    Ok(Exit::Done)
}

fn drawn(tree: &Tree, diagram: Form) -> String {
    match diagram {
        Form::Text => tree.text(output::for_people()),
        Form::Mermaid => tree.mermaid(),
        Form::Dot => tree.dot(),
    }
}

/// Draws anew with each change on a terminal; elsewhere each change is a line, and a diagram is drawn at the end.
async fn watch(client: &Client, id: &str, diagram: Form, json: bool) -> End {
    let mut tree = Tree::default();
    let (mut cursor, mut begun, mut lines): (Option<String>, bool, usize) = (None, false, 0);
    let live = output::for_people() && !json;
    loop {
        let mut asked = json!({ "requestId": id });
        if let Some(cursor) = &cursor {
            asked["since"] = json!(cursor);
        }
        let input =
            serde_json::value::to_raw_value(&asked).map_err(|error| Failure::failed(error.to_string()))?;
        let read = async {
            let mut items = std::pin::pin!(client.subscribe("call.watch", &input).await?);
            begun = true;
            while let Some(item) = items.next().await {
                let change: Value = serde_json::from_str(item?.get())
                    .map_err(|error| Failure::failed(format!("the hub sent no change: {error}")))?;
                cursor = change["cursor"].as_str().map(str::to_owned).or_else(|| cursor.take());
                if json {
                    output::value(&change, false)?;
                    continue;
                }
                if let Some(added) = change.get("added").filter(|added| added.is_object()) {
                    tree.add(added.clone());
                } else if let Some(changed) = change.get("changed") {
                    tree.change(changed);
                }
                if live {
                    let text = drawn(&tree, diagram);
                    output::text(&format!("{}{text}", draw::back(lines)))?;
                    lines = text.lines().count();
                } else if diagram == Form::Text {
                    let id = change["added"]["requestId"]
                        .as_str()
                        .or_else(|| change["changed"]["requestId"].as_str());
                    if let Some(call) = id.and_then(|id| tree.get(id)) {
                        output::line(&draw::line(call, false))?;
                    }
                }
            }
            Ok::<_, Failure>(())
        };
        match read.await {
            Ok(()) => break,
            Err(failure) if begun && passes(&failure) => tokio::time::sleep(AGAIN).await,
            Err(failure) => return Err(failure),
        }
    }
    if !live && !json && diagram != Form::Text {
        output::text(&drawn(&tree, diagram))?;
    }
    Ok(Exit::Done)
}

/// The connection is lost, or the hub is not well: both may be better soon.
fn passes(failure: &Failure) -> bool {
    match failure.problem.as_ref().and_then(|problem| problem["code"].as_str()) {
        Some(code) => matches!(code, "ABORTED" | "UNAVAILABLE" | "TIMEOUT"),
        None => failure.exit == Exit::Unreachable,
    }
}

async fn abort(client: &Client, id: &str, continue_running: bool, json: bool) -> End {
    let policy = if continue_running { "continue-running" } else { "abort-dependents" };
    let told = client.ask("call.abort", &json!({ "requestId": id, "policy": policy })).await?;
    if json {
        output::value(&told, false)?;
        return Ok(Exit::Done);
    }
    if told["finished"] == true {
        output::line(&format!("it has ended already: {}", told["state"].as_str().unwrap_or_default()))?;
    }
    for one in told["reached"].as_array().into_iter().flatten() {
        let text = |name: &str| output::printable(one[name].as_str().unwrap_or_default());
        output::line(&format!("{} {} {}", text("requestId"), text("operationId"), text("state")))?;
    }
    for node in told["unreached"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        output::error_line(&format!("the process {node} did not answer"));
    }
    Ok(Exit::Done)
}

async fn stats(client: &Client, since: Option<String>, json: bool) -> End {
    let asked = since.map_or_else(|| json!({}), |since| json!({ "since": since }));
    let told = client.ask("call.stats", &asked).await?;
    if json {
        output::value(&told, false)?;
        return Ok(Exit::Done);
    }
    for (title, list) in [("SLOWEST", "slowest"), ("FAILING", "failing")] {
        let rows: Vec<Vec<String>> = told[list]
            .as_array()
            .into_iter()
            .flatten()
            .map(|one| {
                let number = |name: &str| one[name].to_string();
                let operation = output::printable(one["operationId"].as_str().unwrap_or_default());
                vec![
                    operation,
                    number("calls"),
                    number("failed"),
                    number("p50Ms"),
                    number("p95Ms"),
                    number("maxMs"),
                ]
            })
            .collect();
        output::text(&output::table(&[title, "CALLS", "FAILED", "P50 MS", "P95 MS", "MAX MS"], &rows))?;
    }
    Ok(Exit::Done)
}
