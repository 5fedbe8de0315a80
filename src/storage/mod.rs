//! State that outlives the process, in SQLite or Postgres. This folder alone knows sea-orm.

pub mod audit;
pub mod calls;
mod connect;
mod entity;
mod error;
pub mod events;
pub mod idempotency;
pub mod keys;
pub mod llm;
mod migrate;
pub mod nodes;
mod opening;
pub mod outbox;
pub mod page;
pub mod pattern;
mod pool;
pub mod projects;
mod receipt;
pub mod retention;
pub mod services;
pub mod spoke_homes;
pub mod time;

pub use connect::{Database, Settings};
pub use migrate::Step;
pub use page::Page;
pub use receipt::Receipt;
