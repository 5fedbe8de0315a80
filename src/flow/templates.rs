//! Templates between what is stored and what callers see.

use std::borrow::Cow;

use alkhub_api::{shared, templates::TEMPLATES};
use alkhub_core::{
    Call, CallError, Kind,
    error::Fault,
    flow::{
        close,
        template::{Schemas, Template, check},
    },
    spec::TemplateSpec,
    validate::InputValidator,
};

use super::is_visible;
use crate::storage::{
    Database, Page,
    page::decode_cursor,
    templates::{self, Template as Stored, Viewer},
    time::rfc3339,
};

/// A template that a caller may see.
pub(crate) enum Known {
    /// Declared in the repository: every hub has it.
    Declared(&'static TemplateSpec),
    /// Stored by somebody.
    Stored(Stored),
}

impl Known {
    /// Its name.
    #[must_use]
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Declared(spec) => spec.name,
            Self::Stored(stored) => &stored.name,
        }
    }

    fn definition(&self) -> Cow<'_, str> {
        match self {
            Self::Declared(spec) => spec.definition.into(),
            Self::Stored(stored) => stored.definition.as_str().into(),
        }
    }
}

/// The declared template of this name.
#[must_use]
pub(crate) fn declared(name: &str) -> Option<&'static TemplateSpec> {
    TEMPLATES.iter().find(|spec| spec.name == name)
}

/// The template of this name. One that was stored before the hub declared its name stays what it was for its owner; to
/// all others, who know the declared one by that name, it would be somebody else's.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub(crate) async fn find(database: &Database, cx: &Call, name: &str) -> Result<Option<Known>, CallError> {
    let stored = templates::get(database, &viewer(cx), name).await?.filter(|stored| is_itself(cx, stored));
    Ok(stored.map(Known::Stored).or_else(|| declared(name).map(Known::Declared)))
}

/// Whether a stored template is the one that a caller means by its name.
fn is_itself(cx: &Call, stored: &Stored) -> bool {
    declared(&stored.name).is_none() || owns(cx, stored)
}

/// Whether a caller has stored this template.
#[must_use]
pub(crate) fn owns(cx: &Call, stored: &Stored) -> bool {
    cx.identity().is_some_and(|caller| stored.owner.as_deref() == Some(&caller.id))
}

/// A page of templates by name.
///
/// # Errors
/// VALIDATION_ERROR for a bad cursor, UNAVAILABLE or EXECUTION_ERROR.
pub(crate) async fn list(
    database: &Database,
    cx: &Call,
    cursor: Option<&str>,
    limit: u64,
) -> Result<Page<Known>, CallError> {
    let after = cursor.map(decode_cursor).transpose()?;
    let stored = templates::list(database, &viewer(cx), after.as_deref(), limit.saturating_add(1)).await?;
    let declared: Vec<_> = TEMPLATES
        .iter()
        .filter(|spec| after.as_deref().is_none_or(|after| spec.name > after))
        .filter(|spec| !stored.iter().any(|stored| stored.name == spec.name && owns(cx, stored)))
        .map(Known::Declared)
        .collect();
    let stored = stored.into_iter().filter(|stored| is_itself(cx, stored));
    let mut known: Vec<_> = stored.map(Known::Stored).chain(declared).collect();
    known.sort_by(|one, other| one.name().cmp(other.name()));
    Ok(Page::of(known, limit, |known| known.name().to_owned()))
}

/// As whom a caller looks for templates.
fn viewer(cx: &Call) -> Viewer {
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
pub(crate) fn view(known: Known) -> Result<shared::Template, CallError> {
    let definition: serde_json::Value =
        serde_json::from_str(&known.definition()).map_err(|error| CallError::internal(&error))?;
    let mut view = match known {
        Known::Declared(spec) => serde_json::json!({
            "name": spec.name, "description": spec.description, "source": "declared", "shared": true,
        }),
        Known::Stored(stored) => {
            let mut view = serde_json::json!({
                "name": stored.name, "description": stored.description, "source": "stored",
                "shared": stored.shared, "createdAt": rfc3339(stored.created_at),
            });
            if let Some(owner) = stored.owner {
                view["owner"] = owner.into();
            }
            view
        }
    };
    view["definition"] = definition;
    serde_json::from_value(view).map_err(|error| CallError::internal(&error))
}

/// A definition that holds, for this caller: it is checked against the operations that it may call.
///
/// # Errors
/// VALIDATION_ERROR with what is wrong, by JSON Pointers into the input of `template.create`.
pub(crate) async fn checked(
    cx: &Call,
    definition: &shared::TemplateDefinition,
) -> Result<Template, CallError> {
    let written = serde_json::to_value(definition).map_err(|error| CallError::internal(&error))?;
    let cx = cx.clone();
    // Schemas and templates may be large; other calls go on meanwhile.
    let checking = tokio::task::spawn_blocking(move || check_written(&cx, written));
    checking.await.map_err(|error| CallError::internal(&error))?
}

fn check_written(cx: &Call, written: serde_json::Value) -> Result<Template, CallError> {
    let template: Template = serde_json::from_value(written)
        .map_err(|error| CallError::fault("/definition", error.to_string()))?;
    InputValidator::compile_foreign(template.input.clone())
        .map_err(|error| CallError::fault("/definition/input", format!("is no JSON Schema: {error}")))?;
    let faults = check(&template, |id| {
        let entry = cx.engine().registry().resolve(id, cx.identity())?;
        if !is_visible(cx, &entry) {
            return None;
        }
        let read = |text: &str| serde_json::from_str(text).map(|schema| close(&schema, &schema)).ok();
        Some(Schemas {
            input: read(entry.input_schema())?,
            output: read(entry.output_schema())?,
            subscription: entry.kind() == Kind::Subscription,
        })
    });
    if faults.is_empty() {
        return Ok(template);
    }
    let fault = |fault: alkhub_core::flow::Fault| Fault {
        pointer: format!("/definition{}", fault.pointer),
        message: fault.message,
        keyword: None,
    };
    Err(CallError::validation(faults.into_iter().map(fault).collect()))
}

/// What it calls.
///
/// # Errors
/// EXECUTION_ERROR where what is stored is none.
pub(crate) fn read(known: &Known) -> Result<Template, CallError> {
    serde_json::from_str(&known.definition()).map_err(|error| CallError::internal(&error))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declared_templates_have_a_form_and_an_input_that_the_hub_takes() {
        for spec in TEMPLATES {
            let template = read(&Known::Declared(spec)).expect(spec.name);
            InputValidator::compile_foreign(template.input).expect(spec.name);
        }
    }
}
