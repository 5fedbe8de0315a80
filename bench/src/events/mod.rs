//! Events: how fast they reach many readers, and what it costs to tell of a change.

mod append;
mod fanout;
mod postgres;
mod publish;
mod readers;

pub(crate) use postgres::Postgres;

use crate::spokes::End;

/// Runs the chosen measurements, each of which prints a Markdown table.
pub(crate) fn run(only: &[String], (readers, events): (usize, usize), seconds: u32, rounds: usize) -> End {
    for what in only {
        match what.as_str() {
            "fanout" => {
                // One thread, so that the server is left a core.
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                tokio::task::LocalSet::new().block_on(&runtime, fanout::run(readers, events, rounds))?;
            }
            "append" => {
                let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
                runtime.block_on(append::run(seconds, rounds))?;
            }
            other => return Err(format!("{other}: not one of fanout, append").into()),
        }
        println!();
    }
    Ok(())
}
