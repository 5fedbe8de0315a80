//! What a caller may repeat without harm, and how often it may call.

mod config;
mod crash;
mod once;
mod rates;
mod reload;
pub(crate) mod shared;
mod transports;
