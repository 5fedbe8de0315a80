//! What operations can follow each other: whether the output of one gives what the input of another takes.

mod graph;
mod profile;

pub use alkhub_flow::{Fault, Fit, Mismatch, close, fit, template};
pub use graph::{Binding, Edge, Graph, Place};
pub use profile::{Give, Profile, Take};
