//! Keys, as people read them.

use owo_colors::Style;
use serde_json::Value;

use crate::cli::exit::Failure;
use crate::cli::output;

/// Reads `project:p1=read,write`.
pub(super) fn resource(text: &str) -> Result<(String, Vec<String>), String> {
    let wrong = || "expected TYPE:ID=ACTION[,ACTION], for example project:p1=read,write".to_owned();
    let (name, actions) = text.split_once('=').ok_or_else(wrong)?;
    let actions: Vec<String> = actions.split(',').map(|action| action.trim().to_owned()).collect();
    if !name.contains(':') || actions.iter().any(String::is_empty) {
        return Err(wrong());
    }
    Ok((name.to_owned(), actions))
}

/// A key that was just made: the one time that its secret is shown.
pub(super) fn issued(answer: &Value, json: bool) -> Result<(), Failure> {
    if json {
        return output::value(answer, false);
    }
    let token = answer["token"].as_str().ok_or_else(|| Failure::failed("the hub sent no key"))?;
    if output::for_people() {
        output::error_line("This key is shown this once; keep it safe:");
    }
    // Alone on standard output, so that `KEY=$(alkhub keys create ...)` takes it.
    output::line(token)
}

/// A table of keys.
pub(super) fn list(keys: &[Value], json: bool) -> Result<(), Failure> {
    if json {
        return output::value(&keys, false);
    }
    let row = |key: &Value| {
        vec![
            text(&key["id"]),
            text(&key["status"]),
            text(&key["createdAt"]),
            text(&key["expiresAt"]),
            text(&key["lastUsedAt"]),
            scopes(key),
            text(&key["name"]),
        ]
    };
    let rows: Vec<Vec<String>> = keys.iter().map(row).collect();
    let table = output::table(&["ID", "STATUS", "CREATED", "EXPIRES", "LAST USED", "SCOPES", "NAME"], &rows);
    for (at, line) in table.lines().enumerate() {
        let ended = at > 0 && keys[at - 1]["status"] != "active";
        output::line(&if ended { output::paint(line, Style::new().dimmed()) } else { line.to_owned() })?;
    }
    Ok(())
}

/// One key, a line a property.
pub(super) fn one(key: &Value, json: bool) -> Result<(), Failure> {
    if json {
        return output::value(key, false);
    }
    for (label, property) in [
        ("id", "id"),
        ("name", "name"),
        ("status", "status"),
        ("created", "createdAt"),
        ("created by", "createdBy"),
        ("expires", "expiresAt"),
        ("revoked", "revokedAt"),
        ("last used", "lastUsedAt"),
    ] {
        if !key[property].is_null() {
            output::line(&format!("{label:<11} {}", text(&key[property])))?;
        }
    }
    output::line(&format!("{:<11} {}", "scopes", scopes(key)))?;
    for (name, actions) in key["resources"].as_object().into_iter().flatten() {
        let actions: Vec<String> = actions.as_array().into_iter().flatten().map(text).collect();
        output::line(&format!("{:<11} {name}={}", "resource", actions.join(",")))?;
    }
    Ok(())
}

fn scopes(key: &Value) -> String {
    let scopes: Vec<String> = key["scopes"].as_array().into_iter().flatten().map(text).collect();
    if scopes.is_empty() { "-".to_owned() } else { scopes.join(",") }
}

/// Control characters in a name must not reach the terminal.
fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => output::printable(text),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_read_and_control_characters_do_not_pass() {
        assert_eq!(
            resource("project:p1=read, write"),
            Ok(("project:p1".into(), vec!["read".into(), "write".into()]))
        );
        for wrong in ["project:p1", "project=read", "project:p1=", "project:p1=a,,b"] {
            assert!(resource(wrong).is_err(), "{wrong}");
        }
        assert_eq!(text(&Value::from("a\u{1b}[2Jb")), "a\u{fffd}[2Jb");
    }
}
