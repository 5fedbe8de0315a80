//! Compiled input validators. Faults name the place and what would be right, and never repeat the value:
//! it may be secret, and it may be large.

pub mod depth;
mod plan;
mod typed;

pub use alkhub_flow::child;
use jsonschema::{Draft, PatternOptions, ValidationOptions, Validator, error::ValidationErrorKind as Kind};
use serde::de::DeserializeOwned;
use serde_json::Value;

use self::plan::Plan;
use crate::error::{Fault, MAX_FAULTS};

/// A compiled JSON Schema 2020-12 with formats enforced.
#[derive(Debug)]
pub struct InputValidator {
    compiled: Validator,
    plan: Plan,
    schema: Value,
}

/// How every schema is understood.
fn options() -> ValidationOptions<'static> {
    jsonschema::options().with_draft(Draft::Draft202012).should_validate_formats(true)
}

impl InputValidator {
    /// Compiles a schema.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the schema.
    pub fn compile(schema: Value) -> Result<Self, String> {
        let compiled = options().build(&schema).map_err(|error| error.to_string())?;
        Ok(Self { compiled, plan: Plan::compile(&schema), schema })
    }

    /// Compiles a schema that a stranger wrote: it refers to nothing outside, and its patterns cannot backtrack for long.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the schema.
    pub fn compile_foreign(schema: Value) -> Result<Self, String> {
        let patterns = PatternOptions::fancy_regex().backtrack_limit(10_000).size_limit(1 << 20);
        let compiled =
            options().with_pattern_options(patterns).build(&schema).map_err(|error| error.to_string())?;
        Ok(Self { compiled, plan: Plan::unsure(), schema })
    }

    /// Reads JSON text into a type and checks it in the same pass, without building a value in between. `None` says
    /// nothing of the text: then [`InputValidator::check`] has to tell.
    #[must_use]
    pub fn read<T: DeserializeOwned>(&self, text: &[u8]) -> Option<T> {
        typed::read(&self.plan, text)
    }

    /// How deep text can be nested that [`InputValidator::read`] accepts; `None` where there is no bound.
    #[must_use]
    pub fn depth(&self) -> Option<usize> {
        self.plan.depth()
    }

    /// Checks a value and lists at most [`MAX_FAULTS`] faults.
    ///
    /// # Errors
    /// The faults, in the order in which the schema's keywords find them.
    pub fn check(&self, value: &Value) -> Result<(), Vec<Fault>> {
        if self.compiled.is_valid(value) {
            return Ok(());
        }
        let mut faults = Vec::new();
        for error in self.compiled.iter_errors(value) {
            self.describe(&error, &mut faults);
            if faults.len() >= MAX_FAULTS {
                break;
            }
        }
        faults.truncate(MAX_FAULTS);
        Err(faults)
    }

    fn describe(&self, error: &jsonschema::ValidationError<'_>, faults: &mut Vec<Fault>) {
        let at = error.instance_path().to_string();
        let keyword = error.kind().keyword().to_owned();
        let mut push = |pointer: String, message: String| {
            faults.push(Fault { pointer, message, keyword: Some(keyword.clone()) });
        };
        match error.kind() {
            Kind::Required { property } => {
                let name = property.as_str().unwrap_or_default();
                push(child(&at, name), "is required".to_owned());
            }
            Kind::AdditionalProperties { unexpected } => {
                let known = self.known_properties(&error.schema_path().to_string());
                for name in unexpected.iter().take(MAX_FAULTS) {
                    push(child(&at, name), unknown_property(name, &known));
                }
            }
            kind => push(at, sentence(kind)),
        }
    }

    /// Names declared beside the violated `additionalProperties`.
    fn known_properties(&self, schema_path: &str) -> Vec<String> {
        let Some(parent) = schema_path.strip_suffix("/additionalProperties") else { return Vec::new() };
        // A path through `$ref` continues behind the reference; only a direct one can be looked up.
        let node = if parent.is_empty() { Some(&self.schema) } else { self.schema.pointer(parent) };
        node.and_then(|node| node.get("properties"))
            .and_then(Value::as_object)
            .map(|properties| properties.keys().cloned().collect())
            .unwrap_or_default()
    }
}

fn unknown_property(name: &str, known: &[String]) -> String {
    if known.is_empty() {
        return "is not a known property".to_owned();
    }
    let begun = known.iter().find(|candidate| name.len() >= 3 && candidate.starts_with(name));
    if let Some(candidate) = begun {
        return format!("is not a known property; did you mean `{candidate}`?");
    }
    let near = known.iter().min_by_key(|candidate| distance(name, candidate));
    match near {
        Some(candidate) if distance(name, candidate) <= 1 + candidate.len() / 4 => {
            format!("is not a known property; did you mean `{candidate}`?")
        }
        _ => format!("is not a known property; known are {}", known.join(", ")),
    }
}

/// Edit distance; hostile lengths are cut.
fn distance(a: &str, b: &str) -> usize {
    let cut = |text: &str| text.chars().take(64).collect::<String>();
    strsim::damerau_levenshtein(&cut(a), &cut(b))
}

fn sentence(kind: &Kind) -> String {
    match kind {
        Kind::Type { kind: jsonschema::error::TypeKind::Single(name) } => format!("must be of type {name}"),
        Kind::Type { .. } => "is of the wrong type".to_owned(),
        Kind::Enum { options } => format!("must be one of {options}"),
        Kind::Constant { expected_value } => format!("must be {expected_value}"),
        Kind::Format { format } => format!("must be a valid {format}"),
        Kind::Pattern { pattern } => format!("must match the pattern {pattern}"),
        Kind::MinLength { limit } => format!("must have at least {limit} characters"),
        Kind::MaxLength { limit } => format!("must have at most {limit} characters"),
        Kind::MinItems { limit } => format!("must have at least {limit} items"),
        Kind::MaxItems { limit } => format!("must have at most {limit} items"),
        Kind::MinProperties { limit } => format!("must have at least {limit} properties"),
        Kind::MaxProperties { limit } => format!("must have at most {limit} properties"),
        Kind::Minimum { limit } => format!("must be at least {limit}"),
        Kind::Maximum { limit } => format!("must be at most {limit}"),
        Kind::ExclusiveMinimum { limit } => format!("must be greater than {limit}"),
        Kind::ExclusiveMaximum { limit } => format!("must be less than {limit}"),
        Kind::MultipleOf { multiple_of } => format!("must be a multiple of {multiple_of}"),
        Kind::UniqueItems => "must not have equal items".to_owned(),
        Kind::OneOfNotValid { .. } | Kind::AnyOf { .. } => "fits none of the allowed forms".to_owned(),
        Kind::OneOfMultipleValid { .. } => "fits more than one of the allowed forms".to_owned(),
        Kind::FalseSchema => "is not allowed".to_owned(),
        other => format!("violates `{}`", other.keyword()),
    }
}

/// JSON Schema calls 1.0 an integer (2020-12 core section 4.2.3), serde's integer types do not: writes integral
/// numbers without a fraction, everywhere in the value.
pub fn normalise_integers(value: &mut Value) {
    /// Up to here every integer has an exact `f64` (2^53).
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match value {
        Value::Number(number) if number.is_f64() => {
            if let Some(float) = number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() <= EXACT)
            {
                #[allow(clippy::cast_possible_truncation, reason = "integral and within 2^53")]
                {
                    *value = Value::from(float as i64);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(normalise_integers),
        Value::Object(map) => map.values_mut().for_each(normalise_integers),
        _ => {}
    }
}
