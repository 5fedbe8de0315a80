//! What can be wrong with a template before it runs.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Value, json};

use super::{
    ATTEMPTS, BINDINGS, STEPS, Step, Template,
    bind::{Source, reference, sources},
    typed::Given,
};
use crate::{Fault, close};

/// Closed schemas of an operation's input and output.
#[derive(Clone, Debug)]
pub struct Schemas {
    /// Of the input.
    pub input: Value,
    /// Of the output.
    pub output: Value,
    /// Whether it is a subscription, which a step cannot call.
    pub subscription: bool,
}

/// Most faults that are told of one template.
const FAULTS: usize = 100;

/// What is wrong, each with a JSON Pointer into the template. `find` gives the schemas of an operation. It takes a while
/// where template and schemas are large.
#[must_use]
pub fn check(template: &Template, find: impl Fn(&str) -> Option<Schemas>) -> Vec<Fault> {
    let schemas: HashMap<_, _> =
        template.steps.iter().filter_map(|step| Some((step.id.as_str(), find(&step.call)?))).collect();
    let output = |step: &'_ Step| {
        let output = schemas.get(step.id.as_str())?.output.clone();
        Some(match step.for_each {
            Some(_) => json!({ "type": "array", "items": output }),
            None => output,
        })
    };
    let declared = Declared {
        ids: template.steps.iter().map(|step| step.id.as_str()).collect(),
        outputs: template.steps.iter().filter_map(|step| Some((step.id.as_str(), output(step)?))).collect(),
        input: close(&template.input, &template.input),
        schemas,
    };
    let mut checker = Checker { declared: &declared, faults: Vec::new() };
    let parts = template.steps.iter().flat_map(|step| {
        [Some(&step.input), step.when.as_ref(), step.for_each.as_ref()].into_iter().flatten()
    });
    let bindings: usize = parts.chain([&template.output]).map(|part| sources(part, "").len()).sum();
    if bindings > BINDINGS {
        checker.fault("", format!("a template has at most {BINDINGS} bindings, and this one {bindings}"));
        return checker.faults;
    }
    if template.steps.is_empty() || template.steps.len() > STEPS {
        checker.fault("/steps", format!("a template has 1 to {STEPS} steps"));
    }
    let mut seen = BTreeSet::new();
    for (number, step) in template.steps.iter().enumerate() {
        let at = format!("/steps/{number}");
        if !seen.insert(&step.id) {
            checker.fault(&format!("{at}/id"), format!("another step is called {}", step.id));
        }
        checker.step(step, &at);
    }
    checker.bindings(&template.output, "/output", None);
    if checker.faults.is_empty()
        && let Err(left) = order(template)
    {
        let names = left.join(", ");
        checker.fault("/steps", format!("these steps wait for each other: {names}"));
    }
    checker.faults
}

/// Numbers of the steps, each after those that it waits for, otherwise as they are written.
///
/// # Errors
/// The steps that wait for each other.
pub fn order(template: &Template) -> Result<Vec<usize>, Vec<String>> {
    let mut left: Vec<usize> = (0..template.steps.len()).collect();
    let (mut done, mut ordered) = (BTreeSet::new(), Vec::new());
    while !left.is_empty() {
        let ready = |number: &usize| template.steps[*number].waits_for().iter().all(|id| done.contains(*id));
        let Some(place) = left.iter().position(ready) else {
            return Err(left.iter().map(|number| template.steps[*number].id.clone()).collect());
        };
        let number = left.remove(place);
        done.insert(template.steps[number].id.as_str());
        ordered.push(number);
    }
    Ok(ordered)
}

impl Step {
    /// The steps that have to end before this one.
    #[must_use]
    pub fn waits_for(&self) -> BTreeSet<&str> {
        let parts = [Some(&self.input), self.when.as_ref(), self.for_each.as_ref()];
        let named = parts.into_iter().flatten().flat_map(|part| sources(part, ""));
        let named = named.filter_map(|(_, reference)| match reference.source {
            Ok(Source::Step(id)) => Some(id),
            _ => None,
        });
        named.chain(self.after.iter().map(String::as_str)).collect()
    }
}

