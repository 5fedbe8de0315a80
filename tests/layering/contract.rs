//! The contract in `operations/` against what has to go with it.

use std::collections::BTreeSet;

use alkhub_codegen::{
    SourceTree,
    model::{Host, Model},
    names,
};
use alkhub_core::CallError;

use super::tree::Tree;

fn model(tree: &Tree) -> Model {
    let mut sources = SourceTree::new("operations");
    for (path, text) in tree.below("operations") {
        sources.insert(path.trim_start_matches("operations/"), text);
    }
    alkhub_codegen::load(&sources).0
}

/// Each code has a page that tells of it, and each page a code.
pub(super) fn pages(tree: &Tree) -> Vec<String> {
    let model = model(tree);
    let mut found = Vec::new();
    for error in &model.errors {
        let path = format!("docs/errors/{}.md", error.code);
        let Some(page) = tree.get(&path) else {
            found.push(format!("{path}: does not exist; write it after the pattern of the other pages"));
            continue;
        };
        for part in [
            format!("# {}\n", error.code),
            format!("\"type\": \"/docs/errors/{}\"", error.code),
            format!("\"code\": \"{}\"", error.code),
            format!("\"status\": {}", error.status),
        ] {
            if !page.contains(&part) {
                found.push(format!("{path}: does not have `{}`, as the catalogue says", part.trim()));
            }
        }
    }
    let stems =
        tree.below("docs/errors").filter_map(|(path, _)| path.strip_suffix(".md")?.rsplit('/').next());
    let orphans = stems.filter(|code| *code != "README" && model.error(code).is_none());
    found.extend(
        orphans.map(|code| format!("docs/errors/{code}.md: the catalogue has no such code; delete the page")),
    );
    found
}

/// What can befall any call has one status, in the contract and in `core`.
pub(super) fn infrastructure(tree: &Tree) -> Vec<String> {
    let errors = model(tree).errors.into_iter().filter(|error| error.infrastructure);
    let differing = errors.filter(|error| CallError::new(error.code.clone(), "").status() != error.status);
    differing
        .map(|error| {
            let core = CallError::new(error.code.clone(), "").status();
            format!(
                "operations/_shared/errors.yaml: {} is {}, and {core} by CallError::status in core/src/error.rs",
                error.code, error.status
            )
        })
        .collect()
}

/// `operations/project/create.yaml` is served by `src/operations/project/create.rs`, and the other way round.
pub(super) fn handlers(tree: &Tree) -> Vec<String> {
    const ROOTS: [&str; 2] = ["src/operations", "src/spoke/operations"];
    let expected: BTreeSet<String> = model(tree)
        .operations
        .iter()
        .map(|operation| {
            let root = ROOTS[usize::from(operation.host == Host::Spoke)];
            format!("{root}/{}/{}.rs", operation.namespace, names::module(&operation.name))
        })
        .collect();
    let served: BTreeSet<String> = ROOTS
        .iter()
        .flat_map(|root| tree.below(root))
        .map(|(path, _)| path.to_owned())
        .filter(|path| !path.ends_with("/mod.rs"))
        .collect();
    let missing = expected.difference(&served).map(|path| {
        format!(
            "{path}: does not exist; `cargo codegen new` makes declaration and handler of a new operation"
        )
    });
    let orphans = served
        .difference(&expected)
        .map(|path| format!("{path}: serves no declared operation; a helper belongs to a module outside"));
    missing.chain(orphans).collect()
}
