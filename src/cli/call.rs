//! `alkhub call`: one operation, from the command line.

use std::io::Read;
use std::time::Duration;

use alkhub_core::once::IdempotencyKey;
use clap::Args;
use futures::StreamExt;
use serde_json::Value;
use serde_json::value::RawValue;

use super::args::Format;
use super::client::{Client, HubArgs};
use super::exit::{Exit, Failure};
use super::{End, output};
use crate::config::parse_duration;

/// Flags of `call`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  alkhub call hub.info
  alkhub call project.create '{\"name\": \"hub\", \"repository\": \"https://git.example/hub\"}'
  alkhub call project.create @project.json
  generate | alkhub call project.create - --json | jq -r .id
  alkhub call project.create @project.json --idempotency-key new
  alkhub call hub.watch        streams its items, one JSON value each, until Ctrl-C

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 hub not reachable, 4 access denied, 5 invalid input, 6 not found,
130 interrupted")]
pub(super) struct CallArgs {
    /// The operation's id, such as `project.create`
    #[arg(value_name = "OPERATION")]
    operation: String,
    /// The input: JSON, @FILE to read it from a file, or - to read it from standard input [default: {}]
    #[arg(value_name = "JSON|@FILE|-")]
    input: Option<String>,
    #[command(flatten)]
    hub: HubArgs,
    /// How long to wait for the answer; a subscription may run as long as it likes
    #[arg(long, value_name = "DURATION", default_value = "2m", value_parser = duration)]
    timeout: Duration,
    /// A name for this one intention, so that the call may be repeated with it and has its effect once; `new` makes one
    /// up and prints it to standard error
    #[arg(long, value_name = "KEY|new", value_parser = key)]
    idempotency_key: Option<Named>,
    #[command(flatten)]
    pub(super) format: Format,
}

/// An idempotency key, and whether it was made up here.
#[derive(Clone, Debug)]
struct Named {
    key: IdempotencyKey,
    made: bool,
}

fn key(text: &str) -> Result<Named, String> {
    let made = text == "new";
    let text = if made { uuid::Uuid::now_v7().to_string() } else { text.to_owned() };
    let key = IdempotencyKey::new(&text).map_err(|error| error.message)?;
    Ok(Named { key, made })
}

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text)
        .filter(|time| !time.is_zero())
        .ok_or_else(|| "expected a duration such as 500ms, 30s or 5m".to_owned())
}

pub(super) async fn run(args: CallArgs) -> End {
    let input = input(args.input.as_deref())?;
    let client = Client::new(args.hub)?;
    let indented = !args.format.json && output::for_people();
    if client.kind(&args.operation).await?.as_deref() == Some("subscription") {
        if args.idempotency_key.is_some() {
            return Err(Failure::usage(format!(
                "{} is a subscription, and takes no idempotency key",
                args.operation
            )));
        }
        let mut items = std::pin::pin!(client.subscribe(&args.operation, &input).await?);
        let mut unread = std::pin::pin!(output::unread());
        while let Some(item) = tokio::select! {
            item = items.next() => item,
            () = &mut unread => None,
        } {
            print(&item?, indented)?;
        }
    } else {
        if let Some(Named { key, made: true }) = &args.idempotency_key {
            // Before the call: whoever is cut off needs it.
            eprintln!("idempotency key: {}", key.as_str());
        }
        let key = args.idempotency_key.as_ref().map(|named| &named.key);
        print(&client.call(&args.operation, &input, args.timeout, key).await?, indented)?;
    }
    Ok(Exit::Done)
}

fn print(data: &RawValue, indented: bool) -> Result<(), Failure> {
    // Indenting reads the value; without it the bytes of the hub pass through.
    match serde_json::from_str::<Value>(data.get()) {
        Ok(value) if indented => output::value(&value, true),
        _ => output::line(data.get()),
    }
}

fn input(argument: Option<&str>) -> Result<Box<RawValue>, Failure> {
    let (text, from) = match argument {
        None => ("{}".to_owned(), "the input"),
        Some("-") => {
            let mut text = String::new();
            std::io::stdin()
                .read_to_string(&mut text)
                .map_err(|error| Failure::usage(format!("cannot read standard input: {error}")))?;
            (text, "standard input")
        }
        Some(argument) => match argument.strip_prefix('@') {
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|error| Failure::usage(format!("cannot read {path}: {error}")))?;
                (text, path)
            }
            None => (argument.to_owned(), "the input"),
        },
    };
    serde_json::from_str(text.trim()).map_err(|error| {
        Failure::usage(format!("{from} is not JSON: {error}"))
            .help("quote it for the shell, for example '{\"name\": \"hub\"}'")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_input_keeps_its_digits_and_wrong_json_is_wrong_usage() {
        assert_eq!(input(None).expect("empty").get(), "{}");
        assert_eq!(
            input(Some(" {\"a\": 12345678901234567890123} ")).expect("JSON").get(),
            "{\"a\": 12345678901234567890123}"
        );
        assert_eq!(input(Some("{a: 1}")).expect_err("no JSON").exit, Exit::Usage);
        assert_eq!(input(Some("@/nonexistent.json")).expect_err("no file").exit, Exit::Usage);
    }
}
