//! An operation as a spoke registers it (upstream reference section 3.1), checked before anybody can call it.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, value::RawValue};

use crate::{
    access::AccessControl,
    spec::{Kind, McpMode, RecordMode},
    validate::InputValidator,
};

/// Bounds of a registered operation.
#[derive(Clone, Copy, Debug)]
pub struct SpecLimits {
    /// Most bytes of the whole description.
    pub bytes: usize,
    /// Deepest nesting of its schemas.
    pub depth: usize,
}

impl Default for SpecLimits {
    fn default() -> Self {
        Self { bytes: 64 * 1024, depth: 32 }
    }
}

/// Longest namespace and name, each.
const LONGEST_NAME: usize = 100;
/// Most tags and declared errors, each.
const MOST_PARTS: usize = 100;

/// A declared error of a registered operation.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ErrorDefinition {
    /// The code.
    pub code: String,
    /// For people.
    #[serde(default)]
    pub description: String,
    /// JSON Schema of the details.
    #[serde(default)]
    pub schema: Value,
    /// HTTP status, if it says one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_status: Option<u16>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    namespace: String,
    name: String,
    #[serde(default = "first_version")]
    version: String,
    #[serde(rename = "type")]
    kind: Kind,
    title: Option<String>,
    #[serde(default)]
    description: String,
    #[serde(default, deserialize_with = "null_is_default")]
    tags: Vec<String>,
    input_schema: Option<Box<RawValue>>,
    output_schema: Option<Box<RawValue>>,
    #[serde(default, deserialize_with = "null_is_default")]
    access_control: AccessControl,
    #[serde(default, deserialize_with = "null_is_default")]
    error_schemas: Vec<ErrorDefinition>,
    /// Mutations of which a repetition does no harm.
    #[serde(default)]
    idempotent: Option<bool>,
    #[serde(default)]
    mcp: Option<McpMode>,
    #[serde(default)]
    record: Option<RecordMode>,
}

fn first_version() -> String {
    "1.0.0".to_owned()
}

fn null_is_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// An operation of a spoke, without the spoke: spokes that offer the same share it.
#[derive(Debug)]
pub struct Registered {
    /// First part of its id.
    pub namespace: String,
    /// Last part of its id.
    pub name: String,
    /// Version of its contract.
    pub version: String,
    /// Query, mutation or subscription.
    pub kind: Kind,
    /// Short title.
    pub title: Option<String>,
    /// What it does.
    pub description: String,
    /// Free labels.
    pub tags: Vec<String>,
    /// JSON Schema of the input.
    pub input_schema: Box<RawValue>,
    /// JSON Schema of the output or of one item.
    pub output_schema: Box<RawValue>,
    /// Demands on the caller; an identity is demanded always.
    pub access: AccessControl,
    /// Declared errors.
    pub errors: Vec<ErrorDefinition>,
    /// Whether a call may be repeated on another spoke: queries, and mutations that say so.
    pub repeatable: bool,
    /// How MCP offers it.
    pub mcp: McpMode,
    /// What the call graph keeps.
    pub record: RecordMode,
    pub(super) validator: InputValidator,
}

impl Registered {
    /// Reads and checks an `OperationSpec`.
    ///
    /// # Errors
    /// A sentence that says what is wrong, for the spoke's author.
    pub fn read(spec: &str, limits: SpecLimits) -> Result<Self, String> {
        if spec.len() > limits.bytes {
            return Err(format!("the description is larger than {} bytes", limits.bytes));
        }
        if crate::validate::depth::exceeds(spec.as_bytes(), limits.depth) {
            return Err(format!("the schemas are nested more than {} levels deep", limits.depth));
        }
        let wire: Wire = serde_json::from_str(spec).map_err(|error| error.to_string())?;
        for (what, name) in [("namespace", &wire.namespace), ("name", &wire.name)] {
            check_name(what, name)?;
        }
        if wire.tags.len() > MOST_PARTS || wire.error_schemas.len() > MOST_PARTS {
            return Err(format!("there are more than {MOST_PARTS} tags or errors"));
        }
        let any = || RawValue::from_string("{}".to_owned()).unwrap_or_default();
        let input_schema = wire.input_schema.unwrap_or_else(any);
        let output_schema = wire.output_schema.unwrap_or_else(any);
        let schema = serde_json::from_str(input_schema.get()).map_err(|error| error.to_string())?;
        let validator =
            InputValidator::compile_foreign(schema).map_err(|error| format!("the input schema: {error}"))?;
        let mut access = wire.access_control;
        access.identity = true;
        Ok(Self {
            repeatable: wire.kind == Kind::Query || wire.idempotent == Some(true),
            mcp: wire.mcp.unwrap_or(McpMode::Search),
            record: wire.record.unwrap_or(RecordMode::Full),
            namespace: wire.namespace,
            name: wire.name,
            version: wire.version,
            kind: wire.kind,
            title: wire.title.filter(|title| !title.is_empty()),
            description: wire.description,
            tags: wire.tags,
            input_schema,
            output_schema,
            access,
            errors: wire.error_schemas,
            validator,
        })
    }

    /// `<namespace>.<name>`, its id without a prefix.
    #[must_use]
    pub fn plain_id(&self) -> String {
        format!("{}.{}", self.namespace, self.name)
    }
}

fn check_name(what: &str, name: &str) -> Result<(), String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if name.is_empty() || name.len() > LONGEST_NAME || !name.bytes().all(fits) {
        return Err(format!(
            "the {what} must have 1 to {LONGEST_NAME} letters, digits, hyphens or underscores"
        ));
    }
    Ok(())
}
