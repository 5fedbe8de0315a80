//! `alkhub events`: what has happened, and what happens.

use std::time::Duration;

use clap::Args;
use futures::StreamExt;
use owo_colors::Style;
use serde_json::{Map, Value, json, value::RawValue};

use super::args::Format;
use super::client::{Client, HubArgs};
use super::exit::{Exit, Failure};
use super::{End, output};
use crate::{events::types::POSITION, storage::pattern::Pattern};

/// Pauses before the hub is tried again: the first, and the longest.
const AGAIN: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));
/// Events of a page.
const PAGE: u64 = 200;

/// Flags of `events`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  alkhub events                                the last 20 events
  alkhub events --follow                       what happens from now on, until Ctrl-C
  alkhub events --since 0 --type 'project.*'   everything that is kept about projects
  alkhub events --follow --since 120 --json    one JSON object a line, from event 121 on

A connection that is lost is taken up again after the last event that was shown.")]
pub(super) struct EventsArgs {
    /// Go on with what happens from now on, or with --since from there
    #[arg(long, short)]
    follow: bool,
    /// Only events of these types: `project.created`, `project.*`; may be repeated
    #[arg(long = "type", value_name = "PATTERN", value_parser = pattern)]
    types: Vec<String>,
    /// Only events about this
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// Only events of this project
    #[arg(long, value_name = "ID")]
    project: Option<String>,
    /// Only events of this session
    #[arg(long, value_name = "ID")]
    session: Option<String>,
    /// Begin after the event of this number; 0 is the beginning
    #[arg(long, value_name = "N")]
    since: Option<u64>,
    /// Without --since and --follow: how many of the last events
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=200))]
    last: u64,
    #[command(flatten)]
    hub: HubArgs,
    #[command(flatten)]
    pub(super) format: Format,
}

fn pattern(text: &str) -> Result<String, &'static str> {
    match Pattern::parse(text) {
        Some(_) => Ok(text.to_owned()),
        None => Err("expected a type such as `project.created`, or `project.*`, or `*`"),
    }
}

pub(super) async fn run(args: EventsArgs) -> End {
    let mut asked = Map::new();
    if !args.types.is_empty() {
        asked.insert("types".to_owned(), json!(args.types));
    }
    for (name, value) in [("id", &args.id), ("project", &args.project), ("session", &args.session)] {
        if let Some(value) = value {
            asked.insert(name.to_owned(), json!(value));
        }
    }
    let client = Client::new(args.hub)?;
    let json = args.format.json;
    match (args.follow, args.since) {
        (true, since) => tokio::select! {
            end = follow(&client, asked, since, json) => end,
            () = output::unread() => Ok(Exit::Done),
        },
        (false, Some(since)) => all(&client, asked, since, json).await,
        (false, None) => last(&client, asked, args.last, json).await,
    }
}

async fn last(client: &Client, mut asked: Map<String, Value>, count: u64, json: bool) -> End {
    asked.insert("order".to_owned(), json!("newest"));
    asked.insert("limit".to_owned(), json!(count));
    let page = client.ask("event.list", &Value::Object(asked)).await?;
    let newest_first = page["items"].as_array().map_or(&[][..], Vec::as_slice);
    newest_first.iter().rev().try_for_each(|event| show(event, json))?;
    if newest_first.is_empty() {
        remark("no such events");
    }
    Ok(Exit::Done)
}

async fn all(client: &Client, mut asked: Map<String, Value>, since: u64, json: bool) -> End {
    asked.insert("sinceSequence".to_owned(), json!(since));
    asked.insert("limit".to_owned(), json!(PAGE));
    let mut none = true;
    loop {
        let page = client.ask("event.list", &Value::Object(asked.clone())).await?;
        let items = page["items"].as_array().map_or(&[][..], Vec::as_slice);
        items.iter().try_for_each(|event| show(event, json))?;
        none &= items.is_empty();
        match page.get("nextCursor").filter(|cursor| cursor.is_string()) {
            Some(cursor) => asked.insert("cursor".to_owned(), cursor.clone()),
            None => {
                if none {
                    remark("no such events");
                }
                return Ok(Exit::Done);
            }
        };
    }
}

/// Where following stands.
struct Following {
    since: Option<u64>,
    json: bool,
    begun: bool,
    /// The last that was said of what went wrong; said once, however often it is tried.
    wrong: Option<String>,
}

