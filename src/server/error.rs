//! Why a hub did not start, and how to mend it.

use std::{io, net::SocketAddr};

/// Why a hub did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {}", listen_hint(.source, *.address))]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's word.
        source: io::Error,
    },
    /// The database cannot be opened or migrated.
    #[error("cannot use the database: {0}\n`alkhub doctor` looks for the cause")]
    Database(String),
    /// Migrations are pending and may not be run.
    #[error("the database is not migrated and --no-migrate was given; run `alkhub migrate up` first")]
    Unmigrated,
    /// The first key cannot be made.
    #[error("cannot prepare the admin key: {0}")]
    Keys(String),
    /// The master key cannot be read or made.
    #[error("cannot prepare the master key: {0}")]
    MasterKey(String),
    /// The configuration asks for something impossible.
    #[error("{0}\n`alkhub config check` shows where each value comes from")]
    Config(String),
    /// A fault of the program.
    #[error("the hub is at fault: {0}")]
    Internal(String),
}

fn listen_hint(source: &io::Error, address: SocketAddr) -> String {
    match source.kind() {
        io::ErrorKind::AddrInUse => format!(
            "the port is taken, perhaps by another alkhub\nchoose another one with --listen {}:{}, or stop the other program",
            address.ip(),
            address.port().saturating_add(1)
        ),
        io::ErrorKind::PermissionDenied => {
            "not permitted; ports below 1024 need a privilege\nchoose a higher one with --listen".to_owned()
        }
        io::ErrorKind::AddrNotAvailable => {
            "this machine has no such address\nuse 127.0.0.1, or 0.0.0.0 for all".to_owned()
        }
        _ => source.to_string(),
    }
}
