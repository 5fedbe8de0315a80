//! The call graph: what recording costs, and how fast what is recorded is found.

mod cost;
mod find;

use crate::spokes::End;

/// Runs the chosen measurements on both databases; each prints a Markdown table.
pub(crate) fn run(only: &[String], rows: u64, seconds: u32, rounds: usize) -> End {
    for what in only {
        match what.as_str() {
            "cost" => cost::run(seconds, rounds)?,
            "find" => {
                let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
                runtime.block_on(find::run(rows, rounds))?;
            }
            other => return Err(format!("{other}: not one of cost, find").into()),
        }
        println!();
    }
    Ok(())
}
