//! `cargo codegen check`.

use std::time::Instant;

use crate::{Options, Severity, files, run as run_pipeline};

use super::{Failure, Format, project::Project};

pub(super) fn run(project: &Project, format: Format) -> Result<(), Failure> {
    let start = Instant::now();
    let outcome = run_pipeline(&project.sources()?, &Options::default());
    format.print(&outcome.diagnostics);
    let count = |severity| outcome.diagnostics.iter().filter(|found| found.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let mut stale = 0;
    if let Some(tree) = &outcome.files {
        let generated = project.generated();
        let changes =
            files::compare(&generated, tree).map_err(|error| format!("{}: {error}", generated.display()))?;
        for path in changes.write.iter().chain(&changes.remove) {
            eprintln!("stale: generated/{path}");
            stale += 1;
        }
        if stale > 0 {
            eprintln!("help: run `cargo codegen` and commit what it writes\n");
        }
    }
    println!(
        "{} operations, {errors} errors, {warnings} warnings, {stale} stale files, {} ms",
        outcome.operations,
        start.elapsed().as_millis()
    );
    if errors == 0 && stale == 0 { Ok(()) } else { Err(Failure::Wrong) }
}
