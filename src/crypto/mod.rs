//! Encryption of secrets at rest: AES-256-GCM under a key derived from the master key.

mod data;
mod sealed;

pub use data::DataKey;
pub use sealed::{OpenError, SealError, Sealed, open, seal};
