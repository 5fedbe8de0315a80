//! A hub's problem document, as a failure that people can read.

use serde_json::Value;

use crate::cli::exit::{Exit, Failure};

/// Reads `{code, status, detail, requestId, details}`; `None` if it is not one.
pub(super) fn read(status: Option<u16>, body: &[u8]) -> Option<Failure> {
    let problem: Value = serde_json::from_slice(body).ok()?;
    let code = problem["code"].as_str()?;
    let status = problem["status"].as_u64().and_then(|status| status.try_into().ok()).or(status)?;
    let detail =
        problem["detail"].as_str().or_else(|| problem["title"].as_str()).unwrap_or("no reason given");
    let mut help: Vec<String> = faults(&problem["details"]);
    if let Some(id) = problem["requestId"].as_str() {
        help.push(format!("request id {id}"));
    }
    let failure =
        Failure::new(Exit::of_status(status), format!("{detail} ({code}, {status})")).help(help.join("\n"));
    Some(Failure { problem: Some(problem.clone()), ..failure })
}

/// `/name  must not be empty`, one line a fault, lined up.
fn faults(details: &Value) -> Vec<String> {
    let place = |fault: &Value| match fault["pointer"].as_str() {
        Some("") | None => "(the input)".to_owned(),
        Some(pointer) => pointer.to_owned(),
    };
    let Some(faults) = details["faults"].as_array() else {
        return match details {
            Value::Null => Vec::new(),
            Value::Object(map) => {
                map.iter().map(|(name, value)| format!("{name}: {}", plain(value))).collect()
            }
            other => vec![other.to_string()],
        };
    };
    let width = faults.iter().map(|fault| place(fault).chars().count()).max().unwrap_or(0);
    let line = |fault: &Value| {
        format!("{:width$}  {}", place(fault), fault["message"].as_str().unwrap_or("is wrong"))
    };
    faults.iter().map(line).collect()
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_lines_and_the_status_decides_the_exit_code() {
        let body = br#"{"type":"/docs/errors/VALIDATION_ERROR","title":"Validation error","status":422,
            "detail":"The input is not valid: 2 faults","code":"VALIDATION_ERROR","requestId":"r-1",
            "details":{"faults":[{"pointer":"/name","message":"is required"},{"pointer":"","message":"odd"}]}}"#;
        let failure = read(Some(422), body).expect("a problem");
        assert_eq!(failure.exit, Exit::Invalid);
        assert_eq!(failure.message, "The input is not valid: 2 faults (VALIDATION_ERROR, 422)");
        assert_eq!(failure.help.expect("help"), "/name        is required\n(the input)  odd\nrequest id r-1");
    }

    #[test]
    fn what_is_no_problem_document_is_none() {
        for body in ["", "<html>", "{}", "[]", r#"{"code":5}"#] {
            assert!(read(Some(500), body.as_bytes()).is_none(), "{body}");
        }
    }
}
