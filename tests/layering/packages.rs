//! Which package of the workspace may depend on which, and which libraries are not for which.

use std::process::Command;

use serde_json::Value;

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

/// What a package may know.
struct Layer {
    package: &'static str,
    /// Packages of ours that it may use, and those that only its tests or its build may use.
    normal: &'static [&'static str],
    dev: &'static [&'static str],
    build: &'static [&'static str],
    /// Libraries that are not for it.
    never: &'static [&'static str],
}

const fn layer(package: &'static str) -> Layer {
    Layer { package, normal: &[], dev: &[], build: &[], never: &[] }
}

const LAYERS: &[Layer] = &[
    Layer { never: TRANSPORTS_AND_STORAGE, ..layer("alkhub-flow") },
    Layer { normal: &["alkhub-flow"], never: TRANSPORTS_AND_STORAGE, ..layer("alkhub-core") },
    Layer { normal: &["alkhub-flow"], never: TRANSPORTS_AND_STORAGE, ..layer("alkhub-codegen") },
    Layer { never: &["poem", "poem-openapi", "redis"], ..layer("alkhub-migrations") },
    Layer {
        normal: &["alkhub-core"],
        build: &["alkhub-codegen"],
        never: TRANSPORTS_AND_STORAGE,
        ..layer("alkhub-api")
    },
    Layer {
        normal: &["alkhub-core", "alkhub-api", "alkhub-migrations"],
        dev: &["alkhub-codegen", "alkhub-testkit"],
        ..layer("alkhub")
    },
    // What only tests and measurements need.
    Layer { normal: &["alkhub-core"], build: &["alkhub-codegen"], ..layer("alkhub-testkit") },
    layer("alkhub-client-progenitor"),
    Layer { normal: &["alkhub", "alkhub-core", "alkhub-api", "alkhub-testkit"], ..layer("alkhub-bench") },
];

/// One entry of a manifest: the package, `normal`, `dev` or `build`, and what it depends on.
pub(super) type Dependency = (String, String, String);

/// The packages of the workspace with what they depend on, as cargo reads their manifests.
pub(super) fn of_this_project() -> Vec<Dependency> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--offline", "--format-version=1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("metadata");
    let packages = metadata["packages"].as_array().expect("packages");
    let text = |value: &Value| value.as_str().unwrap_or("normal").to_owned();
    packages
        .iter()
        .flat_map(|package| {
            let name = text(&package["name"]);
            let dependencies = package["dependencies"].as_array().into_iter().flatten();
            dependencies
                .map(move |to| (name.clone(), text(&to["kind"]), text(&to["name"])))
                .collect::<Vec<_>>()
        })
        .collect()
}

/// What is against the layers.
pub(super) fn judge(dependencies: &[Dependency]) -> Vec<String> {
    let mut found = Vec::new();
    for (package, kind, to) in dependencies {
        let Some(layer) = LAYERS.iter().find(|layer| layer.package == package) else {
            found
                .push(format!("{package}: has no layer; say in tests/layering/packages.rs what it may know"));
            continue;
        };
        let more = match kind.as_str() {
            "dev" => layer.dev,
            "build" => layer.build,
            _ => &[],
        };
        let is_ours = LAYERS.iter().any(|layer| layer.package == to);
        let may = layer.normal.contains(&to.as_str()) || more.contains(&to.as_str());
        if is_ours && !may || layer.never.contains(&to.as_str()) {
            found.push(format!(
                "{package}: its {kind} dependencies have {to}, which its layer may not know; move what is needed to \
                 a layer that both may know, or turn the dependency round with a trait"
            ));
        }
    }
    found
}
