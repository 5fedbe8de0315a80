//! Operation files that a hub is given at run time: like those of `operations/`, with an `http:` target that is called.

use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Map, Value, json};
use serde_saphyr::Spanned;
use url::Url;

use super::openapi::{Body, BodyKind, Manner, Operation, Parameter, Place, Plan, Style, Writing};
use crate::{
    AccessControl, Kind,
    registry::{Registered, SpecLimits},
};

/// Largest file.
const LARGEST: usize = 256 * 1024;

/// What is wrong with a file, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column}: {message}")]
pub struct Fault {
    /// From 1.
    pub line: u64,
    /// From 1.
    pub column: u64,
    /// What is wrong and what would be right.
    pub message: String,
}

/// An operation of a file.
#[derive(Clone, Debug)]
pub struct Read {
    /// What callers see, and how it is called.
    pub operation: Operation,
    /// Variable of the environment whose value is sent as a bearer token.
    pub bearer_env: Option<String>,
    /// Longest time of a request in milliseconds.
    pub timeout_ms: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct File {
    #[serde(rename = "type")]
    kind: Kind,
    title: Option<String>,
    #[serde(default)]
    description: String,
    version: Option<String>,
    #[serde(default)]
    tags: Vec<String>,
    http: Spanned<Value>,
    access: Option<AccessControl>,
    timeout: Option<Spanned<String>>,
    #[serde(default)]
    idempotent: bool,
    input: Option<Spanned<Value>>,
    output: Option<Spanned<Value>>,
    /// What the files of `operations/` have, and what is not asked for here.
    #[serde(rename = "since")]
    _since: Option<IgnoredAny>,
    #[serde(rename = "mcp")]
    _mcp: Option<IgnoredAny>,
    #[serde(rename = "record")]
    _record: Option<IgnoredAny>,
    #[serde(rename = "examples")]
    _examples: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Target {
    method: String,
    /// Absolute, or absent where `server` and `path` are there.
    url: Option<String>,
    server: Option<String>,
    path: Option<String>,
    /// Places of properties that go elsewhere than the method says: `query`, `header` or `cookie`.
    #[serde(default)]
    parameters: Map<String, Value>,
    bearer_env: Option<String>,
}

fn at<T>(spanned: &Spanned<T>) -> (u64, u64) {
    (spanned.referenced.line(), spanned.referenced.column())
}

fn fault((line, column): (u64, u64), message: impl Into<String>) -> Fault {
    Fault { line, column, message: message.into() }
}

/// Reads the file of the operation `<namespace>.<name>`.
///
/// # Errors
/// The first fault, with its place.
pub fn read(namespace: &str, name: &str, text: &str) -> Result<Read, Fault> {
    if text.len() > LARGEST {
        return Err(fault((1, 1), format!("the file is larger than {LARGEST} bytes")));
    }
    let options = serde_saphyr::options! {
        strict_booleans: true,
        with_snippet: false,
        budget: serde_saphyr::budget! { max_depth: 40, max_nodes: 20_000, max_documents: 1 },
    };
    let file: File = serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let place = error.location().map_or((1, 1), |location| (location.line(), location.column()));
        fault(place, error.to_string())
    })?;
    let place = at(&file.http);
    let target = target(&file.http.value).map_err(|message| fault(place, message))?;
    let input = file.input.as_ref().map_or_else(|| json!({ "type": "object" }), |input| input.value.clone());
    let input_place = file.input.as_ref().map_or((1, 1), at);
    if input.get("type").and_then(Value::as_str) != Some("object") {
        return Err(fault(input_place, "the input must be of `type: object`"));
    }
    let plan = plan(&target, &input, file.kind).map_err(|message| fault(place, message))?;
    let access = file.access.unwrap_or_else(|| AccessControl {
        required_scopes: vec![format!("{namespace}:call")],
        ..AccessControl::default()
    });
    let spec = json!({
        "namespace": namespace, "name": name, "type": file.kind, "version": file.version.as_deref().unwrap_or("1.0.0"),
        "title": file.title, "description": file.description, "tags": file.tags, "inputSchema": input,
        "outputSchema": file.output.map_or_else(|| json!({}), |output| output.value), "accessControl": access,
        "idempotent": file.idempotent,
    });
    let registered = Registered::read(&spec.to_string(), SpecLimits::default())
        .map_err(|error| fault(input_place, error))?;
    let timeout_ms = match &file.timeout {
        Some(text) => Some(milliseconds(&text.value).ok_or_else(|| {
            fault(at(text), "the timeout must be a number with `ms`, `s` or `m`, such as `30s`")
        })?),
        None => None,
    };
    let operation = Operation { registered: registered.into(), plan: plan.into() };
    Ok(Read { operation, bearer_env: target.bearer_env, timeout_ms })
}

