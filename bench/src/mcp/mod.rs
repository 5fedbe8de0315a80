//! MCP: calls of a tool against bare servers with the same tool, and search among many operations.

mod baseline;
mod load;
mod search;

use std::path::Path;

pub(crate) use baseline::serve;

pub(crate) type End<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// Runs the chosen measurements, each of which prints a Markdown table.
pub(crate) fn run(
    only: &[String],
    seconds: u32,
    rounds: usize,
    python: Option<&Path>,
    operations: usize,
) -> End {
    for what in only {
        match what.as_str() {
            "call" => load::run(seconds, rounds, python)?,
            "search" => search::run(operations)?,
            other => return Err(format!("{other}: not one of call, search").into()),
        }
        println!();
    }
    Ok(())
}
