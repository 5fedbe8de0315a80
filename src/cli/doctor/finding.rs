//! What a check found.

use serde::Serialize;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Grade {
    Ok,
    Warn,
    Fail,
}

/// One finding.
#[derive(Debug, Serialize)]
pub(super) struct Finding {
    pub(super) check: &'static str,
    pub(super) grade: Grade,
    pub(super) message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mend: Option<String>,
}

impl Finding {
    pub(super) fn ok(check: &'static str, message: impl Into<String>) -> Self {
        Self { check, grade: Grade::Ok, message: message.into(), mend: None }
    }

    pub(super) fn warn(check: &'static str, message: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { check, grade: Grade::Warn, message: message.into(), mend: Some(mend.into()) }
    }

    pub(super) fn fail(check: &'static str, message: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { check, grade: Grade::Fail, message: message.into(), mend: Some(mend.into()) }
    }
}
