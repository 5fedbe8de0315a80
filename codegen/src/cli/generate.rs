//! `cargo codegen generate`.

use crate::{Options, files, run as run_pipeline};

use super::{Failure, Format, project::Project};

pub(super) fn run(project: &Project, format: Format) -> Result<(), Failure> {
    let outcome = run_pipeline(&project.sources()?, &Options::default());
    format.print(&outcome.diagnostics);
    let Some(tree) = outcome.files else {
        eprintln!("nothing was written");
        return Err(Failure::Wrong);
    };
    let generated = project.generated();
    let changes =
        files::compare(&generated, &tree).map_err(|error| format!("{}: {error}", generated.display()))?;
    files::apply(&generated, &tree, &changes).map_err(|error| format!("{}: {error}", generated.display()))?;
    for path in &changes.write {
        println!("wrote generated/{path}");
    }
    for path in &changes.remove {
        println!("removed generated/{path}");
    }
    if changes.is_empty() {
        println!("{} operations; generated/ is up to date", outcome.operations);
    }
    Ok(())
}
