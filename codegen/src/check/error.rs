//! Declared error codes.

use crate::{
    diagnostic::{Report, codes},
    model::Model,
    suggest,
};

pub(super) fn check(model: &Model, report: &mut Report) {
    let known: Vec<&str> =
        model.errors.iter().filter(|error| !error.infrastructure).map(|error| error.code.as_str()).collect();
    for word in model.operations.iter().flat_map(|op| &op.errors) {
        match model.error(&word.text) {
            None => {
                report
                    .error(
                        codes::ERROR_UNKNOWN,
                        &word.at,
                        format!("the code `{}` is not in the catalogue", word.text),
                    )
                    .help(help(&word.text, &known));
            }
            Some(error) if error.infrastructure => {
                report
                    .error(
                        codes::ERROR_INFRASTRUCTURE,
                        &word.at,
                        format!("`{}` can befall any call and is not declared", word.text),
                    )
                    .help("remove it; handlers raise it as a CallError");
            }
            Some(_) => {}
        }
    }
}

fn help(written: &str, known: &[&str]) -> String {
    match suggest::nearest(written, known.iter().copied()) {
        Some(code) => format!("did you mean `{code}`?"),
        None => "add it to _shared/errors.yaml, with a page in docs/errors".to_owned(),
    }
}
