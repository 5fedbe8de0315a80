//! The call protocol over WebSocket, at `/ws`: authentication at the upgrade, everything else per call.

mod connection;
mod handshake;
mod sockets;

pub use connection::Connection;
pub use handshake::Upgrade;
pub use sockets::Sockets;
