//! Bounds of an import.

/// How much of a document becomes operations, and how large they may be.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most operations; what comes after is left out.
    pub operations: usize,
    /// Most bytes of an operation's input schema with all types that it needs.
    pub input: usize,
    /// Most bytes of an operation's output schema.
    pub output: usize,
    /// Most bytes of the schemas of an operation's errors, together.
    pub errors: usize,
    /// Most characters of an operation's description.
    pub description: usize,
    /// Most lines of the report; how many more there were is counted.
    pub report: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            operations: 5_000,
            input: 24 * 1024,
            output: 12 * 1024,
            errors: 6 * 1024,
            description: 2_000,
            report: 2_000,
        }
    }
}
