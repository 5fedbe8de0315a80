//! End-to-end tests: a real hub on a real socket, on every database that the environment offers.

mod base;
mod bus;
mod calls;
mod cli;
mod http;
mod imports;
mod layering;
mod limits;
mod llm;
mod mcp;
mod spokes;
mod storage;
mod support;
