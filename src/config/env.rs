//! Reads the `ALKHUB_*` variables, and the few standard ones that mean the same.

use std::ffi::OsString;

use super::keys::Key;
use super::problem::{Origin, Problem};

/// Variables of the prefix that are not configuration of the hub: those of the client commands, and where the file is.
pub const CLIENT_VARIABLES: &[&str] = &["ALKHUB_CONFIG", "ALKHUB_HUB", "ALKHUB_KEY", "ALKHUB_KEY_FILE"];

/// Values in the order in which a later one overrides an earlier one, and unknown variables.
pub(super) fn read<'k>(
    variables: &[(OsString, OsString)],
    keys: &'k [Key],
) -> (Vec<(&'k Key, Origin, String)>, Vec<Problem>) {
    let (mut values, mut problems) = (Vec::new(), Vec::new());
    for (name, value) in variables {
        let Some(name) = name.to_str() else { continue };
        let origin = Origin::Env { name: name.to_owned() };
        let key = keys.iter().find(|key| key.variables.contains(&name) || key.variable() == name);
        match (key, value.to_str()) {
            // An empty variable is how a compose file or a unit file says "not set".
            _ if value.is_empty() => {}
            (Some(key), Some(value)) => values.push((key, origin, value.to_owned())),
            (Some(key), None) => problems.push(Problem {
                origin,
                key: Some(key.path.to_owned()),
                message: format!("{}: the value is not UTF-8", key.path),
                help: format!("expected {}", key.expected),
            }),
            (None, _) if is_ours(name) => {
                let known: Vec<String> = keys
                    .iter()
                    .flat_map(|key| key.variables.iter().map(|v| (*v).to_owned()).chain([key.variable()]))
                    .chain(CLIENT_VARIABLES.iter().map(|name| (*name).to_owned()))
                    .collect();
                problems.push(Problem {
                    origin,
                    key: None,
                    message: "unknown variable".to_owned(),
                    help: super::load::suggest(name, known.iter().map(String::as_str)),
                });
            }
            (None, _) => {}
        }
    }
    // The more particular name wins: `ALKHUB_SERVER__LISTEN` over `ALKHUB_LISTEN` over a standard `OTEL_` one.
    values.sort_by_key(|(_, origin, _)| match origin {
        Origin::Env { name } if !name.starts_with("ALKHUB_") => 0,
        Origin::Env { name } if !name.contains("__") => 1,
        _ => 2,
    });
    (values, problems)
}

/// Whether a variable with our prefix is meant for us. Kubernetes gives every pod beside a service named `alkhub` the
/// variables `ALKHUB_SERVICE_HOST`, `ALKHUB_PORT` and so on; `ALKHUB_TEST_` belongs to the tests.
fn is_ours(name: &str) -> bool {
    let Some(rest) = name.strip_prefix("ALKHUB_") else { return false };
    let injected = rest == "PORT"
        || rest.starts_with("SERVICE_HOST")
        || rest.starts_with("SERVICE_PORT")
        || rest.strip_prefix("PORT_").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    !injected && !rest.starts_with("TEST_") && !CLIENT_VARIABLES.contains(&name)
}
