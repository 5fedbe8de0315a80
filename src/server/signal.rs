//! The signals that ask the hub to stop, and to read its configuration again.

use std::io::{self, IsTerminal};

use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGINT and SIGTERM. From its making on they are heard, and no longer end the process by themselves.
pub(crate) struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
}

impl StopSignals {
    /// Begins to listen.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Ends at the next signal.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// SIGHUP, which asks for the configuration to be read again. At a terminal it means that the terminal is gone, and ends
/// the hub as it does other programs.
pub(crate) struct Hangup {
    signal: Option<Signal>,
}

impl Hangup {
    /// Begins to listen, but for a program at a terminal.
    pub(crate) fn listen() -> io::Result<Self> {
        let signal = if io::stdin().is_terminal() { None } else { Some(signal(SignalKind::hangup())?) };
        Ok(Self { signal })
    }

    /// Ends at the next signal.
    pub(crate) async fn next(&mut self) {
        let came = match &mut self.signal {
            Some(signal) => signal.recv().await.is_some(),
            None => false,
        };
        if !came {
            std::future::pending::<()>().await;
        }
    }
}
