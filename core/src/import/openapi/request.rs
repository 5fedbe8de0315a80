//! From a valid input to a request.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::{
    body,
    plan::{KEY_HEADER, Parameter, Place, Plan, Writing},
    serialise::{self, Manner},
};
use crate::{CallError, validate::child};

/// A request that is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Upper-case method.
    pub method: &'static str,
    /// Absolute URL.
    pub url: String,
    /// Headers, their names in small letters; `content-type` among them where there is a body.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Option<Vec<u8>>,
}

impl Request {
    /// Adds the idempotency key of the call, unless the input has one of its own.
    pub fn key(&mut self, key: &str) {
        if !self.headers.iter().any(|(name, _)| name == KEY_HEADER) {
            self.headers.push((KEY_HEADER.to_owned(), key.to_owned()));
        }
    }
}

impl Plan {
    /// The request for an input that the operation's schema has accepted.
    ///
    /// # Errors
    /// VALIDATION_ERROR for what no schema says: values that would change the path, or that no header can hold.
    pub fn request(&self, input: &Value) -> Result<Request, CallError> {
        let none = Map::new();
        let input = input.as_object().unwrap_or(&none);
        let mut url = format!("{}{}", self.server, self.fill_path(input)?);
        let mut pairs = Vec::new();
        let mut cookies = Vec::new();
        let mut headers = vec![("accept".to_owned(), self.accept.clone())];
        for parameter in &self.parameters {
            let Some(value) = given(input, &parameter.key) else { continue };
            match parameter.place {
                Place::Path => {}
                Place::Query => pairs.extend(write_pairs(&parameter.name, value, parameter.writing)),
                Place::Cookie => cookies.extend(write_pairs(&parameter.name, value, parameter.writing)),
                Place::Header => {
                    let text = match parameter.writing {
                        Writing::Parts(manner) => serialise::header(value, manner),
                        Writing::Json(_) => value.to_string(),
                    };
                    if text.bytes().any(|byte| byte < 0x20 && byte != b'\t' || byte == 0x7f) {
                        let message = "must not have control characters: it is sent in a header";
                        return Err(CallError::fault(child("", &parameter.key), message));
                    }
                    headers.push((parameter.name.to_ascii_lowercase(), text));
                }
            }
        }
        if !pairs.is_empty() {
            url.push(if url.contains('?') { '&' } else { '?' });
            url.push_str(&serialise::join(&pairs));
        }
        if !cookies.is_empty() {
            let cookies: Vec<String> =
                cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            headers.push(("cookie".to_owned(), cookies.join("; ")));
        }
        let mut content = None;
        if let Some(body) = &self.body
            && let Some(value) = self.content(&body.key, input)
        {
            let (media_type, bytes) = body::write(body, &value)?;
            headers.push(("content-type".to_owned(), media_type));
            content = Some(bytes);
        }
        Ok(Request { method: self.method, url, headers, body: content })
    }

    fn content<'i>(&self, key: &str, input: &'i Map<String, Value>) -> Option<Cow<'i, Value>> {
        if !key.is_empty() {
            return input.get(key).map(Cow::Borrowed);
        }
        let is_other = |name: &String| !self.parameters.iter().any(|parameter| parameter.key == *name);
        let others = input.iter().filter(|(name, _)| is_other(name));
        let others: Map<String, Value> = others.map(|(name, value)| (name.clone(), value.clone())).collect();
        Some(Cow::Owned(others.into()))
    }

    fn fill_path(&self, input: &Map<String, Value>) -> Result<String, CallError> {
        let mut path = String::new();
        let mut rest = self.path.as_str();
        let mut filled: Vec<&str> = Vec::new();
        while let Some((before, after)) = rest.split_once('{') {
            path.push_str(before);
            let Some((name, after)) = after.split_once('}') else { break };
            let parameter = self.parameters.iter().find(|one| one.place == Place::Path && one.name == name);
            let Some(parameter) = parameter else { break };
            path.push_str(&segment(parameter, input)?);
            filled.push(&parameter.key);
            rest = after;
        }
        path.push_str(rest);
        // Every client takes these for steps in the path: another operation would be called.
        let is_step = |segment: &str| matches!(segment, "." | "..");
        if path.split(['/', '?']).any(is_step) {
            let message = "must not make a segment of the path be `.` or `..`";
            let pointer = filled.first().map(|key| child("", key)).unwrap_or_default();
            return Err(CallError::fault(pointer, message));
        }
        Ok(path)
    }
}

fn segment(parameter: &Parameter, input: &Map<String, Value>) -> Result<String, CallError> {
    let fault = |message: &str| Err(CallError::fault(child("", &parameter.key), message));
    let Some(value) = given(input, &parameter.key) else { return fault("is required") };
    let text = match parameter.writing {
        Writing::Parts(manner) => serialise::path(&parameter.name, value, manner),
        Writing::Json(_) => serialise::encode(&value.to_string()),
    };
    if text.is_empty() {
        return fault("must not be empty: it is a part of the path");
    }
    Ok(text)
}

/// Null is as good as absent: no place in a request can say it.
fn given<'a>(input: &'a Map<String, Value>, key: &str) -> Option<&'a Value> {
    input.get(key).filter(|value| !value.is_null())
}

/// Encoded pairs of a query, a cookie or a form.
pub(super) fn write_pairs(name: &str, value: &Value, writing: Writing) -> Vec<(String, String)> {
    match writing {
        Writing::Parts(manner) => serialise::query(name, value, manner),
        Writing::Json(manner) => json_pair(name, value, manner),
    }
}

fn json_pair(name: &str, value: &Value, manner: Manner) -> Vec<(String, String)> {
    serialise::query(name, &Value::from(value.to_string()), manner)
}
