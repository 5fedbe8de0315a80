//! Generation from build scripts.

use std::{
    env,
    fmt::Write,
    path::{Path, PathBuf},
    process,
};

use crate::{Options, diagnostic, files, run};

/// Generates into a committed directory. With `CI=true` nothing is written, and a stale file is a failure.
///
/// Ends the build script with a readable message if the sources are wrong.
pub fn in_tree(operations: impl AsRef<Path>, generated: impl AsRef<Path>) {
    let (operations, generated) = (operations.as_ref(), generated.as_ref());
    if let Err(message) = try_in_tree(operations, generated) {
        fail(&message);
    }
}

fn try_in_tree(operations: &Path, generated: &Path) -> Result<(), String> {
    let tree = output(operations, &Options::default())?;
    watch(operations)?;
    println!("cargo::rerun-if-env-changed=CI");
    let changes = files::compare(generated, &tree).map_err(|error| unreadable(generated, &error))?;
    if changes.is_empty() {
        return Ok(());
    }
    if env::var("CI").is_ok_and(|value| value == "true") {
        let mut message = String::from("the generated files are stale:\n");
        for path in changes.write.iter().chain(&changes.remove) {
            let _ = writeln!(message, "  generated/{path}");
        }
        message.push_str("run `cargo codegen` and commit what it writes");
        return Err(message);
    }
    files::apply(generated, &tree, &changes).map_err(|error| format!("{}: {error}", generated.display()))
}

/// Generates into `OUT_DIR/api.rs`, to be included in the module `crate::api`.
///
/// Ends the build script with a readable message if the sources are wrong.
pub fn out_dir(operations: impl AsRef<Path>) {
    out_dir_as(operations, "crate::api");
}

/// Like [`out_dir`], to be included in the module of this path.
pub fn out_dir_as(operations: impl AsRef<Path>, root: &str) {
    let options = Options { root: root.to_owned(), single_file: true };
    if let Err(message) = try_out_dir(operations.as_ref(), &options) {
        fail(&message);
    }
}

fn try_out_dir(operations: &Path, options: &Options) -> Result<(), String> {
    let out = env::var_os("OUT_DIR").map(PathBuf::from).ok_or("OUT_DIR is not set: not in a build script")?;
    let tree = output(operations, options)?;
    watch(operations)?;
    let changes = files::compare(&out, &tree).map_err(|error| unreadable(&out, &error))?;
    files::apply(&out, &tree, &changes).map_err(|error| format!("{}: {error}", out.display()))
}

fn output(operations: &Path, options: &Options) -> Result<crate::FileTree, String> {
    let sources =
        files::read(operations, &shown(operations)).map_err(|error| unreadable(operations, &error))?;
    let outcome = run(&sources, options);
    let text: String = outcome.diagnostics.iter().map(diagnostic::human).collect();
    if outcome.files.is_some() {
        for warning in &outcome.diagnostics {
            println!(
                "cargo::warning={}: {}[{}]: {}",
                warning.at.file,
                warning.severity.as_str(),
                warning.code,
                warning.message
            );
        }
    }
    outcome.files.ok_or_else(|| format!("the operations are not right:\n\n{text}"))
}

/// The directory as seen from the root of the workspace.
fn shown(operations: &Path) -> String {
    let full = operations.canonicalize().unwrap_or_else(|_| operations.to_owned());
    let root = full.ancestors().find(|parent| parent.join("Cargo.lock").is_file());
    let inside = root.and_then(|root| full.strip_prefix(root).ok()).unwrap_or(operations);
    inside.to_string_lossy().replace('\\', "/")
}

/// Asks cargo to run the build script again when a file comes, goes or changes. Only said on success: after a
/// failure cargo runs it again anyway, and shows all that it printed.
fn watch(operations: &Path) -> Result<(), String> {
    println!("cargo::rerun-if-changed={}", operations.display());
    for path in files::list(operations).map_err(|error| unreadable(operations, &error))? {
        println!("cargo::rerun-if-changed={}", path.display());
    }
    Ok(())
}

fn unreadable(path: &Path, error: &std::io::Error) -> String {
    format!("{} cannot be read: {error}", path.display())
}

fn fail(message: &str) -> ! {
    eprintln!("{message}");
    process::exit(1);
}
