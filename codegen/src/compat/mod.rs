//! Changes of the contract.
