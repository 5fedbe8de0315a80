//! Hostile names are refused or generate code that the compiler takes.

use std::{env, fs, path::Path, process::Command};

use alkhub_codegen::{FileTree, Options, SourceTree, files, generate, run};

use crate::support::{here, outcome, query, tree};

/// Words that mean something to Rust, to its prelude, to serde, to typify, or to JavaScript.
const HOSTILE: &[&str] = &[
    "type",
    "self",
    "Self",
    "super",
    "crate",
    "fn",
    "async",
    "await",
    "dyn",
    "try",
    "gen",
    "box",
    "mod",
    "ref",
    "where",
    "union",
    "macro_rules",
    "static",
    "extern",
    "Option",
    "Some",
    "None",
    "String",
    "Result",
    "Ok",
    "Err",
    "Box",
    "Vec",
    "Default",
    "Clone",
    "Debug",
    "PartialEq",
    "From",
    "Error",
    "Value",
    "Input",
    "Output",
    "DESCRIPTOR",
    "serde",
    "std",
    "core",
    "alloc",
    "alkhub_core",
    "defaults",
    "error",
    "errors",
    "shared",
    "present",
    "extra",
    "__proto__",
    "constructor",
    "toString",
    "hasOwnProperty",
    "r#type",
    "_",
    "__",
    "a-b",
    "a.b",
    "$x",
    "x$",
    "1a",
    "é",
    "日本",
    "a b",
    "",
    "tag",
    "content",
    "kind",
    "i64",
    "str",
    "bool",
    "u8",
    "Send",
    "Sync",
    "Future",
    "Display",
    "FromStr",
    "TryFrom",
    "Deserialize",
    "Serialize",
    "Call",
    "Handle",
    "Operation",
];

/// Properties, values, shared types, operations and namespaces of every hostile name.
fn hostile() -> Vec<(String, SourceTree)> {
    let mut trees = Vec::new();
    for name in HOSTILE {
        let quoted = serde_json::Value::from(*name).to_string();
        let object = format!(
            "{{ type: object, required: [{quoted}], properties: {{ {quoted}: {{ type: string, enum: [a] }}, z: {{ type: integer, default: 1 }} }} }}"
        );
        let optional = format!(
            "{{ type: object, properties: {{ {quoted}: {{ type: array, items: {{ type: string }}, default: [x] }} }} }}"
        );
        let values = format!("{{ type: string, enum: [{quoted}, other] }}");
        let union = format!(
            "{{ oneOf: [{{ type: object, required: [t], properties: {{ t: {{ type: string, const: {quoted} }} }} }}, \
             {{ type: object, required: [t, v], properties: {{ t: {{ type: string, const: b }}, v: {{ type: string }} }} }}] }}"
        );
        for (what, output) in
            [("property", &object), ("default", &optional), ("value", &values), ("variant", &union)]
        {
            let file = query(&optional, output);
            trees.push((format!("{what} {name}"), tree(&[("test/get.yaml", &file)])));
        }
        let shared = format!("{quoted}: {object}\n");
        let user = query(
            "{ type: object }",
            &format!("{{ type: array, items: {{ $ref: \"../_shared/t.yaml#/{name}\" }} }}"),
        );
        trees
            .push((format!("shared {name}"), tree(&[("_shared/t.yaml", &shared), ("test/get.yaml", &user)])));
        let file = query(&optional, &object);
        trees.push((format!("operation {name}"), tree(&[(&format!("test/{name}.yaml"), &file)])));
        trees.push((format!("namespace {name}"), tree(&[(&format!("{name}/get.yaml"), &file)])));
    }
    trees
}

/// Everything sound in one contract, so that one compilation judges it all.
fn combined() -> (FileTree, usize) {
    let mut all = SourceTree::new("operations");
    let mut accepted = 0;
    for (index, (_, sources)) in hostile().into_iter().enumerate() {
        if generate(&sources).is_err() {
            continue;
        }
        accepted += 1;
        for (path, bytes) in sources.iter() {
            let text = String::from_utf8_lossy(bytes).replace("t.yaml#", &format!("t{index}.yaml#"));
            let path = match path {
                "test/get.yaml" => format!("case{index}/get.yaml"),
                "_shared/t.yaml" => format!("_shared/t{index}.yaml"),
                path => path.to_owned(),
            };
            all.insert(path, text);
        }
    }
    let (outcome, text) = outcome(&all);
    (outcome.files.unwrap_or_else(|| panic!("sound apart, not sound together:\n{text}")), accepted)
}

#[test]
fn hostile_names_are_refused_or_parse() {
    let (tree, accepted) = combined();
    assert!(accepted > HOSTILE.len(), "hardly anything was accepted: {accepted}");
    for (path, text) in tree.iter().filter(|(path, _)| path.ends_with(".rs")) {
        syn::parse_file(text).unwrap_or_else(|error| panic!("{path}: {error}\n{text}"));
    }
}

/// Compiles for real, against the real core; the slowest test there is.
#[test]
fn hostile_names_compile() {
    let (tree, _) = combined();
    let small = generate(&files::read(&here("snapshot/operations"), "operations").expect("readable"));
    compile("hostile", &tree);
    compile("small", &small.expect("the tree is sound"));
    compile("nested", &nested());
}

/// The same in one file, deep inside a crate.
fn nested() -> FileTree {
    let sources = files::read(&here("snapshot/operations"), "operations").expect("readable");
    let options = Options { root: "crate::deep::api".to_owned(), single_file: true };
    let api = run(&sources, &options).files.expect("the tree is sound");
    let mut tree = FileTree::default();
    tree.insert("src/api.in", api.get("api.rs").expect("there is one file"));
    tree.insert(
        "src/lib.rs",
        "//! Scratch.\n/// Deep.\npub mod deep {\n    /// Api.\n    pub mod api {\n        include!(\"api.in\");\n    }\n}\n",
    );
    tree
}

fn compile(name: &str, tree: &FileTree) {
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let manifest = format!(
        "[package]\nname = \"scratch-{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n\
         [lints.rust]\nmissing_docs = \"deny\"\nwarnings = \"deny\"\n\
         [dependencies]\nalkhub-core = {{ path = {:?} }}\nserde = {{ version = \"1\", features = [\"derive\"] }}\nserde_json = \"1\"\n",
        workspace.join("core"),
    );
    fs::write(scratch.path().join("Cargo.toml"), manifest).expect("the manifest can be written");
    fs::copy(workspace.join("Cargo.lock"), scratch.path().join("Cargo.lock"))
        .expect("the lock file can be copied");
    let changes = files::compare(scratch.path(), tree).expect("readable");
    files::apply(scratch.path(), tree, &changes).expect("writable");
    let target = env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| workspace.join("target").into_os_string());
    let output = Command::new(env!("CARGO"))
        .args(["check", "--quiet", "--offline"])
        .current_dir(scratch.path())
        .env("CARGO_TARGET_DIR", target)
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
}
