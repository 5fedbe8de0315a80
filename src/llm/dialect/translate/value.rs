//! Taking requests apart: fields that are taken out one by one, so that those left over can be named.

use serde_json::{Map, Value};

use super::super::Refused;

/// An object whose fields are taken out; what is left at the end is refused.
pub(super) struct Taken {
    fields: Map<String, Value>,
    at: String,
    /// The dialect that it is to become, for the refusal.
    to: &'static str,
}

impl Taken {
    pub(super) fn of(value: Value, at: &str, to: &'static str) -> Result<Self, Refused> {
        match value {
            Value::Object(fields) => Ok(Self { fields, at: at.to_owned(), to }),
            _ => Err(Refused::new(at, format!("`{at}` must be an object."))),
        }
    }

    /// The path of a field.
    pub(super) fn path(&self, name: &str) -> String {
        if self.at.is_empty() { name.to_owned() } else { format!("{}.{name}", self.at) }
    }

    /// A field; `None` where it is absent or null.
    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        self.fields.remove(name).filter(|value| !value.is_null())
    }

    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, Refused> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.wrong(name, "text")),
        }
    }

    pub(super) fn needed(&mut self, name: &str) -> Result<String, Refused> {
        self.text(name)?.ok_or_else(|| self.wrong(name, "there, and text"))
    }

    pub(super) fn list(&mut self, name: &str) -> Result<Option<Vec<Value>>, Refused> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Array(items)) => Ok(Some(items)),
            Some(_) => Err(self.wrong(name, "a list")),
        }
    }

    pub(super) fn flag(&mut self, name: &str) -> Result<Option<bool>, Refused> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(_) => Err(self.wrong(name, "true or false")),
        }
    }

    pub(super) fn count(&mut self, name: &str) -> Result<Option<u64>, Refused> {
        match self.take(name) {
            None => Ok(None),
            Some(value) => value.as_u64().map(Some).ok_or_else(|| self.wrong(name, "a whole number")),
        }
    }

    pub(super) fn object(&mut self, name: &str) -> Result<Option<Self>, Refused> {
        let (path, to) = (self.path(name), self.to);
        self.take(name).map(|value| Self::of(value, &path, to)).transpose()
    }

    /// Moves a field over as it is.
    pub(super) fn pass(&mut self, name: &str, into: &mut Value) {
        self.pass_as(name, name, into);
    }

    pub(super) fn pass_as(&mut self, name: &str, other: &str, into: &mut Value) {
        if let Some(value) = self.take(name) {
            into[other] = value;
        }
    }

    /// Fields that mean nothing for the answer itself.
    pub(super) fn drop(&mut self, names: &[&str]) {
        for name in names {
            self.fields.remove(*name);
        }
    }

    /// Fields that mean nothing as long as they have this value.
    pub(super) fn drop_if(&mut self, name: &str, neutral: &[Value]) {
        if self.fields.get(name).is_some_and(|value| neutral.contains(value)) {
            self.fields.remove(name);
        }
    }

    pub(super) fn wrong(&self, name: &str, right: &str) -> Refused {
        let path = self.path(name);
        let message = format!("`{path}` must be {right}.");
        Refused::new(path, message)
    }

    /// A field that has no counterpart.
    pub(super) fn foreign(&self, name: &str) -> Refused {
        foreign(&self.path(name), self.to)
    }

    /// Everything must have been taken.
    pub(super) fn end(self) -> Result<(), Refused> {
        match self.fields.iter().find(|(_, value)| !value.is_null()) {
            Some((name, _)) => Err(self.foreign(name)),
            None => Ok(()),
        }
    }
}

/// A field or value that the other dialect does not have.
pub(super) fn foreign(path: &str, to: &str) -> Refused {
    Refused::new(
        path,
        format!(
            "`{path}` cannot be translated for this model, whose provider speaks {to}; leave it out or use another model."
        ),
    )
}

/// Text of a content that is text or a list of text parts.
pub(super) fn plain(content: Value, path: &str, to: &'static str) -> Result<String, Refused> {
    match content {
        Value::String(text) => Ok(text),
        Value::Array(parts) => {
            let mut all = String::new();
            for (index, part) in parts.into_iter().enumerate() {
                let mut part = Taken::of(part, &format!("{path}.{index}"), to)?;
                let kind = part.needed("type")?;
                if !matches!(kind.as_str(), "text" | "input_text" | "output_text") {
                    return Err(foreign(&part.path("type"), to));
                }
                if !all.is_empty() {
                    all.push('\n');
                }
                all.push_str(&part.needed("text")?);
            }
            Ok(all)
        }
        _ => Err(Refused::new(path, format!("`{path}` must be text or a list of parts."))),
    }
}

/// `data:image/png;base64,...` as media type and data.
pub(super) fn data_url(url: &str) -> Option<(&str, &str)> {
    url.strip_prefix("data:")?.split_once(";base64,")
}

/// One frame of server-sent events without a name.
pub(super) fn data(out: &mut Vec<u8>, value: &Value) {
    out.extend_from_slice(b"data: ");
    write(out, value);
    out.extend_from_slice(b"\n\n");
}

/// One with the name that its `type` is.
pub(super) fn named(out: &mut Vec<u8>, value: &Value) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(value["type"].as_str().unwrap_or("message").as_bytes());
    out.push(b'\n');
    data(out, value);
}

fn write(out: &mut Vec<u8>, value: &Value) {
    // Writing a value to memory cannot fail.
    let _ = serde_json::to_writer(out, value);
}
