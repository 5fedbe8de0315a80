//! What a spoke says of its operations when it registers.

use alkhub_core::Registry;
use serde_json::Value;

/// An `OperationSpec` for each operation.
#[must_use]
pub(super) fn all(registry: &Registry) -> Vec<Value> {
    let entries = registry.all();
    let specs = entries.iter().map(|entry| {
        let mut spec = entry.spec();
        if let Some(fields) = spec.as_object_mut() {
            // What only the hub's own operations have.
            fields.remove("id");
            fields.remove("http");
            if entry.is_idempotent() {
                fields.insert("idempotent".to_owned(), true.into());
            }
        }
        spec
    });
    specs.collect()
}
