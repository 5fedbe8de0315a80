//! An operation, read from its file.

use std::sync::Arc;

use crate::{
    diagnostic::{Report, Span},
    source::Node,
};

use super::{Place, page, route::Route, timeout};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            /// The word in the file.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// The variant in Rust.
            #[must_use]
            pub const fn variant(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant),)* }
            }

            fn read(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

words! {
    /// What an operation does and how it answers.
    Kind {
        /// Reads.
        Query = "query",
        /// Changes state.
        Mutation = "mutation",
        /// Streams.
        Subscription = "subscription",
    }
}
words! {
    /// Who serves an operation.
    Host {
        /// The hub.
        Hub = "hub",
        /// A base spoke.
        Spoke = "spoke",
    }
}
words! {
    /// How MCP offers an operation.
    Mcp {
        /// By search.
        Search = "search",
        /// Also as a tool of its own.
        Tool = "tool",
        /// Not at all.
        Hidden = "hidden",
    }
}
words! {
    /// What the call graph keeps.
    Record {
        /// Everything but secrets.
        Full = "full",
        /// No input and output.
        Metadata = "metadata",
        /// Nothing.
        None = "none",
    }
}

/// A string with its place.
#[derive(Clone, Debug)]
pub struct Word {
    /// The string.
    pub text: String,
    /// Where it stands.
    pub at: Span,
}

/// Demands on the caller.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// All of these.
    pub required_scopes: Vec<Word>,
    /// One of these.
    pub required_scopes_any: Vec<Word>,
    /// Type of the resource.
    pub resource_type: Option<Word>,
    /// Action on the resource.
    pub resource_action: Option<Word>,
}

/// An example call.
#[derive(Clone, Debug)]
pub struct Example {
    /// Its title.
    pub title: String,
    /// What is sent.
    pub input: Node,
    /// What comes back.
    pub output: Option<Node>,
}

/// An operation as its file declares it.
#[derive(Clone, Debug)]
pub struct Operation {
    /// `namespace.name`.
    pub id: String,
    /// First part of the id.
    pub namespace: String,
    /// Last part of the id.
    pub name: String,
    /// Path as shown to people.
    pub file: Arc<str>,
    /// The file, for the places of its keys.
    pub node: Node,
    /// Query, mutation or subscription.
    pub kind: Kind,
    /// Who serves it.
    pub host: Host,
    /// Short title.
    pub title: String,
    /// What it does.
    pub description: String,
    /// Version of its contract.
    pub version: String,
    /// Version of the hub that introduced it.
    pub since: String,
    /// Labels.
    pub tags: Vec<Word>,
    /// REST route.
    pub http: Option<Route>,
    /// Demands on the caller.
    pub access: Access,
    /// How MCP offers it.
    pub mcp: Mcp,
    /// What the call graph keeps.
    pub record: Record,
    /// Longest running time.
    pub timeout_ms: Option<u64>,
    /// Honours an idempotency key.
    pub idempotent: bool,
    /// Whether a mutation has no effects but those of the calls that it makes.
    pub composed: bool,
    /// Answers in pages; input and output have been expanded.
    pub page: bool,
    /// Answers with errors of other operations too.
    pub any_error: bool,
    /// Schema of the input.
    pub input: Node,
    /// Schema of the output or of one item.
    pub output: Node,
    /// Codes of declared errors.
    pub errors: Vec<Word>,
    /// Examples.
    pub examples: Vec<Example>,
}

impl Operation {
    /// Where the value of a key stands; of an absent key the file's first place.
    #[must_use]
    pub fn at(&self, key: &str) -> &Span {
        self.node.get(key).map_or(&self.node.at, |node| &node.at)
    }
}

/// Reads an operation; `None` where the structure check has said already that it cannot be read.
pub(super) fn read(place: &Place, node: Node, report: &mut Report) -> Option<Operation> {
    let Place::Operation { file, namespace, name } = place else { return None };
    let kind = Kind::read(node.text("type")?)?;
    let page = node.get("page").is_some_and(Node::is_true);
    let (mut input, mut output) = (node.get("input")?.clone(), node.get("output")?.clone());
    if page {
        page::expand(&node, &mut input, &mut output, report);
    }
    let mut errors = words(node.get("errors"));
    let declared = errors.len();
    errors.retain(|word| word.text != "*");
    let text = |key: &str| node.text(key).unwrap_or_default().to_owned();
    Some(Operation {
        id: format!("{namespace}.{name}"),
        namespace: namespace.clone(),
        name: name.clone(),
        file: Arc::clone(file),
        kind,
        host: node.text("host").and_then(Host::read).unwrap_or(Host::Hub),
        title: text("title"),
        description: text("description").trim().to_owned(),
        version: node.text("version").unwrap_or("1.0.0").to_owned(),
        since: text("since"),
        tags: words(node.get("tags")),
        http: node.get("http").and_then(|route| Route::read(route, report)),
        access: node.get("access").map(access).unwrap_or_default(),
        mcp: node.text("mcp").and_then(Mcp::read).unwrap_or(Mcp::Search),
        record: node.text("record").and_then(Record::read).unwrap_or(Record::Full),
        timeout_ms: node.get("timeout").and_then(|timeout| timeout::read(timeout, report)),
        idempotent: node.get("idempotent").is_some(),
        composed: node.get("composed").is_some_and(Node::is_true),
        page,
        any_error: errors.len() < declared,
        input,
        output,
        errors,
        examples: node.get("examples").map(examples).unwrap_or_default(),
        node,
    })
}

fn access(node: &Node) -> Access {
    Access {
        required_scopes: words(node.get("requiredScopes")),
        required_scopes_any: words(node.get("requiredScopesAny")),
        resource_type: node.get("resourceType").and_then(word),
        resource_action: node.get("resourceAction").and_then(word),
    }
}

fn examples(node: &Node) -> Vec<Example> {
    let one = |item: &Node| {
        Some(Example {
            title: item.text("title")?.to_owned(),
            input: item.get("input")?.clone(),
            output: item.get("output").cloned(),
        })
    };
    node.items().iter().filter_map(one).collect()
}

fn words(node: Option<&Node>) -> Vec<Word> {
    node.map(Node::items).unwrap_or_default().iter().filter_map(word).collect()
}

fn word(node: &Node) -> Option<Word> {
    Some(Word { text: node.as_str()?.to_owned(), at: node.at.clone() })
}
