//! What a step is given, compared with what its operation takes, as far as schemas tell.

use serde_json::{Value, json};

use super::{
    Step,
    bind::{Reference, Source, reference},
    check::{Checker, Declared},
};
use crate::{
    Fit, child, fit,
    fit::{kind_of, list, types},
    spot::{Spot, spot, within},
};

/// What a binding gives.
pub(super) enum Given<'a> {
    /// Values of this schema.
    Known(&'a Value),
    /// The schemas do not say.
    Unknown,
    /// Nothing, ever.
    Nothing(String),
}

impl Checker<'_> {
    /// Compares the input of a step, or a part of it, with the schema of what is taken there.
    pub(super) fn suits(&mut self, step: &Step, part: &Value, taken: &Value, at: &str) {
        if let Some(reference) = reference(part) {
            if let Given::Known(given) = self.declared.given(&reference, step.for_each.as_ref()) {
                self.fits(given, taken, at);
            }
            if let Some(default) = reference.default {
                self.suits(step, default, taken, &child(at, "default"));
            }
            return;
        }
        // A list or an object may hold bindings, so that it is compared part by part; anything else is what it is.
        let (Value::Object(_) | Value::Array(_)) = part else {
            return self.fits(&json!({ "const": part }), taken, at);
        };
        let kind = kind_of(part);
        if let Some(kinds) = types(taken)
            && !kinds.iter().any(|taken| taken == kind)
        {
            return self.fault(at, format!("{} is taken, and {kind} is given", kinds.join(" or ")));
        }
        match part {
            Value::Object(properties) => {
                for name in required(taken).iter().filter(|name| !properties.contains_key(**name)) {
                    self.fault(&child(at, name), format!("{} needs it", step.call));
                }
                for (name, property) in properties {
                    let at = child(at, name);
                    match within(taken, name) {
                        Spot::There(taken) => self.suits(step, property, taken, &at),
                        Spot::Nowhere(instead) => {
                            self.fault(&at, format!("{} does not take it: {instead}", step.call));
                        }
                        Spot::Unknown => {}
                    }
                }
            }
            Value::Array(items) => {
                let Spot::There(taken) = within(taken, "0") else { return };
                for (number, item) in items.iter().enumerate() {
                    self.suits(step, item, taken, &format!("{at}/{number}"));
                }
            }
            _ => {}
        }
    }

    pub(super) fn fits(&mut self, given: &Value, taken: &Value, at: &str) {
        if let Fit::No(mismatch) = fit(given, taken) {
            self.fault(at, mismatch.to_string());
        }
    }
}

impl<'a> Declared<'a> {
    /// Schema of what a binding gives; `list` is the `forEach` of its step.
    pub(super) fn given(&'a self, reference: &Reference<'_>, list: Option<&Value>) -> Given<'a> {
        let whole = match reference.source {
            Ok(Source::Input) => Given::Known(&self.input),
            Ok(Source::Item) => self.item(list),
            Ok(Source::Step(id)) => match self.outputs.get(id) {
                Some(output) => Given::Known(output),
                None => Given::Unknown,
            },
            Err(_) => Given::Unknown,
        };
        let Given::Known(whole) = whole else { return whole };
        match spot(whole, reference.pointer) {
            Spot::There(schema) => Given::Known(schema),
            Spot::Unknown => Given::Unknown,
            Spot::Nowhere(instead) => {
                Given::Nothing(format!("there is nothing at `{}`: {instead}", reference.pointer))
            }
        }
    }

    fn item(&'a self, list: Option<&Value>) -> Given<'a> {
        let Some(reference) = list.and_then(reference) else { return Given::Unknown };
        match self.given(&reference, None) {
            Given::Known(schema) => match spot(schema, "/0") {
                Spot::There(item) => Given::Known(item),
                _ => Given::Unknown,
            },
            // That is a fault of the list itself.
            _ => Given::Unknown,
        }
    }
}

/// The properties that have to be there, also by the parts that all hold, each once.
fn required(taken: &Value) -> std::collections::BTreeSet<&str> {
    let own = list(taken, "required").into_iter().flatten().filter_map(Value::as_str);
    let parts = list(taken, "allOf").into_iter().flatten().flat_map(required);
    own.chain(parts).collect()
}
