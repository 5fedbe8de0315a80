//! Paging: what `page: true` adds to input and output.

use crate::{
    diagnostic::{Report, Span, codes},
    source::{Data, Entry, Node},
};

/// Adds `cursor` and `limit` to the input and wraps the output, which is declared as one item.
pub(super) fn expand(file: &Node, input: &mut Node, output: &mut Node, report: &mut Report) {
    let at = file.get("page").map_or(&file.at, |page| &page.at).clone();
    for name in ["cursor", "limit"] {
        if let Some(entry) = input.get("properties").and_then(|properties| properties.entry(name)) {
            report
                .error(codes::PAGE, &entry.key_at, format!("`page: true` adds the property `{name}` itself"))
                .help("remove it here");
        }
    }
    let build = Build { at: &at };
    let cursor = build.map(vec![
        ("type", build.text("string")),
        ("maxLength", build.int(512)),
        ("description", build.text("The `nextCursor` of the page before; absent for the first page.")),
    ]);
    let limit = build.map(vec![
        ("type", build.text("integer")),
        ("minimum", build.int(1)),
        ("maximum", build.int(200)),
        ("default", build.int(50)),
        ("description", build.text("How many items at the most.")),
    ]);
    if let Data::Map(entries) = &mut input.data {
        if !entries.iter().any(|entry| entry.key == "properties") {
            entries.push(build.entry("properties", build.map(Vec::new())));
        }
        let properties = entries.iter_mut().find(|entry| entry.key == "properties");
        if let Some(Data::Map(properties)) = properties.map(|entry| &mut entry.value.data) {
            properties.retain(|entry| entry.key != "cursor" && entry.key != "limit");
            properties.push(build.entry("cursor", cursor));
            properties.push(build.entry("limit", limit));
        }
    }
    let item = std::mem::replace(output, build.text(""));
    let items = build.map(vec![("type", build.text("array")), ("items", item)]);
    let next = build.map(vec![
        ("type", build.text("string")),
        ("description", build.text("Where the next page begins; absent on the last page.")),
    ]);
    *output = build.map(vec![
        ("type", build.text("object")),
        ("description", build.text("One page.")),
        ("required", build.node(Data::Seq(vec![build.text("items")]))),
        ("additionalProperties", build.node(Data::Bool(false))),
        ("properties", build.map(vec![("items", items), ("nextCursor", next)])),
    ]);
}

/// Makes nodes that stand where `page: true` stands.
struct Build<'a> {
    at: &'a Span,
}

impl Build<'_> {
    fn node(&self, data: Data) -> Node {
        Node { at: self.at.clone(), data }
    }

    fn text(&self, text: &str) -> Node {
        self.node(Data::Str(text.to_owned()))
    }

    fn int(&self, value: i64) -> Node {
        self.node(Data::Int(value))
    }

    fn entry(&self, key: &str, value: Node) -> Entry {
        Entry { key: key.to_owned(), key_at: self.at.clone(), value }
    }

    fn map(&self, entries: Vec<(&str, Node)>) -> Node {
        self.node(Data::Map(entries.into_iter().map(|(key, value)| self.entry(key, value)).collect()))
    }
}
