//! The documents of one description: the main one and those of the same origin that it refers to.

use std::collections::BTreeSet;

use serde_json::Value;
use url::Url;

/// Deepest nesting of a document. Everything that walks through one relies on it.
const DEEPEST: usize = 100;
/// The same for YAML, whose reader takes much of the stack for each level.
const DEEPEST_YAML: usize = 48;
/// References that lead to references, one after the other.
const LONGEST_CHAIN: usize = 16;

/// Reads a document, JSON or YAML.
///
/// # Errors
/// A sentence that says what is wrong, and where.
pub fn read(text: &str) -> Result<Value, String> {
    let text = text.trim_start_matches('\u{feff}');
    if crate::validate::depth::exceeds(text.as_bytes(), DEEPEST) && text.trim_start().starts_with('{') {
        return Err(format!("the document is nested more than {DEEPEST} levels deep"));
    }
    let value: Value = if text.trim_start().starts_with('{') {
        serde_json::from_str(text).map_err(|error| format!("the document is not JSON: {error}"))?
    } else {
        let options = serde_saphyr::options! {
            // Documents repeat names in ways that are wrong but harmless; JSON takes the last one, too.
            duplicate_keys: serde_saphyr::options::DuplicateKeyPolicy::LastWins,
            // YAML 1.2: `yes` and `no` are words.
            strict_booleans: true,
            with_snippet: false,
            alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: 300_000 },
            budget: serde_saphyr::budget! {
                max_depth: DEEPEST_YAML,
                max_nodes: 4_000_000,
                max_events: 8_000_000,
                max_documents: 1,
            },
        };
        serde_saphyr::from_str_with_options(text, options)
            .map_err(|error| format!("the document is neither JSON nor YAML: {error}"))?
    };
    if !value.is_object() {
        return Err("the document is not an object".to_owned());
    }
    Ok(value)
}

/// Where something stands in the documents.
#[derive(Clone, Copy, Debug)]
pub struct Node<'a> {
    /// Which document.
    pub(super) document: usize,
    /// What stands there.
    pub(super) value: &'a Value,
}

impl<'a> Node<'a> {
    /// What stands below, if anything.
    pub(super) fn get(self, key: &str) -> Option<Self> {
        self.value.get(key).map(|value| Self { document: self.document, value })
    }

    /// A text below.
    pub(super) fn text(self, key: &str) -> Option<&'a str> {
        self.value.get(key).and_then(Value::as_str)
    }

    /// A flag below; absent is false.
    pub(super) fn flag(self, key: &str) -> bool {
        self.value.get(key).and_then(Value::as_bool).unwrap_or_default()
    }

    /// The members of an object below.
    pub(super) fn members(self, key: &str) -> impl Iterator<Item = (&'a str, Self)> + use<'a> {
        let document = self.document;
        let members = self.value.get(key).and_then(Value::as_object).into_iter().flatten();
        members.map(move |(name, value)| (name.as_str(), Self { document, value }))
    }

    /// The items of an array below.
    pub(super) fn items(self, key: &str) -> impl Iterator<Item = Self> + use<'a> {
        let document = self.document;
        let items = self.value.get(key).and_then(Value::as_array).into_iter().flatten();
        items.map(move |value| Self { document, value })
    }
}

#[derive(Debug)]
struct Document {
    url: Option<Url>,
    value: Value,
}

/// A main document, and others by their URLs.
#[derive(Debug)]
pub struct Documents {
    list: Vec<Document>,
}

impl Documents {
    /// A main document; relative references and servers are meant from its URL, if it has one.
    #[must_use]
    pub fn new(value: Value, url: Option<Url>) -> Self {
        Self { list: vec![Document { url: url.map(bare), value }] }
    }

    /// Adds a document that [`Documents::missing`] named.
    pub fn add(&mut self, url: Url, value: Value) {
        self.list.push(Document { url: Some(bare(url)), value });
    }

    /// Where the main document came from.
    #[must_use]
    pub fn url(&self) -> Option<&Url> {
        self.list[0].url.as_ref()
    }

