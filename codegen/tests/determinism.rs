//! The same sources always give the same output.

use alkhub_codegen::{SourceTree, generate};

use crate::support::real;

#[test]
fn twice_the_same() {
    let first = generate(&real()).expect("the hub's operations are sound");
    let second = generate(&real()).expect("the hub's operations are sound");
    assert!(first == second);
    assert!(first.len() > 10);
}

#[test]
fn the_order_of_reading_makes_no_difference() {
    let sources = real();
    let mut files: Vec<_> = sources.iter().collect();
    files.reverse();
    let mut reversed = SourceTree::new("operations");
    for (path, bytes) in files {
        reversed.insert(path, bytes);
    }
    assert!(generate(&sources).ok() == generate(&reversed).ok());
}

#[test]
fn committed_output_is_fresh() {
    let tree = generate(&real()).expect("the hub's operations are sound");
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../generated");
    let changes = alkhub_codegen::files::compare(&directory, &tree).expect("generated/ is readable");
    assert!(changes.is_empty(), "run `cargo codegen` and commit: {changes:?}");
}
