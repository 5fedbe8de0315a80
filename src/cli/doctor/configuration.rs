//! Whether the configuration can be used.

use super::finding::Finding;
use crate::config::{Loaded, Problem};

const NAME: &str = "configuration";

pub(super) fn check(loaded: &Loaded, problems: &[Problem]) -> Vec<Finding> {
    if problems.is_empty() {
        let from = match &loaded.file {
            Some(file) => format!("{} and the environment", file.display()),
            None => "no file; defaults and the environment".to_owned(),
        };
        return vec![Finding::ok(NAME, from)];
    }
    let tell = |problem: &Problem| {
        Finding::fail(NAME, format!("{}: {}", problem.origin, problem.message), problem.help.clone())
    };
    problems.iter().map(tell).collect()
}
