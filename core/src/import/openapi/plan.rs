//! How an imported operation is called: what goes where in its request, and what its answers mean.

use std::collections::BTreeMap;

use super::serialise::Manner;

/// Where a parameter goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Into the path.
    Path,
    /// Into the query.
    Query,
    /// Into a header.
    Header,
    /// Into the header `cookie`.
    Cookie,
}

impl Place {
    /// The word for it in documents.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Query => "query",
            Self::Header => "header",
            Self::Cookie => "cookie",
        }
    }
}

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writing {
    /// By its parts.
    Parts(Manner),
    /// As JSON, and then like text.
    Json(Manner),
}

/// One parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its property in the input.
    pub key: String,
    /// Its name in the request.
    pub name: String,
    /// Where it goes.
    pub place: Place,
    /// How it is written.
    pub writing: Writing,
}

/// A field of a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Field {
    /// Text, or several values, as pairs or parts of the same name.
    Text(Writing),
    /// JSON, of this media type in a form of parts.
    Json(Option<String>),
    /// A file `{data, filename?, contentType?}`, or several; `data` is base64. Of this media type where it says none.
    File(Option<String>),
}

/// Kinds of bodies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BodyKind {
    /// JSON.
    Json,
    /// Text, as it is.
    Text,
    /// Bytes, as base64 in the input.
    Bytes,
    /// A form as a query has it; fields that are not known are text.
    Form(BTreeMap<String, Field>),
    /// A form of parts.
    Multipart(BTreeMap<String, Field>),
}

/// The body of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    /// Its property in the input; empty where it is made of all properties that are no parameters.
    pub key: String,
    /// The media type that is sent.
    pub media_type: String,
    /// What it is made of.
    pub kind: BodyKind,
}

/// Statuses that a declared error is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statuses {
    /// This one.
    One(u16),
    /// A hundred: 4 stands for 400 to 499.
    Hundred(u16),
    /// All that no other is for.
    Others,
}

/// A plan of requests of one operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Upper-case method.
    pub method: &'static str,
    /// Absolute URL that the path is put behind, without a slash at its end.
    pub server: String,
    /// Path with `{name}` for parameters; a fixed query may follow.
    pub path: String,
    /// All parameters.
    pub parameters: Vec<Parameter>,
    /// The body, if there is one.
    pub body: Option<Body>,
    /// What `accept` says.
    pub accept: String,
    /// The answer is a stream of server-sent events.
    pub streams: bool,
    /// Declared errors by status, with their codes.
    pub errors: Vec<(Statuses, String)>,
}

/// The header by which services know repeated requests.
pub(super) const KEY_HEADER: &str = "idempotency-key";

impl Plan {
    /// Whether the service declares that it knows repeated requests by their idempotency key.
    #[must_use]
    pub fn takes_key(&self) -> bool {
        let is_it = |one: &Parameter| one.place == Place::Header && one.name.eq_ignore_ascii_case(KEY_HEADER);
        self.parameters.iter().any(is_it)
    }

    /// The code of the declared error that an answer of this status is; the most exact one.
    #[must_use]
    pub fn code_of(&self, status: u16) -> Option<&str> {
        let fits = |wanted: Statuses| self.errors.iter().find(|(statuses, _)| *statuses == wanted);
        let found = fits(Statuses::One(status))
            .or_else(|| fits(Statuses::Hundred(status / 100)))
            .or_else(|| fits(Statuses::Others))?;
        Some(&found.1)
    }
}
