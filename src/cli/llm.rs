//! `alkhub llm`: a conversation with a language model, and a test of a provider.

use std::io::{BufRead, IsTerminal};

use clap::{Args, Subcommand};
use futures::StreamExt;
use serde_json::{Value, json};

use super::args::Format;
use super::client::{Client, HubArgs};
use super::exit::{Exit, Failure};
use super::{End, output};

/// Most messages that are sent along; older ones are left out.
const REMEMBERED: usize = 100;

/// Flags of `llm`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  alkhub llm chat local/smollm2                a conversation, line by line, until Ctrl-D
  alkhub llm chat fast 'What is an operation?'  one question
  echo 'Summarise this' | alkhub llm chat fast  the same from a pipe
  alkhub llm test openai                       whether each key of a provider is accepted")]
pub(super) struct LlmArgs {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    pub(super) format: Format,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Talk with a model; what it says is shown as it comes
    Chat {
        /// A name, or `provider/model`; `alkhub call model.list` tells which
        model: String,
        /// What to say; without it, lines of standard input
        prompt: Option<String>,
        /// What the model is to be
        #[arg(long, value_name = "TEXT")]
        system: Option<String>,
        #[command(flatten)]
        hub: HubArgs,
    },
    /// Ask a provider for its models, with each of its keys
    Test {
        /// The provider's name
        provider: String,
        #[command(flatten)]
        hub: HubArgs,
    },
}

pub(super) async fn run(args: LlmArgs) -> End {
    let json = args.format.json;
    match args.what {
        What::Test { provider, hub } => test(&Client::new(hub)?, &provider, json).await,
        What::Chat { model, prompt, system, hub } => {
            let client = Client::new(hub)?;
            let mut messages: Vec<Value> =
                system.map(|text| json!({ "role": "system", "content": text })).into_iter().collect();
            if let Some(prompt) = prompt {
                say(&client, &model, &mut messages, prompt, json).await?;
                return Ok(Exit::Done);
            }
            converse(&client, &model, &mut messages, json).await
        }
    }
}

async fn converse(client: &Client, model: &str, messages: &mut Vec<Value>, json: bool) -> End {
    let lines = std::io::stdin();
    if !lines.is_terminal() {
        let text = std::io::read_to_string(lines).map_err(|error| Failure::failed(error.to_string()))?;
        say(client, model, messages, text, json).await?;
        return Ok(Exit::Done);
    }
    loop {
        output::text(if json { "" } else { "> " })?;
        let mut line = String::new();
        let read = lines.lock().read_line(&mut line).map_err(|error| Failure::failed(error.to_string()))?;
        if read == 0 {
            return Ok(Exit::Done);
        }
        if !line.trim().is_empty() {
            say(client, model, messages, line.trim().to_owned(), json).await?;
        }
    }
}

/// Says something and shows the answer, which is remembered.
async fn say(
    client: &Client,
    model: &str,
    messages: &mut Vec<Value>,
    prompt: String,
    json: bool,
) -> Result<(), Failure> {
    messages.push(json!({ "role": "user", "content": prompt }));
    if messages.len() > REMEMBERED {
        messages.drain(1..messages.len() - REMEMBERED + 1);
    }
    let body = json!({ "model": model, "messages": messages, "stream": true });
    let mut answer = String::new();
    let mut parts = std::pin::pin!(client.chat(&body).await?);
    while let Some(part) = parts.next().await {
        let part = part?;
        if part == "[DONE]" {
            break;
        }
        let part: Value = serde_json::from_str(&part).unwrap_or_default();
        if let Some(message) = part["error"]["message"].as_str() {
            return Err(Failure::failed(message.to_owned()));
        }
        if let Some(text) = part["choices"][0]["delta"]["content"].as_str() {
            answer.push_str(text);
            if !json {
                output::text(text)?;
            }
        }
    }
    if json {
        output::value(&json!({ "model": model, "answer": answer }), false)?;
    } else {
        output::text("\n")?;
    }
    messages.push(json!({ "role": "assistant", "content": answer }));
    Ok(())
}

async fn test(client: &Client, provider: &str, json: bool) -> End {
    let tested = client.ask("provider.test", &json!({ "name": provider })).await?;
    if json {
        output::value(&tested, false)?;
    } else {
        for (index, key) in tested["keys"].as_array().into_iter().flatten().enumerate() {
            let models = key["models"].as_array().map_or(0, Vec::len);
            let ms = &key["latencyMs"];
            match key["error"].as_str() {
                None => output::text(&format!("key {}: accepted in {ms} ms, {models} models\n", index + 1))?,
                Some(error) => output::text(&format!("key {}: {error} ({ms} ms)\n", index + 1))?,
            }
        }
    }
    if tested["ok"] == true {
        Ok(Exit::Done)
    } else {
        Err(Failure::failed(format!("{provider} does not accept every key")))
    }
}
