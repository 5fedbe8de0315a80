//! HTTP services from OpenAPI documents.

mod auth;
mod calls;
mod faults;
mod manage;
pub(super) mod service;
