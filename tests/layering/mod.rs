//! The rules of `docs/ARCHITECTURE.md`, checked by reading the tree. Each rule is a function from a [`Tree`] to what
//! violates it, so that `broken` can show it small trees in which it does not hold.

mod broken;
mod contract;
mod files;
mod packages;
mod paths;
mod tree;

use tree::Tree;

/// Fails with everything that is against a rule at once.
fn assert_holds(rule: fn(&Tree) -> Vec<String>) {
    let violations = rule(&Tree::of_this_project());
    assert!(violations.is_empty(), "\n{}", violations.join("\n"));
}

#[test]
fn the_tree_is_read() {
    // Every rule holds in an empty tree.
    let tree = Tree::of_this_project();
    for path in ["AGENTS.md", "docs/errors/NOT_FOUND.md", "operations/hub/info.yaml", "src/storage/mod.rs"] {
        assert!(tree.get(path).is_some(), "{path} was not read");
    }
    assert!(tree.rust().count() > 150, "only {} files of Rust were read", tree.rust().count());
}

#[test]
fn packages_depend_only_on_the_layers_below() {
    let violations = packages::judge(&packages::of_this_project());
    assert!(violations.is_empty(), "\n{}", violations.join("\n"));
}

#[test]
fn code_mentions_only_what_its_layer_may_know() {
    assert_holds(paths::knowledge);
}

#[test]
fn handlers_write_no_sql() {
    assert_holds(paths::sql);
}

#[test]
fn no_file_is_longer_than_600_lines() {
    assert_holds(files::length);
}

#[test]
fn every_file_says_what_it_is() {
    assert_holds(files::first_line);
}

#[test]
fn agents_md_stays_short() {
    assert_holds(files::agents);
}

#[test]
fn every_error_code_has_its_page() {
    assert_holds(contract::pages);
}

#[test]
fn infrastructure_codes_mean_the_same_in_core() {
    assert_holds(contract::infrastructure);
}

#[test]
fn every_operation_has_its_handler_at_the_mirrored_path() {
    assert_holds(contract::handlers);
}
