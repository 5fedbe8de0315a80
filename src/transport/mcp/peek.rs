//! As much of a message as must be known before it is handed on.

use std::borrow::Cow;

use alkhub_core::{CallError, engine::refuse_deep};
use serde::Deserialize;
use serde_json::{Map, Value, value::RawValue};

/// A JSON-RPC message. Ids are compared by their text.
#[derive(Deserialize)]
pub(super) struct Message<'a> {
    #[serde(borrow, default)]
    jsonrpc: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) method: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Params<'a> {
    #[serde(borrow, default, rename = "_meta")]
    meta: Option<Meta<'a>>,
    #[serde(borrow, default, rename = "requestId")]
    request_id: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Meta<'a> {
    #[serde(borrow, default, rename = "progressToken")]
    progress_token: Option<&'a RawValue>,
}

/// What an id may be.
#[derive(Deserialize)]
#[serde(untagged)]
#[allow(dead_code, reason = "read to see whether it is one")]
enum Id<'a> {
    Number(i64),
    Text(#[serde(borrow)] Cow<'a, str>),
}

/// A call of a tool that says nothing but what it calls.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Call<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(default)]
    arguments: Option<Map<String, Value>>,
}

/// The same, with the id of its request.
pub(super) struct Plain<'a> {
    pub(super) id: &'a RawValue,
    pub(super) name: Cow<'a, str>,
    pub(super) arguments: Option<Map<String, Value>>,
}

/// What a body holds.
pub(super) enum Body<'a> {
    One(Message<'a>),
    /// A batch, which the revision 2025-03-26 had.
    Many(Vec<&'a RawValue>),
}

/// Reads a body.
///
/// # Errors
/// BAD_REQUEST where it is no JSON, too deep, or no message.
pub(super) fn read(json: &[u8], depth: usize) -> Result<Body<'_>, CallError> {
    refuse_deep(json, depth)?;
    let text = json.trim_ascii_start();
    if text.first() == Some(&b'[') {
        return serde_json::from_slice(json).map(Body::Many).map_err(|error| fault(&error));
    }
    message(json).map(Body::One)
}

/// Reads one message.
///
/// # Errors
/// BAD_REQUEST where it is none.
pub(super) fn message(json: &[u8]) -> Result<Message<'_>, CallError> {
    serde_json::from_slice(json).map_err(|error| fault(&error))
}

fn fault(error: &serde_json::Error) -> CallError {
    CallError::bad_request(format!("The body is not a JSON-RPC message: {error}"))
}

impl<'a> Message<'a> {
    /// A plain call of a tool.
    pub(super) fn plain(&self) -> Option<Plain<'a>> {
        if !self.is("tools/call") || self.jsonrpc.as_deref() != Some("2.0") {
            return None;
        }
        let id = self.id?;
        let _known: Id<'_> = serde_json::from_str(id.get()).ok()?;
        let call: Call<'a> = serde_json::from_str(self.params?.get()).ok()?;
        Some(Plain { id, name: call.name, arguments: call.arguments })
    }

    /// A request, which wants an answer; everything else is a notification or an answer.
    pub(super) fn is_request(&self) -> bool {
        self.id.is_some() && self.method.is_some()
    }

    pub(super) fn is(&self, method: &str) -> bool {
        self.method.as_deref() == Some(method)
    }

    fn params(&self) -> Option<Params<'_>> {
        serde_json::from_str(self.params?.get()).ok()
    }

    /// Whether its sender wants to hear of progress.
    pub(super) fn wants_progress(&self) -> bool {
        self.params().and_then(|params| params.meta).is_some_and(|meta| meta.progress_token.is_some())
    }

    /// Of a notification that cancels: the id of the request, as its text.
    pub(super) fn cancels(&self) -> Option<String> {
        Some(self.params()?.request_id?.get().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_told_apart() {
        let request = br#"{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{"name":"call","_meta":{"progressToken":1}}}"#;
        let Ok(Body::One(message)) = read(request, 16) else { panic!("one") };
        assert!(message.is_request() && message.is("tools/call") && message.wants_progress());
        assert!(message.plain().is_none(), "it says more than what it calls");
        let request =
            br#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"call","arguments":{"a":1}}}"#;
        let Ok(Body::One(message)) = read(request, 16) else { panic!("one") };
        assert!(message.plain().is_some_and(|call| call.name == "call" && call.id.get() == "7"));
        for other in ["2.0\",\"id\":1.5", "2.0\",\"id\":[1]", "1.0\",\"id\":7"] {
            let request = String::from_utf8_lossy(request).replace("2.0\",\"id\":7", other);
            let Ok(Body::One(message)) = read(request.as_bytes(), 16) else { panic!("one") };
            assert!(message.plain().is_none(), "{other}");
        }
        let cancel = br#"{"method":"notifications/cancelled","params":{"requestId":7}}"#;
        let Ok(Body::One(message)) = read(cancel, 16) else { panic!("one") };
        assert!(!message.is_request());
        assert_eq!(message.cancels().as_deref(), Some("7"));
        assert!(matches!(read(b" [{\"id\":1}]", 16), Ok(Body::Many(all)) if all.len() == 1));
        for wrong in [&b"{"[..], b"3", b"[[[[[[[]]]]]]]"] {
            assert!(read(wrong, 4).is_err());
        }
    }
}
