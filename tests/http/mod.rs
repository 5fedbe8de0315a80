//! The hub over HTTP.

mod access;
mod auth_coverage;
mod document;
mod errors;
mod events;
mod gateway;
mod graph;
mod keys;
mod lifecycle;
mod limits;
mod projects;
mod property;
mod resilience;
mod slow_readers;
mod slow_streams;
mod streams;
mod tracing;
