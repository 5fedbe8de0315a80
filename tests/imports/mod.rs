//! Imported services, against servers that do as they are told.

mod directory;
mod mcp;
mod openapi;
mod web;
