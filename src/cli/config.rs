//! `alkhub config`: what is in force and where it comes from; a secret made fit for the file.

use std::io::Read;

use clap::{Args, Subcommand};
use owo_colors::Style;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::args::{Format, Global, Place};
use super::exit::{Exit, Failure};
use super::{End, output};
use crate::config::{self, Loaded, Origin, Problem, Problems, Shown};
use crate::crypto;

/// Flags of `config`.
#[derive(Debug, Args)]
pub(super) struct ConfigArgs {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Print every value, with secrets hidden, and where it comes from
    #[command(
        after_help = "Exits with 1 and lists everything that is wrong if the hub could not start with it."
    )]
    Check {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        format: Format,
    },
    /// Read a secret from standard input and print it encrypted, as a value for alkhub.toml
    #[command(after_help = "Example:
  printf %s \"$PASSWORD\" | alkhub config encrypt
  { key_version = 1, salt = \"...\", iv = \"...\", data = \"...\" }

The master key comes from ALKHUB_MASTER_KEY or from the file that secrets.master_key_file names.
Make one with: (umask 077; head -c 32 /dev/urandom | base64 > master.key)")]
    Encrypt,
}

impl ConfigArgs {
    pub(super) fn wants_json(&self) -> bool {
        matches!(self.command, ConfigCommand::Check { format: Format { json: true }, .. })
    }
}

pub(super) fn run(global: &Global, args: &ConfigArgs) -> End {
    match &args.command {
        ConfigCommand::Check { place, format } => {
            let (loaded, problems) = config::examine(&global.sources(place.flags()));
            check(&loaded, problems, format.json)
        }
        ConfigCommand::Encrypt => encrypt(global),
    }
}

fn check(loaded: &Loaded, problems: Vec<Problem>, json: bool) -> End {
    if json {
        output::value(&as_json(loaded, &problems), output::for_people())?;
        return Ok(if problems.is_empty() { Exit::Done } else { Exit::Failed });
    }
    if !problems.is_empty() {
        return Err(Problems(problems).into());
    }
    let rows: Vec<Vec<String>> = loaded
        .entries()
        .into_iter()
        .map(|(key, shown, origin)| vec![key.path.to_owned(), text(&shown), origin.to_string()])
        .collect();
    let table = output::table(&["KEY", "VALUE", "FROM"], &rows);
    for (at, line) in table.lines().enumerate() {
        // What somebody set stands out from what is built in.
        let quiet = at > 0 && line.ends_with("  default");
        output::line(&if quiet { output::paint(line, Style::new().dimmed()) } else { line.to_owned() })?;
    }
    Ok(Exit::Done)
}

fn text(shown: &Shown) -> String {
    match shown {
        Shown::Unset => "-".to_owned(),
        Shown::Hidden => "[hidden]".to_owned(),
        Shown::Plain(Value::String(text)) => text.clone(),
        Shown::Plain(Value::Array(items)) if items.is_empty() => "-".to_owned(),
        Shown::Plain(value) => value.to_string(),
    }
}

fn as_json(loaded: &Loaded, problems: &[Problem]) -> Value {
    let value = |(key, shown, origin): (config::Key, Shown, Origin)| {
        let (value, hidden) = match shown {
            Shown::Unset => (Value::Null, false),
            Shown::Hidden => (Value::Null, true),
            Shown::Plain(value) => (value, false),
        };
        json!({ "key": key.path, "value": value, "hidden": hidden, "origin": origin })
    };
    let values: Vec<Value> = loaded.entries().into_iter().map(value).collect();
    json!({ "ok": problems.is_empty(), "file": loaded.file, "values": values, "problems": problems })
}

fn encrypt(global: &Global) -> End {
    // Other values may well be wrong or missing while the file is being written.
    let (loaded, _) = config::examine(&global.sources(Vec::new()));
    let Some(master) = loaded.config.secrets.master_key else {
        return Err(Failure::failed("there is no master key to encrypt with")
            .help("set ALKHUB_MASTER_KEY, or secrets.master_key_file in alkhub.toml"));
    };
    let mut secret = Zeroizing::new(String::new());
    let _unseen = super::typing::hide("Secret (not shown; end with Enter and Ctrl-D):");
    std::io::stdin()
        .read_to_string(&mut secret)
        .map_err(|error| Failure::failed(format!("cannot read the secret: {error}")))?;
    // `echo` and Enter add a line break that is not part of the secret.
    let secret = secret.strip_suffix('\n').unwrap_or(&secret);
    let secret = secret.strip_suffix('\r').unwrap_or(secret);
    if secret.is_empty() {
        return Err(Failure::usage("there is nothing to encrypt").help("pipe the secret to standard input"));
    }
    let sealed =
        crypto::seal(master.expose(), secret.as_bytes()).map_err(|e| Failure::failed(e.to_string()))?;
    let crypto::Sealed { key_version, salt, iv, data } = sealed;
    output::line(&format!(
        "{{ key_version = {key_version}, salt = \"{salt}\", iv = \"{iv}\", data = \"{data}\" }}"
    ))?;
    Ok(Exit::Done)
}