/// What a template and the operations that it calls say of themselves.
pub(super) struct Declared<'a> {
    /// Names of the steps.
    ids: BTreeSet<&'a str>,
    /// Of their operations, by the steps' names.
    schemas: HashMap<&'a str, Schemas>,
    /// What they give, by their names.
    pub(super) outputs: HashMap<&'a str, Value>,
    /// Closed schema of the run's input.
    pub(super) input: Value,
}

pub(super) struct Checker<'a> {
    pub(super) declared: &'a Declared<'a>,
    faults: Vec<Fault>,
}

impl Checker<'_> {
    pub(super) fn fault(&mut self, pointer: &str, message: String) {
        if self.faults.len() == FAULTS {
            return;
        }
        self.faults.push(Fault { pointer: pointer.to_owned(), message });
    }

    fn step(&mut self, step: &Step, at: &str) {
        let named = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
        if step.id.is_empty() || step.id.len() > 64 || !step.id.chars().all(named) {
            self.fault(&format!("{at}/id"), "an id has 1 to 64 letters, digits, - or _".to_owned());
        }
        for (number, id) in step.after.iter().enumerate() {
            if !self.declared.ids.contains(id.as_str()) {
                self.fault(&format!("{at}/after/{number}"), format!("there is no step {id}"));
            }
        }
        if step
            .retry
            .is_some_and(|retry| !(1..=ATTEMPTS).contains(&retry.attempts) || retry.backoff_ms > 60_000)
        {
            let message =
                format!("a step is tried 1 to {ATTEMPTS} times, with at most 60000 ms before the second");
            self.fault(&format!("{at}/retry"), message);
        }
        if step.timeout_ms == Some(0) {
            self.fault(&format!("{at}/timeoutMs"), "a try takes at least 1 ms".to_owned());
        }
        for (name, part) in [("when", &step.when), ("forEach", &step.for_each)] {
            let Some(part) = part else { continue };
            let pointer = format!("{at}/{name}");
            if reference(part).is_none() {
                self.fault(
                    &pointer,
                    "is a binding, such as {\"$from\": \"input\", \"pointer\": \"/items\"}".to_owned(),
                );
            }
            self.bindings(part, &pointer, None);
        }
        if let Some(list) = step.for_each.as_ref().and_then(reference)
            && let Given::Known(given) = self.declared.given(&list, None)
        {
            self.fits(given, &json!({ "type": "array" }), &format!("{at}/forEach"));
        }
        self.bindings(&step.input, &format!("{at}/input"), step.for_each.as_ref());
        match self.declared.schemas.get(step.id.as_str()) {
            Some(schemas) if schemas.subscription => {
                self.fault(
                    &format!("{at}/call"),
                    format!("{} is a subscription, which no step can call", step.call),
                );
            }
            Some(schemas) => self.suits(step, &step.input, &schemas.input, &format!("{at}/input")),
            None => self.fault(&format!("{at}/call"), format!("there is no operation {}", step.call)),
        }
    }

    /// Whether all bindings within a value take from what there is; `list` is the `forEach` of its step.
    fn bindings(&mut self, value: &Value, at: &str, list: Option<&Value>) {
        for (pointer, reference) in sources(value, at) {
            if reference.malformed {
                let right = "has `$from`, and beside it only a JSON Pointer `pointer` and a `default`";
                self.fault(&pointer, format!("a binding {right}"));
            }
            match reference.source {
                Ok(Source::Item) if list.is_none() => {
                    self.fault(
                        &pointer,
                        "`item` is known only in the input of a step with `forEach`".to_owned(),
                    );
                }
                Ok(Source::Step(id)) if !self.declared.ids.contains(id) => {
                    self.fault(&pointer, format!("there is no step {id}"));
                }
                Err(text) => {
                    let right = "a binding takes from `input`, `item` or `steps.<id>`";
                    self.fault(&pointer, format!("{right}, not from `{text}`"));
                }
                _ => {
                    if let Given::Nothing(why) = self.declared.given(&reference, list) {
                        self.fault(&pointer, why);
                    }
                }
            }
        }
    }
}
