//! JSON Schema as compact TypeScript, which models read well and which is a third as long.

use serde_json::{Map, Value};

/// Deepest nesting that is written out.
const DEEP: usize = 12;
/// Longest type; the rest is left to `format: json`.
const LONG: usize = 16 * 1024;

/// What an operation needs: required properties and their types, in one line.
pub(super) fn needs(schema: &Value) -> String {
    let root = schema;
    let schema = resolve(schema, root);
    let required = schema["required"].as_array().map(Vec::as_slice).unwrap_or_default();
    let property = |name: &Value| {
        let name = name.as_str()?;
        Some(format!("{}: {}", key(name), brief(&schema["properties"][name], root)))
    };
    required.iter().filter_map(property).collect::<Vec<_>>().join(", ")
}

/// The type of a property in a word or two.
fn brief(schema: &Value, root: &Value) -> String {
    let schema = resolve(schema, root);
    match word(schema) {
        Some("object") => "object".to_owned(),
        Some("array") => format!("{}[]", brief(&schema["items"], root)),
        _ => {
            let mut printer = Printer { root, text: String::new(), comments: false };
            printer.kind(schema, DEEP - 1, 0);
            if printer.text.len() > 60 { word(schema).unwrap_or("any").to_owned() } else { printer.text }
        }
    }
}

/// The signature of an operation, from its spec.
pub(super) fn signature(spec: &Value) -> String {
    let text = |name: &str| spec[name].as_str().unwrap_or_default();
    let mut doc = vec![text("description").to_owned()];
    if spec["type"] != "query" {
        doc.push(format!("@{}", text("type")));
    }
    for error in spec["errorSchemas"].as_array().map(Vec::as_slice).unwrap_or_default() {
        let word = |name: &str| error[name].as_str().unwrap_or_default();
        doc.push(format!("@throws {} {}", word("code"), word("description")));
    }
    doc.retain(|line| !line.is_empty());
    let doc = match doc.as_slice() {
        [] => String::new(),
        lines => format!("/** {} */\n", lines.join("\n * ").replace("*/", "* /")),
    };
    let (input, output) = (kind(&spec["inputSchema"]), kind(&spec["outputSchema"]));
    let wrapped = match spec["type"].as_str() {
        Some("subscription") => format!("AsyncIterable<{output}>"),
        _ => output,
    };
    format!("{doc}{}(input: {input}): {wrapped}", text("id"))
}

fn kind(schema: &Value) -> String {
    let mut printer = Printer { root: schema, text: String::new(), comments: true };
    printer.kind(schema, 0, 0);
    printer.text
}

struct Printer<'a> {
    root: &'a Value,
    text: String,
    comments: bool,
}

impl Printer<'_> {
    fn kind(&mut self, schema: &Value, depth: usize, indent: usize) {
        if depth >= DEEP || self.text.len() > LONG {
            self.text.push_str("unknown /* see format: json */");
            return;
        }
        let schema = resolve(schema, self.root);
        if let Some(constant) = schema.get("const") {
            self.text.push_str(&constant.to_string());
        } else if let Some(values) = schema["enum"].as_array() {
            self.text.push_str(&values.iter().map(Value::to_string).collect::<Vec<_>>().join(" | "));
        } else if let Some(parts) = ["oneOf", "anyOf"].iter().find_map(|word| schema[*word].as_array()) {
            self.joined(parts, " | ", depth, indent);
        } else if let Some(parts) = schema["allOf"].as_array().filter(|_| !schema["properties"].is_object()) {
            self.joined(parts, " & ", depth, indent);
        } else if let Some(words) = schema["type"].as_array() {
            for (number, word) in words.iter().filter_map(Value::as_str).enumerate() {
                if number > 0 {
                    self.text.push_str(" | ");
                }
                self.plain(schema, word, depth, indent);
            }
        } else {
            self.plain(schema, word(schema).unwrap_or("unknown"), depth, indent);
        }
    }

    fn joined(&mut self, parts: &[Value], between: &str, depth: usize, indent: usize) {
        for (number, part) in parts.iter().enumerate() {
            if number > 0 {
                self.text.push_str(between);
            }
            self.kind(part, depth + 1, indent);
        }
    }

    fn plain(&mut self, schema: &Value, word: &str, depth: usize, indent: usize) {
        match word {
            "integer" | "number" => self.text.push_str("number"),
            "object" => self.object(schema, depth, indent),
            "array" => {
                self.text.push_str("Array<");
                self.kind(&schema["items"], depth + 1, indent);
                self.text.push('>');
            }
            other => self.text.push_str(other),
        }
    }

    fn object(&mut self, schema: &Value, depth: usize, indent: usize) {
        let none = Map::new();
        let properties = schema["properties"].as_object().unwrap_or(&none);
        if properties.is_empty() {
            match &schema["additionalProperties"] {
                Value::Bool(false) => self.text.push_str("{}"),
                rest if rest.is_object() => {
                    self.text.push_str("Record<string, ");
                    self.kind(rest, depth + 1, indent);
                    self.text.push('>');
                }
                _ => self.text.push_str("Record<string, unknown>"),
            }
            return;
        }
        let required = schema["required"].as_array().map(Vec::as_slice).unwrap_or_default();
        let inner = "  ".repeat(indent + 1);
        self.text.push_str("{\n");
        for (name, property) in properties {
            let optional = if required.iter().any(|held| held == name.as_str()) { "" } else { "?" };
            self.text.push_str(&format!("{inner}{}{optional}: ", key(name)));
            self.kind(property, depth + 1, indent + 1);
            self.text.push(';');
            if self.comments {
                self.comment(property);
            }
            self.text.push('\n');
        }
        self.text.push_str(&"  ".repeat(indent));
        self.text.push('}');
    }

    /// What types cannot say.
    fn comment(&mut self, property: &Value) {
        let resolved = resolve(property, self.root);
        let said = [property, resolved].iter().find_map(|schema| schema["description"].as_str());
        let mut parts: Vec<String> = said.map(|said| said.replace('\n', " ")).into_iter().collect();
        for word in [
            "default",
            "format",
            "pattern",
            "minimum",
            "maximum",
            "minLength",
            "maxLength",
            "minItems",
            "maxItems",
        ] {
            if let Some(value) = resolved.get(word) {
                parts.push(format!("{word} {value}"));
            }
        }
        if !parts.is_empty() {
            self.text.push_str(&format!(" // {}", parts.join("; ")));
        }
    }
}

