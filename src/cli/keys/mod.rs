//! `alkhub keys`: API keys of a running hub, and a way back in when all of them are lost.

mod print;
mod reset;
mod time;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::args::{Format, Global, Place};
use super::client::{Client, HubArgs};
use super::exit::{Exit, Failure};
use super::{End, output};

/// Flags of `keys`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  alkhub keys create reader --scope project:read --expires-in 90d
  alkhub keys create repo-bot --resource project:p1=read,write
  alkhub keys list --status active
  alkhub keys revoke 4f1c0h2k9d3m5p7q
  alkhub keys reset-admin --data ./data      when the admin key is lost; needs no running hub")]
pub(super) struct KeysArgs {
    #[command(subcommand)]
    command: KeysCommand,
    #[command(flatten)]
    pub(super) format: Format,
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// Make a key with some of your own rights; its secret is printed this once
    Create {
        /// What the key is for
        name: String,
        /// What it may do, for example `project:read`; may be repeated. `admin` stands for everything
        #[arg(long = "scope", value_name = "SCOPE")]
        scopes: Vec<String>,
        /// Actions on one resource; may be repeated
        #[arg(long = "resource", value_name = "TYPE:ID=ACTION[,ACTION]", value_parser = print::resource)]
        resources: Vec<(String, Vec<String>)>,
        /// From this moment on the key is refused, for example 2030-01-31T12:00:00Z
        #[arg(long, value_name = "TIME", conflicts_with = "expires_in")]
        expires_at: Option<String>,
        /// After this time the key is refused, for example 90d
        #[arg(long, value_name = "DURATION", value_parser = time::from_now)]
        expires_in: Option<String>,
        #[command(flatten)]
        hub: HubArgs,
    },
    /// List the keys, oldest first, without their secrets
    List {
        /// Only keys in this state
        #[arg(long, value_parser = ["active", "expired", "revoked"])]
        status: Option<String>,
        #[command(flatten)]
        hub: HubArgs,
    },
    /// Show one key
    Get {
        /// The key's id, the middle part of the key
        id: String,
        #[command(flatten)]
        hub: HubArgs,
    },
    /// End a key for good
    Revoke {
        /// The key's id
        id: String,
        #[command(flatten)]
        hub: HubArgs,
    },
    /// Give a key a new secret; the old one stops working at once
    Rotate {
        /// The key's id
        id: String,
        #[command(flatten)]
        hub: HubArgs,
    },
    /// Make a new admin key directly in the database, for when the last one is lost
    ResetAdmin {
        #[command(flatten)]
        place: Place,
    },
}

pub(super) async fn run(global: &Global, args: KeysArgs) -> End {
    let json = args.format.json;
    match args.command {
        KeysCommand::Create { name, scopes, resources, expires_at, expires_in, hub } => {
            let mut input = json!({ "name": name });
            if !scopes.is_empty() {
                input["scopes"] = json!(scopes);
            }
            if !resources.is_empty() {
                input["resources"] =
                    resources.into_iter().map(|(name, actions)| (name, json!(actions))).collect();
            }
            if let Some(time) = expires_at.or(expires_in) {
                input["expiresAt"] = json!(time);
            }
            print::issued(&Client::new(hub)?.ask("key.create", &input).await?, json)?;
        }
        KeysCommand::List { status, hub } => print::list(&all(&Client::new(hub)?, status).await?, json)?,
        KeysCommand::Get { id, hub } => print::one(&one(hub, "key.get", &id).await?, json)?,
        KeysCommand::Revoke { id, hub } => {
            let key = one(hub, "key.revoke", &id).await?;
            if json {
                print::one(&key, json)?;
            } else {
                output::line(&format!("Key {id} is revoked."))?;
            }
        }
        KeysCommand::Rotate { id, hub } => print::issued(&one(hub, "key.rotate", &id).await?, json)?,
        KeysCommand::ResetAdmin { place } => Box::pin(reset::run(global, &place, json)).await?,
    }
    Ok(Exit::Done)
}

async fn one(hub: HubArgs, operation: &str, id: &str) -> Result<Value, Failure> {
    Client::new(hub)?.ask(operation, &json!({ "keyId": id })).await
}

/// Every page of the list.
async fn all(client: &Client, status: Option<String>) -> Result<Vec<Value>, Failure> {
    let mut input = json!({});
    if let Some(status) = status {
        input["status"] = json!(status);
    }
    let mut keys = Vec::new();
    loop {
        let mut page = client.ask("key.list", &input).await?;
        if let Value::Array(items) = page["items"].take() {
            keys.extend(items);
        }
        match page["nextCursor"].take() {
            Value::Null => return Ok(keys),
            cursor => input["cursor"] = cursor,
        }
    }
}
