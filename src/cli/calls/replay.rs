//! `alkhub calls replay`: a recorded call runs again.

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::cli::{
    End,
    client::{Client, HubArgs},
    exit::{Exit, Failure},
    output,
};

/// Flags of `calls replay`.
#[derive(Debug, Args)]
pub(super) struct ReplayArgs {
    /// Id of the call
    id: String,
    /// What is made anew: nothing, what was not completed, or all from one call on
    #[arg(long, value_enum)]
    mode: Mode,
    /// For `fork`: the call below it from which on all is made anew [default: the call itself]
    #[arg(long, value_name = "ID")]
    from: Option<String>,
    /// For `fork`: another input of that call
    #[arg(long, value_name = "JSON")]
    input: Option<String>,
    #[command(flatten)]
    hub: HubArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// Look whether the handler does the same again
    Verify,
    /// Go on where it was cut off
    Resume,
    /// Go another way from one call on
    Fork,
}

pub(super) async fn run(args: ReplayArgs, json: bool) -> End {
    let mode = match args.mode {
        Mode::Verify => "verify",
        Mode::Resume => "resume",
        Mode::Fork => "fork",
    };
    let mut asked = json!({ "requestId": args.id, "mode": mode });
    if let Some(from) = args.from {
        asked["from"] = from.into();
    }
    if let Some(input) = args.input {
        asked["input"] = serde_json::from_str(&input)
            .map_err(|error| Failure::failed(format!("--input is not JSON: {error}")))?;
    }
    let told = Client::new(args.hub)?.ask("call.replay", &asked).await?;
    let same = told["deterministic"] != false && !told["error"].is_object();
    let end = if same { Exit::Done } else { Exit::Failed };
    if json {
        output::value(&told, false)?;
        return Ok(end);
    }
    let text = |value: &Value| output::printable(value.as_str().unwrap_or_default());
    let (answered, made) = (&told["answered"], &told["made"]);
    let id = text(&told["requestId"]);
    output::line(&format!("{id} {}: {answered} from the record, {made} made", text(&told["status"])))?;
    if told["deterministic"] == true {
        output::line("the handler did the same as before")?;
    }
    for part in ["divergence", "error", "output"] {
        if let Some(value) = told.get(part) {
            output::line(part)?;
            output::value(value, true)?;
        }
    }
    Ok(end)
}
