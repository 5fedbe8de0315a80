//! Where the calls that a repeated call makes get their answers (ADR 0061).

use std::sync::Arc;

use crate::{
    CallError,
    call::Repeat,
    engine::{Input, Output},
    registry::Entry,
};

/// What becomes of a call that a repeated call makes.
pub enum Told {
    /// It is not made; this came of it when it was.
    Answer {
        /// The recorded call; `None` where it is refused.
        of: Option<Repeat>,
        /// Its output or error.
        answer: Result<Output, CallError>,
    },
    /// It is made.
    Run {
        /// The recorded call that it repeats.
        repeats: Option<Repeat>,
        /// What answers the calls that it makes in turn; `None` where all of them are made.
        script: Option<Arc<dyn Script>>,
        /// Another input.
        input: Option<Input>,
    },
}

/// Answers the calls that one repeated call makes. Calls that are no nodes of the graph pass it on.
pub trait Script: Send + Sync {
    /// What becomes of a call; `ordinal` is its place among its parent's calls.
    fn next(self: Arc<Self>, entry: &Entry, ordinal: u32, input: &Input) -> Told;
}
