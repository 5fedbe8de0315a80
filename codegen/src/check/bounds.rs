//! Bounds that nothing can satisfy, and bounds of integers that are not integers.

use crate::{
    diagnostic::{Report, codes},
    model::{Model, SchemaKind, kind},
    source::{Data, Node},
};

const PAIRS: &[(&str, &str)] = &[
    ("minLength", "maxLength"),
    ("minItems", "maxItems"),
    ("minProperties", "maxProperties"),
    ("minimum", "maximum"),
];
const OPEN_PAIRS: &[(&str, &str)] = &[
    ("minimum", "exclusiveMaximum"),
    ("exclusiveMinimum", "maximum"),
    ("exclusiveMinimum", "exclusiveMaximum"),
];
const NUMERIC: &[&str] = &["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"];

pub(super) fn check(_model: &Model, schema: &Node, report: &mut Report) {
    let number = |key: &str| schema.get(key).and_then(Node::as_number);
    let pairs = PAIRS.iter().map(|pair| (pair, false)).chain(OPEN_PAIRS.iter().map(|pair| (pair, true)));
    for ((low, high), open) in pairs {
        let (Some(least), Some(most)) = (number(low), number(high)) else { continue };
        if least > most || (open && least >= most) {
            let at = schema.get(low).map_or(&schema.at, |node| &node.at);
            report
                .error(codes::BOUNDS, at, format!("nothing satisfies `{low}: {least}` and `{high}: {most}`"))
                .help("make the lower bound the smaller one");
        }
    }
    if kind(schema) == SchemaKind::Integer {
        for key in NUMERIC {
            if let Some(Node { at, data: Data::Float(_) }) = schema.get(key) {
                report
                    .error(codes::INTEGER_BOUND, at, format!("`{key}` of an integer is not a 64-bit integer"))
                    .help("write a whole number between -9223372036854775808 and 9223372036854775807");
            }
        }
    }
}
