//! What GET and DELETE put into the query fits there.

use crate::{
    diagnostic::{Report, codes},
    model::{Model, SchemaKind, kind, nullable},
    source::Node,
};

pub(super) fn check(model: &Model, report: &mut Report) {
    for op in &model.operations {
        let Some(route) = op.http.as_ref().filter(|route| route.in_query()) else { continue };
        for entry in op.input.get("properties").map(Node::entries).unwrap_or_default() {
            if !route.parameters.contains(&entry.key) && !fits(model, &entry.value) {
                report
                    .error(
                        codes::ROUTE_QUERY,
                        &entry.value.at,
                        format!("`{}` does not fit into the query of {}", entry.key, route.method),
                    )
                    .help("a scalar or an array of scalars does; otherwise use POST");
            }
        }
    }
}

fn fits(model: &Model, schema: &Node) -> bool {
    let schema = model.follow(schema);
    if nullable(schema) {
        return false;
    }
    match (kind(schema), schema.get("items")) {
        (SchemaKind::Array, Some(items)) => {
            let items = model.follow(items);
            kind(items).is_scalar() && !nullable(items)
        }
        (kind, _) => kind.is_scalar(),
    }
}
