//! What a small tree becomes.

use alkhub_codegen::{Options, files, generate, run};

use crate::support::here;

fn sources() -> alkhub_codegen::SourceTree {
    files::read(&here("snapshot/operations"), "operations").expect("the tree is readable")
}

#[test]
fn a_small_tree() {
    let tree = generate(&sources()).expect("the tree is sound");
    let text: String = tree.iter().map(|(path, text)| format!("==> {path}\n{text}\n")).collect();
    insta::assert_snapshot!(text);
}

#[test]
fn one_file_holds_the_same_modules() {
    let options = Options { root: "crate::api".to_owned(), single_file: true };
    let tree = run(&sources(), &options).files.expect("the tree is sound");
    let text = tree.get("api.rs").expect("there is one file");
    assert_eq!(tree.len(), 1);
    syn::parse_file(text).expect("it parses");
    assert!(text.contains("crate::api::shared::Note") && !text.contains("macro_rules"));
}

#[test]
fn secrets_are_not_printed() {
    let tree = generate(&sources()).expect("the tree is sound");
    let text = tree.get("src/note/create.rs").expect("the module is there");
    assert!(text.contains(r#".field("password", &"[secret]")"#));
}