fn milliseconds(text: &str) -> Option<u64> {
    let (number, unit) = text.split_at(text.find(|letter: char| !letter.is_ascii_digit())?);
    let number: u64 = number.parse().ok()?;
    let factor = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        _ => return None,
    };
    number.checked_mul(factor).filter(|number| *number > 0)
}

fn target(value: &Value) -> Result<Target, String> {
    const FORM: &str =
        "`http` must be `METHOD https://host/path`, or `{ method, url }`, or `{ method, server, path }`";
    match value {
        Value::String(text) => {
            let (method, url) = text.split_once(' ').ok_or(FORM)?;
            let (method, url) = (method.to_owned(), Some(url.trim().to_owned()));
            Ok(Target { method, url, server: None, path: None, parameters: Map::new(), bearer_env: None })
        }
        Value::Object(_) => Target::deserialize(value).map_err(|error| format!("`http`: {error}")),
        _ => Err(FORM.to_owned()),
    }
}

fn plan(target: &Target, input: &Value, kind: Kind) -> Result<Plan, String> {
    let method =
        ["GET", "PUT", "POST", "PATCH", "DELETE"].into_iter().find(|method| *method == target.method);
    let method = method.ok_or("the method must be GET, PUT, POST, PATCH or DELETE")?;
    let whole = match (&target.url, &target.server, &target.path) {
        (Some(url), None, None) => url.clone(),
        (None, Some(server), Some(path)) if path.starts_with('/') => {
            format!("{}{path}", server.trim_end_matches('/'))
        }
        _ => {
            return Err(
                "either `url`, or `server` and a `path` that begins with `/`, must be given".to_owned()
            );
        }
    };
    let parsed =
        Url::parse(&whole).map_err(|error| format!("the target {whole:?} is no absolute URL: {error}"))?;
    if !matches!(parsed.scheme(), "http" | "https")
        || !parsed.username().is_empty()
        || parsed.password().is_some()
    {
        return Err("the target must be an http or https URL without credentials".to_owned());
    }
    // As it was written: a parsed one has its braces encoded.
    let start = whole.find("://").map_or(0, |at| at + 3);
    let end = whole[start..].find('/').map_or(whole.len(), |at| start + at);
    let (server, path) = whole.split_at(end);
    if server.contains('{') || path.contains('#') {
        return Err("only the path of the target can have `{name}`, and it has no fragment".to_owned());
    }
    let none = Map::new();
    let properties = input.get("properties").and_then(Value::as_object).unwrap_or(&none);
    let mut parameters = Vec::new();
    let mut in_path: Vec<&str> = Vec::new();
    let mut rest = path;
    while let Some((_, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').ok_or("a `{` in the target has no `}`")?;
        if !properties.contains_key(name) {
            return Err(format!("`{{{name}}}` in the target is no property of the input"));
        }
        in_path.push(name);
        rest = after;
    }
    let in_query = matches!(method, "GET" | "DELETE");
    let mut in_body = false;
    if let Some(unknown) = target.parameters.keys().find(|name| !properties.contains_key(*name)) {
        return Err(format!("`parameters` names {unknown:?}, which is no property of the input"));
    }
    for name in properties.keys() {
        let place = match target.parameters.get(name).map(|place| place.as_str().unwrap_or_default()) {
            _ if in_path.contains(&name.as_str()) => Place::Path,
            Some("query") => Place::Query,
            Some("header") => Place::Header,
            Some("cookie") => Place::Cookie,
            Some(_) => return Err(format!("the place of {name:?} must be query, header or cookie")),
            None if in_query => Place::Query,
            None => {
                in_body = true;
                continue;
            }
        };
        let style = if matches!(place, Place::Path | Place::Header) { Style::Simple } else { Style::Form };
        let manner = Manner { style, explode: style == Style::Form, allow_reserved: false };
        parameters.push(Parameter {
            key: name.clone(),
            name: name.clone(),
            place,
            writing: Writing::Parts(manner),
        });
    }
    let body = in_body.then(|| Body {
        key: String::new(),
        media_type: "application/json".to_owned(),
        kind: BodyKind::Json,
    });
    let streams = kind == Kind::Subscription;
    let accept = if streams { "text/event-stream" } else { "application/json, */*;q=0.5" };
    Ok(Plan {
        method,
        server: server.to_owned(),
        path: if path.is_empty() { "/".to_owned() } else { path.to_owned() },
        parameters,
        body,
        accept: accept.to_owned(),
        streams,
        errors: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "type: mutation\ntitle: Rename\nhttp: PATCH https://a.example/v1/things/{id}?force=1\ntimeout: 5s\n\
                        input:\n  type: object\n  required: [id]\n  properties:\n    id: { type: string }\n    name: { type: string }\n";

    #[test]
    fn a_file_becomes_an_operation() {
        let read = read("things", "rename", GOOD).expect("it can be read");
        let registered = &read.operation.registered;
        assert_eq!((registered.plain_id().as_str(), registered.kind), ("things.rename", Kind::Mutation));
        assert_eq!(registered.access.required_scopes, ["things:call"]);
        assert_eq!(read.timeout_ms, Some(5000));
        let request = read.operation.plan.request(&json!({ "id": "a/b", "name": "x" })).expect("a request");
        assert_eq!(
            (request.method, request.url.as_str()),
            ("PATCH", "https://a.example/v1/things/a%2Fb?force=1")
        );
        assert_eq!(request.body.as_deref(), Some(&b"{\"name\":\"x\"}"[..]));

        let text = "type: query\nhttp: { method: GET, server: 'https://a.example/v1/', path: /x, parameters: { h: header }, bearerEnv: TOKEN }\n\
                    input: { type: object, properties: { q: {}, h: {} } }\n";
        let read = super::read("things", "find", text).expect("it can be read");
        assert_eq!(read.bearer_env.as_deref(), Some("TOKEN"));
        let request = read.operation.plan.request(&json!({ "q": [1, 2], "h": "v" })).expect("a request");
        assert_eq!(request.url, "https://a.example/v1/x?q=1&q=2");
        assert!(request.headers.contains(&("h".to_owned(), "v".to_owned())));
    }

    #[test]
    fn faults_have_places() {
        for (text, line, column, word) in [
            ("type: mutation\nhttp: [\n", 0, 0, ""),
            ("type: change\nhttp: GET https://a.example/\n", 1, 7, "change"),
            ("type: query\nhtp: GET https://a.example/\n", 2, 1, "htp"),
            ("type: query\nhttp: https://a.example/\n", 2, 7, "METHOD"),
            ("type: query\nhttp: FETCH https://a.example/\n", 2, 7, "GET, PUT"),
            ("type: query\nhttp: GET /a\n", 2, 7, "absolute"),
            ("type: query\nhttp: GET https://u:p@a.example/\n", 2, 7, "credentials"),
            ("type: query\nhttp: GET https://a.example/{id}\n", 2, 7, "{id}"),
            ("type: query\nhttp: GET https://a.example/\ntimeout: soon\n", 3, 10, "30s"),
            ("type: query\nhttp: GET https://a.example/\ninput: { type: string }\n", 3, 8, "object"),
            (
                "type: query\nhttp: GET https://a.example/\ninput: { type: object, minProperties: -1 }\n",
                3,
                8,
                "schema",
            ),
        ] {
            let fault = read("a", "b", text).expect_err(text);
            if line > 0 {
                assert_eq!((fault.line, fault.column), (line, column), "{fault}: {text}");
            }
            assert!(fault.message.contains(word), "{fault}");
        }
    }
}