    /// The main document.
    #[must_use]
    pub fn main(&self) -> Node<'_> {
        Node { document: 0, value: &self.list[0].value }
    }

    /// Documents of the main one's origin that are referred to and are not here yet. Who has fetched and added them asks again,
    /// and decides how often.
    #[must_use]
    pub fn missing(&self) -> BTreeSet<Url> {
        let mut missing = BTreeSet::new();
        for document in &self.list {
            let Some(base) = &document.url else { continue };
            references(&document.value, &mut |reference| {
                let file = reference.split('#').next().unwrap_or_default();
                if let Some(url) = (!file.is_empty()).then(|| base.join(file).ok()).flatten() {
                    let same_origin = self.url().is_some_and(|main| main.origin() == url.origin());
                    if same_origin && !self.list.iter().any(|known| known.url.as_ref() == Some(&url)) {
                        missing.insert(bare(url));
                    }
                }
            });
        }
        missing
    }

    /// What a reference leads to, with its place as document and JSON Pointer.
    pub(super) fn resolve(&self, from: usize, reference: &str) -> Result<(usize, String, Node<'_>), String> {
        let (file, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let document = if file.is_empty() { from } else { self.find(from, file, reference)? };
        let pointer = percent_encoding::percent_decode_str(fragment).decode_utf8_lossy().into_owned();
        let value = self.list[document]
            .value
            .pointer(&pointer)
            .ok_or_else(|| format!("the reference {} leads nowhere", cut(reference)))?;
        Ok((document, pointer, Node { document, value }))
    }

    fn find(&self, from: usize, file: &str, reference: &str) -> Result<usize, String> {
        let Some(base) = &self.list[from].url else {
            return Err(format!(
                "the reference {} leads to another document, and this one has no URL",
                cut(reference)
            ));
        };
        let url = base
            .join(file)
            .map(bare)
            .map_err(|error| format!("the reference {}: {error}", cut(reference)))?;
        let position = self.list.iter().position(|known| known.url.as_ref() == Some(&url));
        position.ok_or_else(|| {
            let same_origin = self.url().is_some_and(|main| main.origin() == url.origin());
            let why = if same_origin { "could not be had" } else { "is of another origin" };
            format!("the reference {} leads to a document that {why}", cut(reference))
        })
    }

    /// What stands here, or where the reference that stands here leads.
    pub(super) fn follow<'a>(&'a self, node: Node<'a>) -> Result<Node<'a>, String> {
        let mut node = node;
        for _ in 0..LONGEST_CHAIN {
            let Some(reference) = node.text("$ref") else { return Ok(node) };
            node = self.resolve(node.document, reference)?.2;
        }
        Err("references lead in a circle".to_owned())
    }
}

/// Without the fragment, by which no two documents differ.
fn bare(mut url: Url) -> Url {
    url.set_fragment(None);
    url
}

/// References stand in messages, and anybody may have written them.
fn cut(reference: &str) -> String {
    let text: String = reference.chars().take(120).collect();
    format!("`{text}`")
}

fn references(value: &Value, found: &mut impl FnMut(&str)) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get("$ref") {
                found(reference);
            }
            for value in members.values() {
                references(value, found);
            }
        }
        Value::Array(items) => {
            for value in items {
                references(value, found);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_and_yaml() {
        let yaml =
            "openapi: 3.0.3\npaths:\n  /a:\n    get:\n      responses:\n        200: {description: yes}\n";
        let expected = json!({
            "openapi": "3.0.3",
            "paths": { "/a": { "get": { "responses": { "200": { "description": "yes" } } } } },
        });
        assert_eq!(read(yaml), Ok(expected.clone()));
        assert_eq!(read(&expected.to_string()), Ok(expected));
        let anchored = "a: &x {b: 1}\nc: *x\n";
        assert_eq!(read(anchored), Ok(json!({ "a": { "b": 1 }, "c": { "b": 1 } })));
    }

    #[test]
    fn what_is_no_document() {
        for (text, word) in [
            ("", "not an object"),
            ("[1]", "not an object"),
            ("{\"a\":", "not JSON"),
            ("a: [", "neither JSON nor YAML"),
            (&"{\"a\":".repeat(200), "levels deep"),
            (&"- ".repeat(300), "neither JSON nor YAML"),
        ] {
            let error = read(text).expect_err(text);
            assert!(error.contains(word), "{error}");
        }
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let last = format!("*a{}, ", level - 1).repeat(10);
            bomb.push_str(&format!("a{level}: &a{level} [{}]\n", last.trim_end_matches(", ")));
        }
        assert!(read(&bomb).is_err(), "aliases are bounded");
    }

    #[test]
    fn references_within_and_beyond() {
        let main = json!({
            "a": { "$ref": "#/b~1c" }, "b/c": { "$ref": "other.json#/x" }, "loop": { "$ref": "#/loop" },
            "far": { "$ref": "https://elsewhere.example/x.json" },
        });
        let url = Url::parse("https://a.example/api/main.json").expect("a URL");
        let mut documents = Documents::new(main, Some(url.clone()));
        let other = url.join("other.json").expect("a URL");
        assert!(documents.missing().into_iter().eq([other.clone()]));
        documents.add(other, json!({ "x": { "found": true } }));
        assert!(documents.missing().is_empty());
        let at = |key: &str| documents.main().get(key).expect("it is there");
        assert_eq!(documents.follow(at("a")).expect("leads on").value, &json!({ "found": true }));
        assert!(documents.follow(at("loop")).expect_err("circle").contains("circle"));
        assert!(documents.follow(at("far")).expect_err("far").contains("another origin"));
    }
}
