//! A call template as its file declares it.

use alkhub_flow::template::Template as Definition;

use crate::source::Node;

/// A template of `_templates`.
#[derive(Clone, Debug)]
pub struct Template {
    /// The file.
    pub node: Node,
    /// What a run is good for.
    pub description: String,
    /// What it calls.
    pub definition: Definition,
}

/// Reads a file; `None` where it has another form, which is told of by its schema.
pub(super) fn read(node: Node) -> Option<Template> {
    let description = node.text("description")?.trim().to_owned();
    let mut written = node.to_json();
    written.as_object_mut()?.remove("description");
    Some(Template { definition: serde_json::from_value(written).ok()?, description, node })
}
