//! The hub over HTTP.

mod access;
mod auth_coverage;
mod document;
mod errors;
mod gateway;
mod keys;
mod limits;
mod lifecycle;
mod projects;
mod property;
mod streams;
mod tracing;
