//! One registered operation: declared with the hub, or registered by a spoke while it is connected.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use serde_json::{Value, json};

use super::registered::Registered;
use crate::{
    CallError,
    access::AccessControl,
    engine::handler::ErasedHandler,
    spec::{Descriptor, Kind, McpMode, RecordMode},
    validate::InputValidator,
};

/// A registered operation.
pub struct Entry {
    source: Source,
    pub(crate) handler: Arc<dyn ErasedHandler>,
}

enum Source {
    /// Boxed: there are few of these, and of the other a hundred thousand with many spokes.
    Declared(Box<Declared>),
    Registered {
        id: Box<str>,
        /// Equal ones are shared between spokes.
        operation: Arc<Registered>,
        spoke: Option<Arc<str>>,
    },
}

struct Declared {
    descriptor: &'static Descriptor,
    access: AccessControl,
    validator: OnceLock<Result<InputValidator, String>>,
}

impl Entry {
    pub(super) fn declared(descriptor: &'static Descriptor, handler: Arc<dyn ErasedHandler>) -> Self {
        let access = AccessControl::from(&descriptor.access);
        let declared = Declared { descriptor, access, validator: OnceLock::new() };
        Self { source: Source::Declared(Box::new(declared)), handler }
    }

    /// An operation that a spoke offers, under this id; `spoke` is absent where any spoke may serve it.
    #[must_use]
    pub fn registered(
        id: &str,
        operation: Arc<Registered>,
        spoke: Option<Arc<str>>,
        handler: Arc<dyn ErasedHandler>,
    ) -> Self {
        Self { source: Source::Registered { id: id.into(), operation, spoke }, handler }
    }

