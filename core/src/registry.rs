//! Which operations exist, and what serves them.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use parking_lot::RwLock;
use serde_json::{Value, json};

use crate::{
    CallError,
    access::AccessControl,
    engine::handler::{ErasedHandler, Local, LocalStream},
    identity::Identity,
    operation::{Handle, Operation, Subscribe},
    spec::{Descriptor, Kind},
    validate::InputValidator,
};

/// A registered operation.
pub struct Entry {
    descriptor: &'static Descriptor,
    access: AccessControl,
    validator: OnceLock<Result<InputValidator, String>>,
    pub(crate) handler: Arc<dyn ErasedHandler>,
}

impl Entry {
    fn new(descriptor: &'static Descriptor, handler: Arc<dyn ErasedHandler>) -> Self {
        Self {
            descriptor,
            access: AccessControl::from(&descriptor.access),
            validator: OnceLock::new(),
            handler,
        }
    }

    /// The id, `namespace.name`.
    #[must_use]
    pub fn id(&self) -> &str {
        self.descriptor.id
    }

    /// What was declared.
    #[must_use]
    pub fn descriptor(&self) -> &'static Descriptor {
        self.descriptor
    }

    /// Demands on the caller.
    #[must_use]
    pub fn access(&self) -> &AccessControl {
        &self.access
    }

    /// Query, mutation or subscription.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.descriptor.kind
    }

    /// Longest running time, if the operation declares one.
    #[must_use]
    pub fn timeout(&self) -> Option<Duration> {
        self.descriptor.timeout_ms.map(Duration::from_millis)
    }

    /// The compiled input schema; compiled at first use, so that a start does not wait for it.
    ///
    /// # Errors
    /// EXECUTION_ERROR where the schema does not compile, which code generation rules out.
    pub fn validator(&self) -> Result<&InputValidator, CallError> {
        self.validator
            .get_or_init(|| {
                let schema = serde_json::from_str(self.descriptor.input_schema).map_err(|e| e.to_string())?;
                InputValidator::compile(schema)
            })
            .as_ref()
            .map_err(|error| CallError::internal(&format_args!("input schema of {}: {error}", self.id())))
    }

    /// The operation as the call protocol describes it (upstream reference section 3.1).
    #[must_use]
    pub fn spec(&self) -> Value {
        let descriptor = self.descriptor;
        let schema = |text: &str| serde_json::from_str(text).unwrap_or(Value::Null);
        let errors: Vec<Value> = descriptor
            .errors
            .iter()
            .map(|error| {
                json!({
                    "code": error.code,
                    "description": error.description,
                    "schema": error.details.map_or_else(|| json!({}), schema),
                    "httpStatus": error.status,
                })
            })
            .collect();
        let mut spec = json!({
            "id": descriptor.id,
            "namespace": descriptor.namespace,
            "name": descriptor.name,
            "version": descriptor.version,
            "type": descriptor.kind.as_str(),
            "title": descriptor.title,
            "description": descriptor.description,
            "tags": descriptor.tags,
            "inputSchema": schema(descriptor.input_schema),
            "outputSchema": schema(descriptor.output_schema),
            "accessControl": self.access,
            "errorSchemas": errors,
        });
        if let Some(http) = descriptor.http {
            spec["http"] = json!({ "method": http.method, "path": http.path });
        }
        spec
    }
}

/// All operations by id. Reads take no exclusive lock; [`Registry::generation`] changes whenever the set does.
#[derive(Default)]
pub struct Registry {
    entries: RwLock<BTreeMap<String, Arc<Entry>>>,
    generation: AtomicU64,
}

impl Registry {
    /// An empty registry.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Registers the handler of a query or mutation; replaces what had the same id.
    pub fn add_handler<O: Operation, H: Handle<O>>(&mut self, hub: &Arc<H>) {
        self.insert(Entry::new(O::DESCRIPTOR, Arc::new(Local::<O, H>::new(hub.clone()))));
    }

    /// Registers the handler of a subscription; replaces what had the same id.
    pub fn add_subscriber<O: Operation, H: Subscribe<O>>(&mut self, hub: &Arc<H>) {
        self.insert(Entry::new(O::DESCRIPTOR, Arc::new(LocalStream::<O, H>::new(hub.clone()))));
    }

    fn insert(&self, entry: Entry) {
        self.entries.write().insert(entry.id().to_owned(), Arc::new(entry));
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// Changes whenever an operation comes or goes.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// How many operations there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.read().len()
    }

    /// There are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.read().is_empty()
    }

    /// The entry of this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<Arc<Entry>> {
        self.entries.read().get(id).cloned()
    }

    /// All entries, by id.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Entry>> {
        self.entries.read().values().cloned().collect()
    }

    /// What this caller may call, by id, after `after`.
    #[must_use]
    pub fn visible(&self, caller: Option<&Identity>, after: Option<&str>) -> Vec<Arc<Entry>> {
        use std::ops::Bound;
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let entries = self.entries.read();
        entries
            .range::<str, _>((start, Bound::Unbounded))
            .map(|(_, entry)| entry)
            .filter(|entry| entry.access.allows(caller))
            .cloned()
            .collect()
    }

    /// The visible id that is nearest to a mistyped one.
    #[must_use]
    pub fn nearest(&self, id: &str, caller: Option<&Identity>) -> Option<String> {
        if id.len() > 100 {
            return None;
        }
        let best = self
            .visible(caller, None)
            .into_iter()
            .map(|entry| (strsim::damerau_levenshtein(id, entry.id()), entry))
            .min_by_key(|(distance, _)| *distance)?;
        (best.0 <= 1 + id.len() / 5).then(|| best.1.id().to_owned())
    }
}
