//! Which package of the workspace may depend on which, and which libraries are not for which.

use std::collections::BTreeMap;

use super::{
    manifest::{Dependency, Manifest, Table, parse},
    tree::{Tree, Violation},
};

const RULE: &str = "packages know only the layers below them: src -> {generated, core, migrations}, generated -> core, \
                    core, codegen and migrations -> nothing of ours";

/// What a package may depend on, of ours.
struct Layer {
    directory: &'static str,
    normal: &'static [&'static str],
    /// Besides `normal`.
    dev: &'static [&'static str],
    build: &'static [&'static str],
    /// Libraries that are not for it.
    never: &'static [&'static str],
}

const TRANSPORTS_AND_STORAGE: &[&str] = &[
    "axum",
    "hyper",
    "hyper-util",
    "poem",
    "poem-openapi",
    "redis",
    "sea-orm",
    "sea-orm-migration",
    "sea-query",
    "sqlx",
];

const CORE: &str = "alkhub-core";
const API: &str = "alkhub-api";
const CODEGEN: &str = "alkhub-codegen";
const MIGRATIONS: &str = "alkhub-migrations";
const HUB: &str = "alkhub";
const TESTKIT: &str = "alkhub-testkit";

const LAYERS: &[Layer] = &[
    Layer { directory: "core", normal: &[], dev: &[], build: &[], never: TRANSPORTS_AND_STORAGE },
    Layer { directory: "codegen", normal: &[], dev: &[], build: &[], never: TRANSPORTS_AND_STORAGE },
    Layer {
        directory: "migrations",
        normal: &[],
        dev: &[],
        build: &[],
        never: &["poem", "poem-openapi", "redis"],
    },
    Layer {
        directory: "generated",
        normal: &[CORE],
        dev: &[],
        build: &[CODEGEN],
        never: TRANSPORTS_AND_STORAGE,
    },
    Layer {
        directory: ".",
        normal: &[CORE, API, MIGRATIONS],
        dev: &[CODEGEN, TESTKIT],
        build: &[],
        never: &[],
    },
    // What only tests and measurements need.
    Layer { directory: "tests/kit", normal: &[CORE], dev: &[], build: &[CODEGEN], never: &[] },
    Layer { directory: "tests/clients/progenitor", normal: &[], dev: &[], build: &[], never: &[] },
    Layer { directory: "bench", normal: &[HUB, CORE, API, TESTKIT], dev: &[], build: &[], never: &[] },
];

/// Every package keeps to its layer.
pub(super) fn dependencies(tree: &Tree) -> Vec<Violation> {
    let Some(root) = tree.get("Cargo.toml").map(parse) else {
        return vec![Violation::new(RULE, ("Cargo.toml", 1), "does not exist", "restore it")];
    };
    let mut found = Vec::new();
    let mut members: Vec<(&Layer, String, Manifest)> = Vec::new();
    for (line, directory) in &root.members {
        let path = manifest_path(directory);
        let layer = LAYERS.iter().find(|layer| layer.directory == directory);
        match (layer, tree.get(&path)) {
            (Some(layer), Some(text)) => members.push((layer, path, parse(text))),
            (None, _) => found.push(Violation::new(
                RULE,
                ("Cargo.toml", *line),
                format!("`{directory}` is a member that has no layer"),
                "say in LAYERS of tests/layering/packages.rs, and in docs/ARCHITECTURE.md, what it may depend on",
            )),
            (Some(_), None) => found.push(Violation::new(
                RULE,
                ("Cargo.toml", *line),
                format!("`{directory}` is a member whose manifest was not found"),
                "take it out of the members, or teach tests/layering/tree.rs where to look",
            )),
        }
    }
    let ours = Ours::new(&root, &members);
    for (layer, path, manifest) in &members {
        let dependencies = manifest.dependencies.iter().filter(|one| one.table != Table::Workspace);
        found.extend(dependencies.filter_map(|one| ours.judge(layer, path, one)));
    }
    found
}

fn manifest_path(directory: &str) -> String {
    if directory == "." { "Cargo.toml".to_owned() } else { format!("{directory}/Cargo.toml") }
}

/// The packages of the workspace and the names that they go by.
struct Ours {
    packages: Vec<String>,
    /// Package by key of `[workspace.dependencies]`.
    aliases: BTreeMap<String, String>,
    /// Package by last part of its directory, for dependencies by path.
    directories: BTreeMap<String, String>,
}

impl Ours {
    fn new(root: &Manifest, members: &[(&Layer, String, Manifest)]) -> Self {
        let name = |manifest: &Manifest| manifest.name.clone().unwrap_or_default();
        let directories: BTreeMap<String, String> = members
            .iter()
            .map(|(layer, _, manifest)| (last_part(layer.directory).to_owned(), name(manifest)))
            .collect();
        let packages = members.iter().map(|(_, _, manifest)| name(manifest)).collect();
        let mut ours = Self { packages, aliases: BTreeMap::new(), directories };
        ours.aliases = root
            .dependencies
            .iter()
            .filter(|one| one.table == Table::Workspace)
            .map(|one| (one.key.clone(), ours.package(one)))
            .collect();
        ours
    }

    /// The package behind a dependency, whatever the manifest calls it.
    fn package(&self, one: &Dependency) -> String {
        let by_path = || self.directories.get(last_part(one.path.as_deref()?)).cloned();
        let by_alias = || self.aliases.get(&one.key).cloned();
        one.package.clone().or_else(by_path).or_else(by_alias).unwrap_or_else(|| one.key.clone())
    }

    fn judge(&self, layer: &Layer, path: &str, one: &Dependency) -> Option<Violation> {
        let package = self.package(one);
        let allowed = match one.table {
            Table::Normal | Table::Workspace => layer.normal.contains(&&*package),
            Table::Dev => layer.normal.contains(&&*package) || layer.dev.contains(&&*package),
            Table::Build => layer.build.contains(&&*package),
        };
        let table = one.table.name();
        if self.packages.contains(&package) && !allowed {
            return Some(Violation::new(
                RULE,
                (path, one.line),
                format!("[{table}] has `{package}`"),
                "move what is needed to a layer that both may know, or turn the dependency round with a trait",
            ));
        }
        layer.never.contains(&&*package).then(|| {
            Violation::new(
                RULE,
                (path, one.line),
                format!("[{table}] has `{package}`, a library of transports or storage"),
                "keep it in the root package and give this one a trait or a value",
            )
        })
    }
}

fn last_part(path: &str) -> &str {
    path.trim_end_matches('/').rsplit('/').next().unwrap_or(path)
}
