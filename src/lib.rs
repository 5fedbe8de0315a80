//! alkhub: one server through which people, programs and AI agents reach every capability of every connected machine.

pub mod bus;
pub mod cli;
pub mod cluster;
pub mod config;
mod convert;
mod convert_llm;
pub mod crypto;
pub mod events;
mod flow;
pub mod hub;
pub mod idempotency;
pub mod imports;
pub mod keys;
pub mod llm;
mod operations;
pub mod outbound;
pub mod rate;
pub mod reload;
pub mod search;
pub mod server;
pub mod spoke;
pub mod spokes;
pub mod storage;
pub mod telemetry;
pub mod transport;
pub mod vault;
pub mod web;