/// Follows, and resumes by itself as long as there is hope.
async fn follow(client: &Client, mut asked: Map<String, Value>, since: Option<u64>, json: bool) -> End {
    let mut pause = AGAIN.0;
    let mut following = Following { since, json, begun: false, wrong: None };
    loop {
        if let Some(since) = following.since {
            asked.insert("since".to_owned(), json!(since));
        }
        let input = serde_json::value::to_raw_value(&asked);
        let input = input.map_err(|error| Failure::failed(error.to_string()))?;
        let before = following.since;
        if let Err(failure) = following.read(client, &input).await {
            // What was wrong from the beginning is not mended by trying.
            if !following.begun || !passes(&failure) {
                return Err(failure);
            }
            if following.wrong.as_ref() != Some(&failure.message) {
                output::error_line(&format!("{}; trying again", failure.message));
                following.wrong = Some(failure.message);
            }
        }
        pause = if following.since == before { (pause * 2).min(AGAIN.1) } else { AGAIN.0 };
        tokio::time::sleep(pause).await;
    }
}

impl Following {
    async fn read(&mut self, client: &Client, input: &RawValue) -> Result<(), Failure> {
        let items = client.subscribe("event.watch", input).await?;
        if self.wrong.take().is_some() {
            output::error_line(&format!("resuming after event {}", self.since.unwrap_or_default()));
        }
        if !std::mem::replace(&mut self.begun, true) {
            remark("following; Ctrl-C ends");
        }
        let mut items = std::pin::pin!(items);
        while let Some(item) = items.next().await {
            let event: Value = serde_json::from_str(item?.get())
                .map_err(|error| Failure::failed(format!("the hub sent no event: {error}")))?;
            if event["type"] != POSITION {
                show(&event, self.json)?;
            }
            // Only now: what was not shown is asked for again.
            self.since = event["sequence"].as_u64().or(self.since);
        }
        Ok(())
    }
}

/// For a person, who would wonder why there is nothing to see.
fn remark(text: &str) {
    if output::for_people() {
        output::error_line(&output::paint_error(text, Style::new().dimmed()));
    }
}

/// The connection is lost, the hub stops or is not well, or this reader was too slow: all may be better soon.
fn passes(failure: &Failure) -> bool {
    let code = failure.problem.as_ref().and_then(|problem| problem["code"].as_str());
    match code {
        Some(code) => matches!(code, "ABORTED" | "UNAVAILABLE" | "EVENTS_BEHIND" | "TIMEOUT"),
        None => failure.exit == Exit::Unreachable,
    }
}

fn show(event: &Value, json: bool) -> Result<(), Failure> {
    if json {
        return output::value(event, false);
    }
    let text = |name: &str| output::printable(event[name].as_str().unwrap_or_default());
    let colour = match event["type"].as_str().and_then(|kind| kind.split('.').next()) {
        Some("project") => Style::new().green(),
        Some("key") => Style::new().yellow(),
        Some("spoke") => Style::new().blue(),
        _ => Style::new().cyan(),
    };
    output::line(&format!(
        "{} {} {} {} {}",
        output::paint(
            &format!("{:>6}", event["sequence"].as_u64().unwrap_or_default()),
            Style::new().dimmed()
        ),
        output::paint(&text("time"), Style::new().dimmed()),
        output::paint(&format!("{:<18}", text("type")), colour),
        output::paint(&text("id"), Style::new().bold()),
        output::printable(&event["payload"].to_string()),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_pass_is_tried_again_and_nothing_else() {
        let problem = |code: &str| Failure { problem: Some(json!({ "code": code })), ..Failure::failed("x") };
        assert!(passes(&Failure::new(Exit::Unreachable, "lost")) && passes(&problem("EVENTS_BEHIND")));
        assert!(passes(&problem("ABORTED")) && passes(&problem("UNAVAILABLE")));
        for lasting in ["EVENTS_EXPIRED", "ACCESS_DENIED", "VALIDATION_ERROR", "OPERATION_NOT_FOUND"] {
            assert!(!passes(&problem(lasting)), "{lasting}");
        }
        assert!(!passes(&Failure::failed("x")));
    }

    #[test]
    fn escapes_do_not_reach_the_terminal() {
        assert_eq!(output::printable("a\u{1b}[31mb\n"), "a\u{fffd}[31mb\u{fffd}");
    }
}
