//! Services of others whose operations are the hub's.

mod mcp;
mod web;
