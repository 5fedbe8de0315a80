//! Importers: descriptions of foreign services become operations. Pure: what they need from outside is handed in, and what
//! they want to send is handed out.

pub mod file;
pub mod mcp;
pub mod openapi;
