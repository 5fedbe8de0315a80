//! The hub over HTTP.

mod access;
mod auth_coverage;
mod document;
mod errors;
mod gateway;
mod keys;
mod lifecycle;
mod limits;
mod projects;
mod property;
mod resilience;
mod streams;
mod tracing;