    pub(super) fn descriptor(&self) -> Option<&'static Descriptor> {
        match &self.source {
            Source::Declared(own) => Some(own.descriptor),
            Source::Registered { .. } => None,
        }
    }

    /// The id by which it is called.
    #[must_use]
    pub fn id(&self) -> &str {
        match &self.source {
            Source::Declared(own) => own.descriptor.id,
            Source::Registered { id, .. } => id,
        }
    }

    /// First part of the operation's own id, without the prefix of a spoke.
    #[must_use]
    pub fn namespace(&self) -> &str {
        match &self.source {
            Source::Declared(own) => own.descriptor.namespace,
            Source::Registered { operation, .. } => &operation.namespace,
        }
    }

    /// Last part of the id.
    #[must_use]
    pub fn name(&self) -> &str {
        match &self.source {
            Source::Declared(own) => own.descriptor.name,
            Source::Registered { operation, .. } => &operation.name,
        }
    }

    /// Short title.
    #[must_use]
    pub fn title(&self) -> &str {
        match &self.source {
            Source::Declared(own) => own.descriptor.title,
            Source::Registered { operation, .. } => operation.title.as_deref().unwrap_or(&operation.name),
        }
    }

    /// What it does, for people and models.
    #[must_use]
    pub fn description(&self) -> &str {
        match &self.source {
            Source::Declared(own) => own.descriptor.description,
            Source::Registered { operation, .. } => &operation.description,
        }
    }

    /// Free labels.
    pub fn tags(&self) -> impl Iterator<Item = &str> {
        let (declared, registered) = match &self.source {
            Source::Declared(own) => (own.descriptor.tags, &[][..]),
            Source::Registered { operation, .. } => (&[][..], &operation.tags[..]),
        };
        declared.iter().copied().chain(registered.iter().map(String::as_str))
    }

    /// JSON Schema of the input, as text.
    #[must_use]
    pub fn input_schema(&self) -> &str {
        match &self.source {
            Source::Declared(own) => own.descriptor.input_schema,
            Source::Registered { operation, .. } => operation.input_schema.get(),
        }
    }

    /// JSON Schema of the output or of one item, as text.
    #[must_use]
    pub fn output_schema(&self) -> &str {
        match &self.source {
            Source::Declared(own) => own.descriptor.output_schema,
            Source::Registered { operation, .. } => operation.output_schema.get(),
        }
    }

    /// The spoke that serves it; `None` for the hub's own and for those that any spoke may serve.
    #[must_use]
    pub fn spoke(&self) -> Option<&str> {
        match &self.source {
            Source::Declared(_) => None,
            Source::Registered { spoke, .. } => spoke.as_deref(),
        }
    }

    /// What a spoke registered, if one did.
    #[must_use]
    pub fn operation(&self) -> Option<&Arc<Registered>> {
        match &self.source {
            Source::Declared(_) => None,
            Source::Registered { operation, .. } => Some(operation),
        }
    }

    /// Demands on the caller.
    #[must_use]
    pub fn access(&self) -> &AccessControl {
        match &self.source {
            Source::Declared(own) => &own.access,
            Source::Registered { operation, .. } => &operation.access,
        }
    }

    /// Query, mutation or subscription.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match &self.source {
            Source::Declared(own) => own.descriptor.kind,
            Source::Registered { operation, .. } => operation.kind,
        }
    }

    /// How MCP offers it.
    #[must_use]
    pub fn mcp(&self) -> McpMode {
        match &self.source {
            Source::Declared(own) => own.descriptor.mcp,
            Source::Registered { operation, .. } => operation.mcp,
        }
    }

    /// What the call graph keeps of its calls.
    #[must_use]
    pub fn record(&self) -> RecordMode {
        match &self.source {
            Source::Declared(own) => own.descriptor.record,
            Source::Registered { operation, .. } => operation.record,
        }
    }

    /// Whether it is one of the hub's own, whose schemas say of every secret that it is one.
    #[must_use]
    pub fn is_own(&self) -> bool {
        matches!(&self.source, Source::Declared(_))
    }

    /// Whether its REST route is a DELETE.
    #[must_use]
    pub fn deletes(&self) -> bool {
        matches!(&self.source, Source::Declared(own) if own.descriptor.http.is_some_and(|http| http.method == "DELETE"))
    }

    /// Longest running time, if the operation declares one.
    #[must_use]
    pub fn timeout(&self) -> Option<Duration> {
        match &self.source {
            Source::Declared(own) => own.descriptor.timeout_ms.map(Duration::from_millis),
            Source::Registered { .. } => None,
        }
    }

    /// A mutation of which a repetition does no harm.
    #[must_use]
    pub fn is_idempotent(&self) -> bool {
        match &self.source {
            Source::Declared(own) => own.descriptor.idempotent,
            Source::Registered { operation, .. } => operation.repeatable && operation.kind == Kind::Mutation,
        }
    }

    /// Whether a repetition does no harm: it is a query, or a mutation that says so.
    #[must_use]
    pub fn is_repeatable(&self) -> bool {
        self.kind() == Kind::Query || self.is_idempotent()
    }

    /// A mutation of the hub's own that has no effects but those of the calls that it makes.
    #[must_use]
    pub fn is_composed(&self) -> bool {
        matches!(&self.source, Source::Declared(own) if own.descriptor.composed)
    }

    /// A mutation of the hub's own whose answers are kept by idempotency key.
    #[must_use]
    pub fn honours_key(&self) -> bool {
        matches!(&self.source, Source::Declared(own) if own.descriptor.idempotent)
    }

    /// Whether the operation declares an error of this code.
    #[must_use]
    pub fn declares(&self, code: &str) -> bool {
        match &self.source {
            Source::Declared(own) => own.descriptor.errors.iter().any(|error| error.code == code),
            Source::Registered { operation, .. } => operation.errors.iter().any(|error| error.code == code),
        }
    }

    /// The compiled input schema; compiled at first use, so that a start does not wait for it.
    ///
    /// # Errors
    /// EXECUTION_ERROR where the schema does not compile, which code generation and registration rule out.
    pub fn validator(&self) -> Result<&InputValidator, CallError> {
        match &self.source {
            Source::Declared(own) => own
                .validator
                .get_or_init(|| {
                    let schema =
                        serde_json::from_str(own.descriptor.input_schema).map_err(|e| e.to_string())?;
                    InputValidator::compile(schema)
                })
                .as_ref()
                .map_err(|error| {
                    CallError::internal(&format_args!("input schema of {}: {error}", self.id()))
                }),
            Source::Registered { operation, .. } => Ok(&operation.validator),
        }
    }

    /// The operation as the call protocol describes it (upstream reference section 3.1).
    #[must_use]
    pub fn spec(&self) -> Value {
        let schema = |text: &str| serde_json::from_str(text).unwrap_or(Value::Null);
        let errors = match &self.source {
            Source::Declared(own) => {
                let errors = own.descriptor.errors.iter().map(|error| {
                    json!({
                        "code": error.code,
                        "description": error.description,
                        "schema": error.details.map_or_else(|| json!({}), schema),
                        "httpStatus": error.status,
                    })
                });
                errors.collect()
            }
            Source::Registered { operation, .. } => json!(operation.errors),
        };
        let version = match &self.source {
            Source::Declared(own) => own.descriptor.version,
            Source::Registered { operation, .. } => &operation.version,
        };
        let mut spec = json!({
            "id": self.id(),
            "namespace": self.namespace(),
            "name": self.name(),
            "version": version,
            "type": self.kind().as_str(),
            "title": self.title(),
            "description": self.description(),
            "tags": self.tags().collect::<Vec<_>>(),
            "inputSchema": schema(self.input_schema()),
            "outputSchema": schema(self.output_schema()),
            "accessControl": self.access(),
            "errorSchemas": errors,
        });
        if let Source::Declared(own) = &self.source
            && let Some(http) = &own.descriptor.http
        {
            spec["http"] = json!({ "method": http.method, "path": http.path });
        }
        if self.mcp() != McpMode::Search {
            spec["mcp"] = json!(self.mcp());
        }
        if self.record() != RecordMode::Full {
            spec["record"] = json!(self.record());
        }
        if let Some(spoke) = self.spoke() {
            spec["spoke"] = spoke.into();
        }
        spec
    }
}
