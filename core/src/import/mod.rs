//! Services of others as operations: what their own descriptions become here. Pure; nothing is asked of anybody.

pub mod mcp;
