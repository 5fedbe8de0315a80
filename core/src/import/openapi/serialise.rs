//! How values of parameters are written (OpenAPI 3.1.1, appendix C; RFC 6570).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};

/// Everything but the unreserved letters of RFC 3986.
const STRICT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The same, but for reserved letters that do not end the part of the URL that they stand in.
const RESERVED: &AsciiSet = &STRICT
    .remove(b':')
    .remove(b'/')
    .remove(b'?')
    .remove(b'[')
    .remove(b']')
    .remove(b'@')
    .remove(b'!')
    .remove(b'$')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=');
/// Deepest nesting that brackets write; what is deeper is written as JSON.
const DEEPEST: usize = 16;

/// How a value that has parts is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// `a,b` in paths and headers.
    Simple,
    /// `.a.b` in paths.
    Label,
    /// `;name=a` in paths.
    Matrix,
    /// `name=a` in queries, cookies and forms.
    Form,
    /// `name=a%20b` in queries.
    SpaceDelimited,
    /// `name=a|b` in queries.
    PipeDelimited,
    /// `name[key]=a` in queries.
    DeepObject,
}

impl Style {
    /// By its name in documents.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "simple" => Self::Simple,
            "label" => Self::Label,
            "matrix" => Self::Matrix,
            "form" => Self::Form,
            "spaceDelimited" => Self::SpaceDelimited,
            "pipeDelimited" => Self::PipeDelimited,
            "deepObject" => Self::DeepObject,
            _ => return None,
        })
    }
}

/// How one parameter is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manner {
    /// How parts are put together.
    pub style: Style,
    /// Whether parts stand each for themselves.
    pub explode: bool,
    /// Reserved letters stay as they are.
    pub allow_reserved: bool,
}

impl Manner {
    fn encode(self, text: &str) -> String {
        utf8_percent_encode(text, if self.allow_reserved { RESERVED } else { STRICT }).to_string()
    }
}

/// Everything encoded but unreserved letters.
pub(super) fn encode(text: &str) -> String {
    utf8_percent_encode(text, STRICT).to_string()
}

/// For the fragment of a reference.
pub(super) fn encode_fragment(pointer: &str) -> String {
    const POINTER: &AsciiSet = &STRICT.remove(b'/');
    utf8_percent_encode(pointer, POINTER).to_string()
}

/// A value without parts as text; what has parts is JSON.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// A value in a path.
pub(super) fn path(name: &str, value: &Value, manner: Manner) -> String {
    let write = |value: &Value| manner.encode(&plain(value));
    let name = encode(name);
    let (prefix, separator) = match manner.style {
        Style::Label => (".", if manner.explode { "." } else { "," }),
        Style::Matrix => (";", if manner.explode { ";" } else { "," }),
        _ => ("", ","),
    };
    let is_matrix = manner.style == Style::Matrix;
    let named = |text: String| if text.is_empty() { name.clone() } else { format!("{name}={text}") };
    let joined = match value {
        Value::Array(items) if is_matrix && manner.explode => {
            items.iter().map(|item| named(write(item))).collect::<Vec<_>>().join(";")
        }
        Value::Array(items) => items.iter().map(write).collect::<Vec<_>>().join(separator),
        Value::Object(members) => pairs(members, manner.explode, separator, &write),
        other => write(other),
    };
    let names_itself = is_matrix && !(manner.explode && (value.is_array() || value.is_object()));
    format!("{prefix}{}", if names_itself { named(joined) } else { joined })
}

fn pairs(
    members: &Map<String, Value>,
    explode: bool,
    separator: &str,
    write: &dyn Fn(&Value) -> String,
) -> String {
    let key = |name: &String| write(&Value::from(name.as_str()));
    let parts: Vec<String> = if explode {
        members.iter().map(|(name, value)| format!("{}={}", key(name), write(value))).collect()
    } else {
        members.iter().flat_map(|(name, value)| [key(name), write(value)]).collect()
    };
    parts.join(separator)
}

/// A value in a header: not encoded at all.
pub(super) fn header(value: &Value, manner: Manner) -> String {
    match value {
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(","),
        Value::Object(members) => pairs(members, manner.explode, ",", &plain),
        other => plain(other),
    }
}

/// A value in a query, a cookie or a form: encoded pairs of name and value, which `&` joins. None for an empty list.
pub(super) fn query(name: &str, value: &Value, manner: Manner) -> Vec<(String, String)> {
    let write = |value: &Value| manner.encode(&plain(value));
    let key = encode(name);
    let delimiter = match manner.style {
        Style::SpaceDelimited => "%20",
        Style::PipeDelimited => "%7C",
        _ => ",",
    };
    match value {
        Value::Array(items) if items.is_empty() => Vec::new(),
        Value::Object(members) if members.is_empty() => Vec::new(),
        Value::Array(_) | Value::Object(_) if manner.style == Style::DeepObject => {
            let mut found = Vec::new();
            brackets(&key, value, manner, 0, &mut found);
            found
        }
        Value::Array(items) if manner.explode => {
            items.iter().map(|item| (key.clone(), write(item))).collect()
        }
        Value::Array(items) => vec![(key, items.iter().map(write).collect::<Vec<_>>().join(delimiter))],
        Value::Object(members) if manner.explode => {
            members.iter().map(|(name, value)| (encode(name), write(value))).collect()
        }
        Value::Object(members) => vec![(key, pairs(members, false, delimiter, &write))],
        other => vec![(key, write(other))],
    }
}

