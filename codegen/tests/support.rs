//! What tests share.

use std::path::{Path, PathBuf};

use alkhub_codegen::{Options, Outcome, SourceTree, diagnostic, run};

/// A directory below `codegen/tests`.
pub(crate) fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(path)
}

/// The operations of the hub itself.
pub(crate) fn real() -> SourceTree {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../operations");
    alkhub_codegen::files::read(&directory, "operations").expect("operations/ is readable")
}

/// A tree of these files.
pub(crate) fn tree(files: &[(&str, &str)]) -> SourceTree {
    let mut tree = SourceTree::new("operations");
    for (path, text) in files {
        tree.insert(*path, *text);
    }
    tree
}

/// A run with its diagnostics as text.
pub(crate) fn outcome(sources: &SourceTree) -> (Outcome, String) {
    let outcome = run(sources, &Options::default());
    let text = outcome.diagnostics.iter().map(|found| diagnostic::human(found) + "\n").collect();
    (outcome, text)
}

/// A sound query whose input and output are given.
pub(crate) fn query(input: &str, output: &str) -> String {
    format!(
        "type: query\ntitle: Test\ndescription: A test.\nsince: 0.1.0\nhttp: none\n\
         access: {{ requiredScopes: [\"test:read\"] }}\ninput: {input}\noutput: {output}\n"
    )
}
