//! `cargo codegen diff`.

use crate::{
    SourceTree,
    compat::{self, Change},
    load,
};

use super::{Failure, Format, git, project::Project};

pub(super) fn run(project: &Project, against: &str, json: bool, format: Format) -> Result<(), Failure> {
    let now = project.sources()?;
    let then = git::sources(&project.root, against)?;
    let (new, report) = load(&now);
    if report.failed() {
        format.print(&report.finish(&now));
        eprintln!("the operations are wrong; there is no contract to compare");
        return Err(Failure::Wrong);
    }
    let changes = compare(&then, &new);
    if json {
        println!("{:#}", compat::json(&changes));
    } else {
        print!("{}", compat::human(&changes));
    }
    if changes.iter().any(Change::is_unversioned_break) { Err(Failure::Wrong) } else { Ok(()) }
}

/// The old state is read as far as today's rules understand it: they may be stricter than it was.
fn compare(then: &SourceTree, new: &crate::model::Model) -> Vec<Change> {
    let (old, report) = load(then);
    if report.failed() {
        eprintln!(
            "note: the old operations do not pass today's checks; what cannot be read counts as absent"
        );
    }
    compat::compare(&old, new)
}
