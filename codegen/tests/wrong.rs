//! Wrong sources and what is said of them. `UPDATE=1` rewrites the expectations.

use std::{collections::BTreeSet, env, fs};

use alkhub_codegen::{Severity, diagnostic::codes, files};

use crate::support::{here, outcome};

/// Codes that no source can provoke: they report limits of the generator.
const UNPROVOKED: &[&str] = &["OP0090"];

fn cases() -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(here("wrong"))
        .expect("the corpus is there")
        .filter_map(Result::ok)
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn each_case_is_told_as_expected() {
    let mut failed = Vec::new();
    let mut seen = BTreeSet::new();
    for name in cases() {
        let sources =
            files::read(&here(&format!("wrong/{name}")), "operations").expect("the case is readable");
        let (outcome, text) = outcome(&sources);
        let is_error = outcome.diagnostics.iter().any(|found| found.severity == Severity::Error);
        assert_eq!(outcome.files.is_none(), is_error, "{name}: files exactly where there is no error");
        assert!(!outcome.diagnostics.is_empty(), "{name} is not wrong");
        seen.extend(outcome.diagnostics.iter().map(|found| found.code.as_str()));
        let expected = here(&format!("wrong/{name}.stderr"));
        if env::var_os("UPDATE").is_some() {
            fs::write(&expected, &text).expect("the expectation can be written");
        } else if fs::read_to_string(&expected).ok().as_deref() != Some(&text) {
            failed.push(format!("--- {name}\n{text}"));
        }
    }
    assert!(failed.is_empty(), "not as expected (UPDATE=1 accepts):\n{}", failed.join("\n"));
    for (code, title) in codes::ALL {
        let known = seen.contains(code.as_str()) || UNPROVOKED.contains(&code.as_str());
        assert!(known, "no case provokes {code}: {title}");
    }
}

#[test]
fn every_error_says_what_would_be_right() {
    for name in cases() {
        let sources =
            files::read(&here(&format!("wrong/{name}")), "operations").expect("the case is readable");
        for found in outcome(&sources).0.diagnostics {
            // The YAML scanner's own messages stand alone.
            assert!(
                found.help.is_some() || found.code == codes::SYNTAX,
                "{name}: {} has no help",
                found.message
            );
        }
    }
}

#[test]
fn annotations_are_one_line_each() {
    let sources = files::read(&here("wrong/many_faults"), "operations").expect("the case is readable");
    for found in outcome(&sources).0.diagnostics {
        let line = alkhub_codegen::diagnostic::github(&found);
        assert_eq!(line.matches('\n').count(), 1, "{line}");
        assert!(line.starts_with("::error file=operations/thing/get.yaml,line="), "{line}");
    }
}

#[test]
fn a_large_file_is_not_read() {
    let large = format!("# {}\n", "x".repeat(300_000));
    let (_, text) = outcome(&crate::support::tree(&[("thing/get.yaml", &large)]));
    assert!(text.starts_with("operations/thing/get.yaml: error[OP0001]: the file is larger than"), "{text}");
}
