//! The descriptor of an operation: what its YAML file declares, as code generation prints it.

use serde::{Deserialize, Serialize};

/// What an operation does to the world, and how it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Reads; may be repeated without harm.
    Query,
    /// Changes state; answers once.
    Mutation,
    /// Answers with a stream of items.
    Subscription,
}

impl Kind {
    /// The word used on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Mutation => "mutation",
            Self::Subscription => "subscription",
        }
    }
}

/// How an operation is offered to MCP clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum McpMode {
    /// Reachable through search, schema and call.
    Search,
    /// Also a tool of its own.
    Tool,
    /// Not offered.
    Hidden,
}

/// What the call graph keeps of input and output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RecordMode {
    /// Input, output and metadata, without fields marked `x-secret`.
    Full,
    /// Who, what, when and how it ended.
    Metadata,
    /// Nothing.
    None,
}

/// The REST route of an operation. `{name}` in the path binds an input property of that name; GET and
/// DELETE take the other properties from the query, the other methods from a JSON body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpBinding {
    /// Upper-case method: GET, POST, PUT, PATCH or DELETE.
    pub method: &'static str,
    /// Path below the server's root, for example `/api/projects/{projectId}`.
    pub path: &'static str,
}

/// Access that an operation demands, in the form that a `const` can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccessSpec {
    /// Scopes that the caller must hold, all of them.
    pub required_scopes: &'static [&'static str],
    /// Scopes of which the caller must hold one; empty means no such demand.
    pub required_scopes_any: &'static [&'static str],
    /// Type part of a resource key `type:id`.
    pub resource_type: Option<&'static str>,
    /// Action that the caller must hold on such a resource.
    pub resource_action: Option<&'static str>,
}

/// An entry of the error catalogue (`operations/_shared/errors.yaml`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorSpec {
    /// The code, upper snake case, also its name on every transport.
    pub code: &'static str,
    /// HTTP status.
    pub status: u16,
    /// One sentence for documents.
    pub description: &'static str,
    /// JSON Schema of `details`, as JSON text; `None` where there are no details.
    pub details: Option<&'static str>,
}

/// An example of an operation, input and output as JSON text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExampleSpec {
    /// Title shown in documents.
    pub title: &'static str,
    /// Input that satisfies the input schema.
    pub input: &'static str,
    /// Output (of a subscription: one item) that satisfies the output schema.
    pub output: Option<&'static str>,
}

/// A call template of the repository. Code generation has checked it against the operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TemplateSpec {
    /// Its name.
    pub name: &'static str,
    /// What a run is good for.
    pub description: &'static str,
    /// The template as JSON text.
    pub definition: &'static str,
}

/// An operation as declared. Schemas are JSON Schema 2020-12 as JSON text; shared types stand in `$defs`
/// and are referred to as `#/$defs/Name`, and a name means the same type in every descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// `namespace.name`.
    pub id: &'static str,
    /// First part of the id.
    pub namespace: &'static str,
    /// Last part of the id.
    pub name: &'static str,
    /// Semantic version of the operation's contract.
    pub version: &'static str,
    /// Query, mutation or subscription.
    pub kind: Kind,
    /// Short title.
    pub title: &'static str,
    /// What it does, for people.
    pub description: &'static str,
    /// Version of the hub that introduced it.
    pub since: &'static str,
    /// Free labels.
    pub tags: &'static [&'static str],
    /// REST route, if it has one.
    pub http: Option<HttpBinding>,
    /// Demands on the caller.
    pub access: AccessSpec,
    /// How MCP offers it.
    pub mcp: McpMode,
    /// What the call graph keeps.
    pub record: RecordMode,
    /// Longest running time in milliseconds; `None` means the hub's default (subscriptions: none).
    pub timeout_ms: Option<u64>,
    /// A mutation that honours an idempotency key.
    pub idempotent: bool,
    /// Whether a mutation has no effects but those of the calls that it makes: it may be run again from its beginning as
    /// long as what these calls did is not repeated.
    pub composed: bool,
    /// The operation answers with errors of other operations too (`errors: ["*"]`).
    pub any_error: bool,
    /// The query is paged: input has `cursor` and `limit`, output is `{items, nextCursor}`.
    pub page: bool,
    /// JSON Schema of the input, always of type object.
    pub input_schema: &'static str,
    /// JSON Schema of the output, or of one item of a subscription.
    pub output_schema: &'static str,
    /// Declared errors, beyond the infrastructure's.
    pub errors: &'static [ErrorSpec],
    /// Examples.
    pub examples: &'static [ExampleSpec],
}
