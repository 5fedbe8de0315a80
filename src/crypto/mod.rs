//! Encryption of secrets at rest: AES-256-GCM under a key derived from the master key.

mod sealed;

pub use sealed::{OpenError, SealError, Sealed, open, seal};
