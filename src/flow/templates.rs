//! Templates between what is stored and what callers see.

use alkhub_api::shared;
use alkhub_core::{
    Call, CallError,
    flow::{
        close,
        template::{Schemas, Template, check},
    },
    validate::InputValidator,
};

use super::is_visible;
use crate::storage::{
    templates::{Template as Stored, Viewer},
    time::rfc3339,
};

/// As whom a caller looks for templates.
#[must_use]
pub(crate) fn viewer(cx: &Call) -> Viewer {
    match cx.identity() {
        Some(identity) if identity.is_admin() => Viewer::Admin,
        Some(identity) => Viewer::Key(identity.id.clone()),
        None => Viewer::Nobody,
    }
}

/// A template as callers see it.
///
/// # Errors
/// EXECUTION_ERROR where what is stored is none.
pub(crate) fn view(stored: Stored) -> Result<shared::Template, CallError> {
    let view = serde_json::json!({
        "name": stored.name,
        "description": stored.description,
        "shared": stored.shared,
        "definition": serde_json::from_str::<serde_json::Value>(&stored.definition)
            .map_err(|error| CallError::internal(&error))?,
        "createdAt": rfc3339(stored.created_at),
    });
    let mut view: shared::Template =
        serde_json::from_value(view).map_err(|error| CallError::internal(&error))?;
    view.owner = stored.owner;
    Ok(view)
}

/// A definition that holds, for this caller: it is checked against the operations that it may call.
///
/// # Errors
/// VALIDATION_ERROR with all faults, by JSON Pointers into the input of `template.create`.
pub(crate) fn checked(cx: &Call, definition: &shared::TemplateDefinition) -> Result<Template, CallError> {
    let written = serde_json::to_value(definition).map_err(|error| CallError::internal(&error))?;
    let template: Template = serde_json::from_value(written)
        .map_err(|error| CallError::fault("/definition", error.to_string()))?;
    InputValidator::compile_foreign(template.input.clone())
        .map_err(|error| CallError::fault("/definition/input", format!("is no JSON Schema: {error}")))?;
    let mut faults = check(&template, |id| {
        let entry = cx.engine().registry().resolve(id, cx.identity())?;
        if !is_visible(cx, &entry) {
            return None;
        }
        let read = |text: &str| serde_json::from_str(text).map(|schema| close(&schema, &schema)).ok();
        Some(Schemas { input: read(entry.input_schema())?, output: read(entry.output_schema())? })
    });
    if faults.is_empty() {
        return Ok(template);
    }
    for fault in &mut faults {
        fault.pointer.insert_str(0, "/definition");
    }
    Err(CallError::validation(faults))
}

/// The definition that is stored.
///
/// # Errors
/// EXECUTION_ERROR where it is none.
pub(crate) fn read(stored: &Stored) -> Result<Template, CallError> {
    serde_json::from_str(&stored.definition).map_err(|error| CallError::internal(&error))
}

/// Checks the input of a run.
///
/// # Errors
/// VALIDATION_ERROR, by JSON Pointers into the input of `template.run`.
pub(crate) fn check_input(template: &Template, input: &serde_json::Value) -> Result<(), CallError> {
    let validator = InputValidator::compile_foreign(template.input.clone())
        .map_err(|error| CallError::internal(&error))?;
    validator.check(input).map_err(|mut faults| {
        for fault in &mut faults {
            fault.pointer.insert_str(0, "/input");
        }
        CallError::validation(faults)
    })
}
