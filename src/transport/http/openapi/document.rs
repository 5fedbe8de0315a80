//! Last touches on poem-openapi's document: what its types cannot say.

use alkhub_core::validate::normalise_integers;
use serde_json::Value;

use super::schema::CLOSED;

/// Puts `additionalProperties: false` where the marker stands, and writes whole numbers without a fraction, which
/// the library's `f64` bounds lose and strict readers of integer bounds insist on.
pub(super) fn finish(spec: &str) -> String {
    let mut document: Value = serde_json::from_str(spec).unwrap_or_default();
    normalise_integers(&mut document);
    close(&mut document);
    document.to_string()
}

fn close(node: &mut Value) {
    match node {
        Value::Object(map) => {
            if let Some(additional) = map.get_mut("additionalProperties")
                && additional["type"] == CLOSED
            {
                *additional = Value::Bool(false);
            }
            map.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}
