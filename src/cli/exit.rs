//! How a command ends: its exit code, and what it says when it failed.

use std::process::ExitCode;

use owo_colors::Style;
use serde_json::{Value, json};

use super::output;

/// Exit codes; docs/cli.md and `alkhub --help` list them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    Done = 0,
    Failed = 1,
    Usage = 2,
    Unreachable = 3,
    Denied = 4,
    Invalid = 5,
    NotFound = 6,
    Interrupted = 130,
}

impl Exit {
    pub(super) fn code(self) -> u8 {
        self as u8
    }

    /// The code for an answer of the hub.
    pub(super) fn of_status(status: u16) -> Self {
        match status {
            401 | 403 => Self::Denied,
            404 => Self::NotFound,
            422 => Self::Invalid,
            _ => Self::Failed,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// What went wrong, and how to mend it.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) exit: Exit,
    pub(super) message: String,
    pub(super) help: Option<String>,
    /// The hub's own words, which `--json` prints instead.
    pub(super) problem: Option<Value>,
}

impl Failure {
    pub(super) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), help: None, problem: None }
    }

    pub(super) fn failed(message: impl Into<String>) -> Self {
        Self::new(Exit::Failed, message)
    }

    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Tells it on standard error.
    pub(super) fn print(&self, json: bool) {
        if output::reader_left(self) {
            return;
        }
        if json {
            let fallback = || json!({ "error": self.message, "help": self.help });
            output::error_line(&self.problem.clone().unwrap_or_else(fallback).to_string());
            return;
        }
        let label = output::paint_error("error:", Style::new().red().bold());
        output::error_line(&format!("{label} {}", self.message));
        for line in self.help.iter().flat_map(|help| help.lines()) {
            output::error_line(&format!("  {line}"));
        }
    }
}

impl From<crate::config::Problems> for Failure {
    fn from(problems: crate::config::Problems) -> Self {
        let count = match problems.0.len() {
            1 => "the configuration cannot be used".to_owned(),
            many => format!("the configuration cannot be used, for {many} reasons"),
        };
        let value = json!({ "problems": problems.0 });
        Self { problem: Some(value), ..Self::failed(count).help(problems.to_string()) }
    }
}

impl From<std::io::Error> for Failure {
    /// Only writing to standard output is left to this conversion.
    fn from(error: std::io::Error) -> Self {
        Self::failed(format!("cannot write the output: {error}"))
    }
}
