//! Tests of code generation, in one target.

mod cli;
mod compile;
mod determinism;
mod diff;
mod docs;
mod fuzz;
mod snapshot;
mod support;
mod write;
mod wrong;
