//! Requests to other servers. Whatever a user can cause to be asked for goes through here: guarded against reaching
//! into private networks, bounded in size and time.

mod address;
mod guard;
mod send;

use std::time::Duration;

use alkhub_core::CallError;
use reqwest::{Client, ClientBuilder, redirect::Policy};

pub use guard::{Allowed, Guard};
pub use send::{Redirects, bounded, failure};

/// Bounds of requests to other servers.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Longest wait for a connection.
    pub connect_timeout: Duration,
    /// Longest silence of a server in the middle of an answer, and before it.
    pub read_timeout: Duration,
    /// Longest time of a whole request, where no stream is asked for.
    pub timeout: Duration,
    /// Largest answer that is read into memory.
    pub response_bytes: usize,
}

/// The one way out. Cheap to clone; its connections are shared.
#[derive(Clone, Debug)]
pub struct Outbound {
    guard: Guard,
    limits: Limits,
    client: Client,
}

impl Outbound {
    /// A way out under this guard.
    ///
    /// # Errors
    /// EXECUTION_ERROR where the system's certificates cannot be read.
    pub fn new(guard: Guard, limits: Limits) -> Result<Self, CallError> {
        let client = builder(&guard, &limits).build().map_err(|error| CallError::internal(&error))?;
        Ok(Self { guard, limits, client })
    }

    /// The same way out, which may also lead to this machine itself.
    ///
    /// # Errors
    /// As [`Outbound::new`].
    pub fn with_loopback(&self) -> Result<Self, CallError> {
        Self::new(self.guard.with_loopback(), self.limits.clone())
    }

    /// What decides where requests may go.
    #[must_use]
    pub fn guard(&self) -> &Guard {
        &self.guard
    }

    /// Its bounds.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// For a client of one's own, with a pool of its own: guarded where it resolves names, without redirects, proxies
    /// of the environment or a timeout for the whole. Each URL is to be checked with [`Guard::check`] before.
    pub fn builder(&self) -> ClientBuilder {
        builder(&self.guard, &self.limits)
    }

    /// The shared client, for building requests for [`Outbound::send`].
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }
}

fn builder(guard: &Guard, limits: &Limits) -> ClientBuilder {
    Client::builder()
        .user_agent(concat!("alkhub/", env!("CARGO_PKG_VERSION")))
        .dns_resolver(guard.clone())
        .redirect(Policy::none())
        // A proxy would resolve names for itself, past the guard.
        .no_proxy()
        .referer(false)
        .connect_timeout(limits.connect_timeout)
        .read_timeout(limits.read_timeout)
        .pool_idle_timeout(Duration::from_secs(60))
        .pool_max_idle_per_host(32)
        .tcp_nodelay(true)
}
