//! From what a reader asks for to a filter, which never lets more through than the reader may see.

use alkhub_core::{CallError, Identity};

use super::Events;
use crate::storage::{events::Filter, pattern::Pattern};

/// What a reader asks for.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// Patterns of types; none means all.
    pub types: Option<Vec<String>>,
    /// About this.
    pub id: Option<String>,
    /// Of this project.
    pub project: Option<String>,
    /// Of this session.
    pub session: Option<String>,
}

impl Events {
    /// The filter of a reader.
    ///
    /// # Errors
    /// VALIDATION_ERROR where a pattern is none, which the operations' schemas rule out but for their length.
    pub fn filter(&self, identity: Option<&Identity>, asked: Asked) -> Result<Filter, CallError> {
        let types = asked.types.filter(|types| !types.is_empty()).unwrap_or_else(|| vec!["*".to_owned()]);
        let parsed = types.iter().enumerate().map(|(at, text)| {
            Pattern::parse(text).ok_or_else(|| {
                CallError::fault(
                    format!("/types/{at}"),
                    "must be a type such as `project.created`, `project.*` or `*`",
                )
            })
        });
        Ok(Filter {
            types: parsed.collect::<Result<_, _>>()?,
            visible: self.types().visible(identity),
            key: asked.id,
            project: asked.project,
            session: asked.session,
        })
    }
}
