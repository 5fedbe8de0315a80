//! The base spoke: serves the operations of one directory to a hub.

mod connect;
mod describe;
mod session;

pub use connect::{ConnectError, client, connect, endpoint};
pub use session::{Event, GaveUp, Registered, Rejected, Settings, run};
