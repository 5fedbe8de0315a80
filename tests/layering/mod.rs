//! The layering rules of `docs/ARCHITECTURE.md`, checked by reading the tree. Each failure says the rule, the place and
//! the remedy. A rule is a function from a [`Tree`] to [`Violation`]s, so that `checker` can show it examples which break it.

mod checker;
mod contract;
mod files;
mod lexer;
mod manifest;
mod packages;
mod paths;
mod sources;
mod tree;

use tree::{Tree, Violation};

/// Fails with every violation of one rule at once.
fn assert_holds(rule: fn(&Tree) -> Vec<Violation>) {
    let violations = rule(&Tree::of_this_project());
    let report: Vec<String> = violations.iter().map(Violation::to_string).collect();
    assert!(report.is_empty(), "\n{}", report.join("\n"));
}

#[test]
fn the_tree_is_read() {
    // Every rule holds in an empty tree; this is what a mistake in walking the real one would look like.
    let tree = Tree::of_this_project();
    for path in [
        "AGENTS.md",
        "Cargo.toml",
        "core/Cargo.toml",
        "core/src/error.rs",
        "docs/errors/NOT_FOUND.md",
        "operations/_shared/errors.yaml",
        "operations/hub/info.yaml",
        "src/operations/hub/info.rs",
        "src/storage/mod.rs",
        "src/transport/http/openapi/mod.rs",
    ] {
        assert!(tree.get(path).is_some(), "{path} was not read");
    }
    assert!(tree.rust().count() > 150, "only {} files of Rust were read", tree.rust().count());
}

#[test]
fn packages_depend_only_on_the_layers_below() {
    assert_holds(packages::dependencies);
}

#[test]
fn only_storage_knows_sea_orm() {
    assert_holds(sources::storage);
}

#[test]
fn only_the_bus_knows_redis() {
    assert_holds(sources::bus);
}

#[test]
fn handlers_know_neither_sockets_nor_sql() {
    assert_holds(sources::handlers);
}

#[test]
fn core_knows_no_transport_and_no_storage() {
    assert_holds(sources::core);
}

#[test]
fn only_the_openapi_adapter_knows_the_registry_types() {
    assert_holds(sources::openapi);
}

#[test]
fn no_file_is_longer_than_600_lines() {
    assert_holds(files::length);
}

#[test]
fn every_module_says_what_it_is() {
    assert_holds(files::doc_comment);
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
fn infrastructure_codes_are_those_of_core() {
    assert_holds(contract::infrastructure);
}

#[test]
fn every_operation_has_its_handler_at_the_mirrored_path() {
    assert_holds(contract::handlers);
}