/// The kind of value, said or to be seen.
fn word(schema: &Value) -> Option<&str> {
    schema["type"].as_str().or_else(|| {
        let has = |word: &str| schema.get(word).is_some();
        if has("properties") {
            Some("object")
        } else if has("items") {
            Some("array")
        } else {
            None
        }
    })
}

fn resolve<'a>(schema: &'a Value, root: &'a Value) -> &'a Value {
    let mut schema = schema;
    for _ in 0..8 {
        let target = schema["$ref"].as_str().and_then(|reference| root.pointer(reference.strip_prefix('#')?));
        match target {
            Some(target) => schema = target,
            None => break,
        }
    }
    schema
}

fn key(name: &str) -> String {
    let plain = !name.is_empty()
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '$'));
    if plain { name.to_owned() } else { Value::from(name).to_string() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_signature_says_what_schemas_say() {
        let spec = json!({
            "id": "a.b", "type": "mutation", "description": "Does it.",
            "errorSchemas": [{ "code": "A_B", "description": "It was done." }],
            "inputSchema": {
                "$defs": { "Node": { "type": "object", "properties": { "next": { "$ref": "#/$defs/Node" } } } },
                "type": "object", "required": ["name"], "additionalProperties": false,
                "properties": {
                    "name": { "type": "string", "minLength": 1, "description": "Its name." },
                    "how": { "enum": ["well", "badly"] },
                    "x-y": { "type": ["integer", "null"] },
                    "all": { "type": "array", "items": { "oneOf": [{ "type": "string" }, { "const": 3 }] } },
                    "any": {},
                    "map": { "type": "object", "additionalProperties": { "type": "boolean" } },
                },
            },
            "outputSchema": { "type": "object", "additionalProperties": false, "properties": {} },
        });
        let text = signature(&spec);
        let expected = "/** Does it.\n * @mutation\n * @throws A_B It was done. */\na.b(input: {\n  all?: Array<string | 3>;\n  any?: unknown;\n  how?: \"well\" | \"badly\";\n  map?: Record<string, boolean>;\n  name: string; // Its name.; minLength 1\n  \"x-y\"?: number | null;\n}): {}";
        assert_eq!(text, expected);
        assert_eq!(needs(&spec["inputSchema"]), "name: string");
    }

    #[test]
    fn what_refers_to_itself_ends() {
        let schema = json!({
            "$defs": { "Node": { "type": "object", "properties": { "next": { "$ref": "#/$defs/Node" }, "other": { "$ref": "#/$defs/Node" } } } },
            "$ref": "#/$defs/Node",
        });
        assert!(kind(&schema).len() < 4 * LONG);
        assert_eq!(
            kind(&json!({ "$ref": "#/$defs/Loop", "$defs": { "Loop": { "$ref": "#/$defs/Loop" } } })),
            "unknown"
        );
    }
}