/// `name[key][0]=value`: documents do not say what nested values look like; most services read this.
fn brackets(key: &str, value: &Value, manner: Manner, depth: usize, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) if depth < DEEPEST => {
            for (name, value) in members {
                brackets(&format!("{key}%5B{}%5D", encode(name)), value, manner, depth + 1, found);
            }
        }
        Value::Array(items) if depth < DEEPEST => {
            for (index, value) in items.iter().enumerate() {
                brackets(&format!("{key}%5B{index}%5D"), value, manner, depth + 1, found);
            }
        }
        other => found.push((key.to_owned(), manner.encode(&plain(other)))),
    }
}

/// Pairs as one text.
pub(super) fn join(pairs: &[(String, String)]) -> String {
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn manner(style: Style, explode: bool) -> Manner {
        Manner { style, explode, allow_reserved: false }
    }

    /// The table of the specification: `color` as empty text, text, list and object.
    #[test]
    fn paths() {
        let values = [json!("blue"), json!(["blue", "black"]), json!({ "R": 100, "G": 200 })];
        for (style, explode, expected) in [
            (Style::Simple, false, ["blue", "blue,black", "G,200,R,100"]),
            (Style::Simple, true, ["blue", "blue,black", "G=200,R=100"]),
            (Style::Label, false, [".blue", ".blue,black", ".G,200,R,100"]),
            (Style::Label, true, [".blue", ".blue.black", ".G=200.R=100"]),
            (Style::Matrix, false, [";color=blue", ";color=blue,black", ";color=G,200,R,100"]),
            (Style::Matrix, true, [";color=blue", ";color=blue;color=black", ";G=200;R=100"]),
        ] {
            for (value, expected) in values.iter().zip(expected) {
                assert_eq!(path("color", value, manner(style, explode)), expected, "{style:?} {explode}");
            }
        }
        assert_eq!(
            path("c", &json!("a/b?c#d%e ä"), manner(Style::Simple, false)),
            "a%2Fb%3Fc%23d%25e%20%C3%A4"
        );
        assert_eq!(path("color", &json!(""), manner(Style::Matrix, false)), ";color");
        assert_eq!(path("n", &json!(1.5), manner(Style::Simple, false)), "1.5");
        assert_eq!(path("b", &json!(true), manner(Style::Simple, false)), "true");
    }

    #[test]
    fn queries() {
        let values = [json!("blue"), json!(["blue", "black"]), json!({ "R": 100, "G": 200 })];
        for (style, explode, expected) in [
            (Style::Form, true, ["color=blue", "color=blue&color=black", "G=200&R=100"]),
            (Style::Form, false, ["color=blue", "color=blue,black", "color=G,200,R,100"]),
            (Style::SpaceDelimited, false, ["color=blue", "color=blue%20black", "color=G%20200%20R%20100"]),
            (Style::PipeDelimited, false, ["color=blue", "color=blue%7Cblack", "color=G%7C200%7CR%7C100"]),
            (
                Style::DeepObject,
                true,
                ["color=blue", "color%5B0%5D=blue&color%5B1%5D=black", "color%5BG%5D=200&color%5BR%5D=100"],
            ),
        ] {
            for (value, expected) in values.iter().zip(expected) {
                let written = join(&query("color", value, manner(style, explode)));
                assert_eq!(written, expected, "{style:?} {explode}");
            }
        }
        let form = manner(Style::Form, true);
        assert_eq!(join(&query("a b", &json!("c&d=e+f"), form)), "a%20b=c%26d%3De%2Bf");
        assert_eq!(join(&query("a", &json!([]), form)), "");
        assert_eq!(join(&query("a", &json!(""), form)), "a=");
        assert_eq!(join(&query("a", &json!([{ "b": 1 }]), form)), "a=%7B%22b%22%3A1%7D");
        let reserved = Manner { allow_reserved: true, ..form };
        assert_eq!(join(&query("a", &json!("/b?c=d&e#f"), reserved)), "a=/b?c=d%26e%23f");
        let nested = json!({ "a": { "b": [1, { "c": "d" }] } });
        assert_eq!(
            join(&query("m", &nested, manner(Style::DeepObject, true))),
            "m%5Ba%5D%5Bb%5D%5B0%5D=1&m%5Ba%5D%5Bb%5D%5B1%5D%5Bc%5D=d"
        );
    }

    #[test]
    fn headers() {
        let object = json!({ "R": 100, "G": 200 });
        assert_eq!(header(&json!("a b"), manner(Style::Simple, false)), "a b");
        assert_eq!(header(&json!(["a", 1]), manner(Style::Simple, false)), "a,1");
        assert_eq!(header(&object, manner(Style::Simple, false)), "G,200,R,100");
        assert_eq!(header(&object, manner(Style::Simple, true)), "G=200,R=100");
    }
}
