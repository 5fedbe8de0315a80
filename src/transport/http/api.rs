//! Sets of operations that a server can serve: the hub's own, and those of tests and benchmarks.

use std::sync::Arc;

use alkhub_core::{Descriptor, Registry};

use crate::hub::Hub;

/// Operations together with their handlers.
pub trait OperationSet: Send + Sync + 'static {
    /// What they declare.
    fn operations() -> Vec<&'static Descriptor>;
    /// Puts their handlers into the registry.
    fn register(hub: &Arc<Hub>, registry: &mut Registry);
}

/// The operations of the `operations` folder.
pub struct HubOperations;

impl OperationSet for HubOperations {
    fn operations() -> Vec<&'static Descriptor> {
        alkhub_api::OPERATIONS.to_vec()
    }

    fn register(hub: &Arc<Hub>, registry: &mut Registry) {
        alkhub_api::register(hub, registry);
    }
}

impl<A: OperationSet, B: OperationSet> OperationSet for (A, B) {
    fn operations() -> Vec<&'static Descriptor> {
        let mut all = A::operations();
        all.extend(B::operations());
        all
    }

    fn register(hub: &Arc<Hub>, registry: &mut Registry) {
        A::register(hub, registry);
        B::register(hub, registry);
    }
}
