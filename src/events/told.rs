//! An event on its way to readers.

use std::sync::{Arc, OnceLock};

use alkhub_core::{CallError, engine::Shared};
use bytes::Bytes;

use crate::storage::events::Event;

/// An event, and its text, which the first reader makes for all of them.
#[derive(Debug)]
pub struct Told {
    /// What happened.
    pub event: Event,
    text: OnceLock<Arc<Shared>>,
}

impl Told {
    pub(super) fn new(event: Event) -> Arc<Self> {
        Arc::new(Self { event, text: OnceLock::new() })
    }

    /// The event as JSON text, which this function makes of it where nobody has asked before. There must be one such
    /// function: what it made first is everybody's.
    ///
    /// # Errors
    /// That of the function.
    pub fn text(
        &self,
        print: impl FnOnce(&Event) -> Result<Bytes, CallError>,
    ) -> Result<Arc<Shared>, CallError> {
        if let Some(text) = self.text.get() {
            return Ok(text.clone());
        }
        let text = Arc::new(Shared::new(print(&self.event)?));
        Ok(self.text.get_or_init(|| text).clone())
    }
}
