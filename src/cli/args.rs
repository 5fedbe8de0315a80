//! What can be typed.

use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::config::{Flag, Sources};

const AFTER: &str = "\
Examples:
  alkhub                                        serve on 127.0.0.1:8080 with data in ./data
  alkhub serve --listen 0.0.0.0:8080 --data /var/lib/alkhub
  alkhub call hub.info                          call an operation (ALKHUB_KEY holds your key)
  alkhub events --follow                        watch what happens
  alkhub keys create ci --scope project:read    make a key with one scope
  alkhub dev                                    a hub and this directory's files, shell and git in it
  alkhub spoke --root .                         connect this directory to a running hub
  alkhub mcp opencode                           print the settings with which opencode reaches the hub
  alkhub doctor                                 find out what is wrong with the set-up

Exit codes:
  0 done   1 failed   2 wrong usage   3 hub not reachable   4 access denied
  5 invalid input   6 not found   130 interrupted";

/// One server through which people, programs and AI agents reach every capability of every connected machine.
#[derive(Debug, Parser)]
#[command(name = "alkhub", version, after_help = AFTER, disable_help_subcommand = true)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Option<Command>,
    #[command(flatten)]
    pub(super) global: Global,
    #[command(flatten)]
    pub(super) serve: super::serve::ServeArgs,
}

/// Flags that every command takes.
#[derive(Debug, Args)]
pub(super) struct Global {
    /// The configuration file; without it ALKHUB_CONFIG, else ./alkhub.toml if it is there
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// What to log: a level, or directives such as `info,alkhub=debug`
    #[arg(long, global = true, value_name = "FILTER")]
    log: Option<String>,
}

impl Global {
    /// Where the configuration is read from, with the flags of a command.
    pub(super) fn sources(&self, mut flags: Vec<Flag>) -> Sources {
        flags.extend(flag("--log", "log.filter", self.log.as_ref()));
        Sources::of_process(self.config.clone(), flags)
    }
}

/// A flag that overrides a configuration key, if it was given.
pub(super) fn flag(name: &'static str, key: &'static str, value: Option<&impl ToString>) -> Option<Flag> {
    value.map(|value| Flag { name, key, value: value.to_string() })
}

/// Which hub's files: for commands that work on them without a running hub.
#[derive(Debug, Args)]
pub(super) struct Place {
    /// Directory of everything the hub keeps on disk [default: ./data]
    #[arg(long, value_name = "DIR")]
    data: Option<String>,
    /// The database instead of the file under the data directory. A password in it shows in the process list; the
    /// variable ALKHUB_DATABASE_URL or the configuration file keep it private
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
}

impl Place {
    pub(super) fn flags(&self) -> Vec<Flag> {
        let data = flag("--data", "data", self.data.as_ref());
        data.into_iter().chain(flag("--database-url", "database.url", self.database_url.as_ref())).collect()
    }

    fn is_given(&self) -> bool {
        self.data.is_some() || self.database_url.is_some()
    }
}

/// How to print.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct Format {
    /// Print JSON, also for errors
    #[arg(long, global = true)]
    pub(super) json: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run the hub (the default)
    Serve(super::serve::ServeArgs),
    /// Run a hub and a base spoke on a directory together, for trying out and for development
    Dev(super::dev::DevArgs),
    /// Connect a directory of this machine to a hub: its files, a shell, git
    Spoke(super::spoke::SpokeArgs),
    /// Call an operation of a running hub
    Call(super::call::CallArgs),
    /// Show calls that went through the hub and what they led to, or end one
    Calls(super::calls::CallsArgs),
    /// Show what has happened, or follow what happens
    Events(super::events::EventsArgs),
    /// Show which operations can follow each other
    Graph(super::graph::GraphArgs),
    /// Talk with a language model through a running hub, or test its provider
    Llm(super::llm::LlmArgs),
    /// Manage API keys
    Keys(super::keys::KeysArgs),
    /// Bring the database's schema up to date, or show where it stands
    Migrate(super::migrate::MigrateArgs),
    /// Check the configuration, or encrypt a value of it
    Config(super::config::ConfigArgs),
    /// Print the settings with which MCP clients reach the hub
    Mcp(super::mcp::McpArgs),
    /// Find out what is wrong with the set-up, and how to mend it
    Doctor(super::doctor::DoctorArgs),
    /// Print a completion script for a shell
    Completions(super::complete::CompletionsArgs),
    /// Print the OpenAPI document
    Openapi,
}

impl Command {
    /// Whether errors are to be JSON too.
    pub(super) fn wants_json(&self) -> bool {
        match self {
            Self::Call(args) => args.format.json,
            Self::Calls(args) => args.format.json,
            Self::Events(args) => args.format.json,
            Self::Graph(args) => args.format.json,
            Self::Llm(args) => args.format.json,
            Self::Keys(args) => args.format.json,
            Self::Migrate(args) => args.format.json,
            Self::Config(args) => args.wants_json(),
            Self::Doctor(args) => args.format.json,
            Self::Mcp(_)
            | Self::Serve(_)
            | Self::Dev(_)
            | Self::Spoke(_)
            | Self::Completions(_)
            | Self::Openapi => false,
        }
    }
}

/// Refuses flags of `serve` before another command: clap would take them and the command would not heed them.
pub(super) fn check(cli: Cli) -> Result<Cli, clap::Error> {
    let (Some(_), true) = (&cli.command, cli.serve.is_given() || cli.serve.place.is_given()) else {
        return Ok(cli);
    };
    let message =
        "--listen, --data, --database-url and --no-migrate stand after the command that they are for";
    Err(Cli::command().error(ErrorKind::ArgumentConflict, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn without_a_command_the_flags_of_serve_count() {
        let parse = |line: &str| Cli::try_parse_from(line.split(' ')).and_then(check);
        assert!(parse("alkhub --listen 127.0.0.1:0 --data x").expect("serves").command.is_none());
        assert!(parse("alkhub --listen 127.0.0.1:0 doctor").is_err());
        assert!(parse("alkhub --data x doctor").is_err());
        assert!(parse("alkhub doctor --data x").is_ok());
        assert!(parse("alkhub --config x doctor").is_ok());
        assert!(parse("alkhub doctor --config x --log debug").is_ok());
    }

    #[test]
    fn help_names_the_variables_and_warns_of_the_process_list() {
        let mut command = Cli::command();
        let call = command.find_subcommand_mut("call").expect("there");
        let help = call.render_long_help().to_string();
        assert!(
            help.contains("process list") && help.contains("ALKHUB_KEY") && !help.contains("alk_"),
            "{help}"
        );
    }
}
