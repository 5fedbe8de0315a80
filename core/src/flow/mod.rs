//! What operations can follow each other: whether the output of one gives what the input of another takes.

mod closed;
mod fit;
mod graph;
mod profile;
mod spot;
pub mod template;

pub use closed::close;
pub use fit::{Fit, Mismatch, fit};
pub use graph::{Binding, Edge, Graph, Place};
pub use profile::{Give, Profile, Take};
