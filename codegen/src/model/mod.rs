//! The one model that every artefact is printed from.

mod catalogue;
mod operation;
mod page;
mod place;
mod reference;
mod route;
mod schema;
mod template;
mod timeout;
mod union;

use std::collections::BTreeMap;

pub use catalogue::ErrorDef;
pub use operation::{Access, Example, Host, Kind, Mcp, Operation, Record, Word};
pub use place::Place;
pub use reference::Shared;
pub use route::Route;
pub use schema::{SchemaKind, alternatives, is_named, kind, nullable, walk};
pub use template::Template;

use crate::{diagnostic::Report, source::Node};

/// Everything that the sources declare.
#[derive(Clone, Debug, Default)]
pub struct Model {
    /// Operations, by id.
    pub operations: Vec<Operation>,
    /// Shared types, by name.
    pub shared: BTreeMap<String, Shared>,
    /// The error catalogue in the order of its file, infrastructure first.
    pub errors: Vec<ErrorDef>,
    /// Call templates, by name.
    pub templates: BTreeMap<String, Template>,
}

impl Model {
    /// Takes in an operation file.
    pub fn add_operation(&mut self, place: &Place, node: Node, report: &mut Report) {
        self.operations.extend(operation::read(place, node, report));
        self.operations.sort_by(|a, b| a.id.cmp(&b.id));
    }

    /// Takes in a file of shared types.
    pub fn add_shared(&mut self, node: &Node, report: &mut Report) {
        reference::read(self, node, report);
    }

    /// Takes in the error catalogue.
    pub fn add_errors(&mut self, node: &Node, report: &mut Report) {
        self.errors = catalogue::read(node, report);
    }

    /// Takes in a call template.
    pub fn add_template(&mut self, name: String, node: Node) {
        self.templates.extend(template::read(node).map(|template| (name, template)));
    }

    /// The catalogue's entry of this code.
    #[must_use]
    pub fn error(&self, code: &str) -> Option<&ErrorDef> {
        self.errors.iter().find(|error| error.code == code)
    }

    /// Every schema that is written down: inputs, outputs, error details, shared types.
    pub fn schemas(&self) -> impl Iterator<Item = &Node> {
        let operations = self.operations.iter().flat_map(|op| [&op.input, &op.output]);
        let errors = self.errors.iter().filter_map(|error| error.details.as_ref());
        operations.chain(errors).chain(self.shared.values().map(|shared| &shared.node))
    }
}
