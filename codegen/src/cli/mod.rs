//! The command line, `cargo codegen`.

mod check;
mod diff;
mod generate;
mod git;
mod new;
mod project;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand, ValueEnum};

use crate::{Diagnostic, diagnostic};

const AFTER: &str = "\
Exit codes:
  0  all is well
  1  the operations are wrong, the generated files are stale, or the contract breaks
  2  the command could not be run: wrong arguments, no repository, unreadable files

docs/operations.md describes operation files, docs/diagnostics.md every diagnostic.";

/// Generates the contract from the operation files.
#[derive(Debug, Parser)]
#[command(name = "cargo codegen", bin_name = "cargo codegen", version, after_help = AFTER)]
struct Arguments {
    /// The repository; by default the nearest directory upwards that has `operations/` and `generated/`
    #[arg(long, global = true, value_name = "DIRECTORY")]
    root: Option<PathBuf>,
    /// How diagnostics are printed
    #[arg(long, global = true, value_enum, default_value_t = Format::Human)]
    format: Format,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// For people
    Human,
    /// As annotations of a GitHub workflow run
    Github,
}

impl Format {
    fn print(self, diagnostics: &[Diagnostic]) {
        for item in diagnostics {
            match self {
                Self::Human => eprintln!("{}", diagnostic::human(item)),
                Self::Github => print!("{}", diagnostic::github(item)),
            }
        }
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Writes generated/ anew, where it differs (the default)
    Generate,
    /// Checks the operations and that generated/ is up to date, and writes nothing
    Check,
    /// Tells how the contract differs from that of a git revision
    Diff {
        /// The revision, for example origin/main
        #[arg(long, value_name = "REV")]
        against: String,
        /// Prints the changes as JSON
        #[arg(long)]
        json: bool,
    },
    /// Writes a new operation file and its handler, to be filled in
    New {
        /// The id, for example project.rename
        #[arg(value_name = "NAMESPACE.NAME")]
        id: String,
        /// What the operation does
        #[arg(long = "type", value_enum, default_value_t = new::Type::Query)]
        kind: new::Type,
    },
}

/// Why a command did not succeed.
enum Failure {
    /// What was to be checked is wrong, and that has been printed.
    Wrong,
    /// The command could not be run.
    Unable(String),
}

impl From<String> for Failure {
    fn from(message: String) -> Self {
        Self::Unable(message)
    }
}

/// Runs the command line.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Wrong) => ExitCode::from(1),
        Err(Failure::Unable(message)) => {
            eprintln!("error: {message}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let project = project::find(arguments.root.as_deref())?;
    match &arguments.command {
        None | Some(Command::Generate) => generate::run(&project, arguments.format),
        Some(Command::Check) => check::run(&project, arguments.format),
        Some(Command::Diff { against, json }) => diff::run(&project, against, *json, arguments.format),
        Some(Command::New { id, kind }) => new::run(&project, id, *kind, arguments.format),
    }
}
