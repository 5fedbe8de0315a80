//! The surfaces by which calls come in. They know the engine; the engine does not know them.

pub mod http;
