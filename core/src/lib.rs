//! What hub and spoke share: operations and their descriptors, identities and access, errors, calls,
//! the registry and the call engine. Knows no transport and no storage.

pub mod access;
pub mod call;
pub mod engine;
pub mod envelope;
pub mod error;
pub mod flow;
pub mod identity;
pub mod import;
pub mod lineage;
pub mod once;
pub mod operation;
pub mod peer;
pub mod protocol;
pub mod pubsub;
pub mod rate;
pub mod registry;
pub mod script;
pub mod spec;
pub mod sse;
pub mod trace;
pub mod validate;

pub use access::AccessControl;
pub use call::{Call, Deadline};
pub use engine::Engine;
pub use envelope::ResponseEnvelope;
pub use error::{CallError, Fault};
pub use identity::Identity;
pub use lineage::Lineage;
pub use operation::{Declared, Handle, ItemStream, Operation, Subscribe};
pub use peer::Peer;
pub use registry::Registry;
pub use spec::{Descriptor, ErrorSpec, HttpBinding, Kind, McpMode, RecordMode};
