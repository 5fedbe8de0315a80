//! The command line.

use std::{path::Path, process::ExitCode};

use crate::{Options, diagnostic, files, run};

/// Runs the command line.
#[must_use]
pub fn main() -> ExitCode {
    let sources = match files::read(Path::new("operations"), "operations") {
        Ok(s) => s,
        Err(e) => {
            eprintln!("{e}");
            return ExitCode::from(2);
        }
    };
    let start = std::time::Instant::now();
    let outcome = run(&sources, &Options::default());
    for d in &outcome.diagnostics {
        eprint!("{}", diagnostic::human(d));
    }
    println!("{} operations, {} ms", outcome.operations, start.elapsed().as_millis());
    let Some(tree) = outcome.files else { return ExitCode::from(1) };
    let g = Path::new("generated");
    let changes = files::compare(g, &tree).unwrap_or_default();
    println!("{changes:?}");
    let _ = files::apply(g, &tree, &changes);
    ExitCode::SUCCESS
}
