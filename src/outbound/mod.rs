//! Requests to other servers. Whatever a user can cause to be asked for goes through here: guarded against reaching
//! into private networks, bounded in size and time.

mod address;
mod guard;
mod send;

use std::{sync::Arc, time::Duration};

use alkhub_core::CallError;
use arc_swap::ArcSwap;
use reqwest::{Client, ClientBuilder, Url, redirect::Policy};

pub use guard::{Allowed, Guard};
pub use send::{Redirects, bounded, failure};

/// Connections to one server that are kept open while they are not used.
const IDLE: usize = 256;

/// Bounds of requests to other servers.
#[derive(Clone, Copy, Debug)]
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

/// The one way out. Cheap to clone; its connections are shared. Whoever has one cannot get round its guard: a request is
/// judged where it is sent, as a whole and with its URL as it was given.
#[derive(Clone, Debug)]
pub struct Outbound {
    guard: Guard,
    /// The same for all that are made of one.
    limits: Arc<ArcSwap<Limits>>,
    client: Client,
}

impl Outbound {
    /// A way out under this guard.
    ///
    /// # Errors
    /// EXECUTION_ERROR where the system's certificates cannot be read.
    pub fn new(guard: Guard, limits: Limits) -> Result<Self, CallError> {
        let silence = limits.read_timeout;
        Self::of(guard, Arc::new(ArcSwap::from_pointee(limits)), silence)
    }

    fn of(guard: Guard, limits: Arc<ArcSwap<Limits>>, silence: Duration) -> Result<Self, CallError> {
        let client = builder(&guard, &limits.load()).read_timeout(silence).build();
        Ok(Self { guard, limits, client: client.map_err(|error| CallError::internal(&error))? })
    }

    /// What the operator allows and how long requests may take is this from now on, also for those that were made of this
    /// one. How long connections are waited for, and silence is, stays as it was.
    pub fn set(&self, allowed: &[Allowed], limits: Limits) {
        self.guard.set(allowed);
        let held = self.limits.load();
        let Limits { connect_timeout, read_timeout, .. } = **held;
        self.limits.store(Arc::new(Limits { connect_timeout, read_timeout, ..limits }));
    }

    /// The same way out, which may also lead to this machine itself.
    ///
    /// # Errors
    /// As [`Outbound::new`].
    pub fn with_loopback(&self) -> Result<Self, CallError> {
        self.with(self.guard.with_loopback())
    }

    /// The same way out under another guard.
    ///
    /// # Errors
    /// As [`Outbound::new`].
    pub fn with(&self, guard: Guard) -> Result<Self, CallError> {
        Self::of(guard, self.limits.clone(), self.limits().read_timeout)
    }

    /// What decides where requests may go.
    #[must_use]
    pub fn guard(&self) -> &Guard {
        &self.guard
    }

    /// Its bounds, as they are now.
    #[must_use]
    pub fn limits(&self) -> Limits {
        **self.limits.load()
    }

    /// The same way out for streams, which may be silent for so long; its connections are its own.
    ///
    /// # Errors
    /// As [`Outbound::new`].
    pub fn with_silence(&self, silence: Duration) -> Result<Self, CallError> {
        Self::of(self.guard.clone(), self.limits.clone(), silence)
    }

    /// A client for a library that sends its requests by itself, all of them to this URL: judged here, guarded where it
    /// resolves names, without redirects, proxies of the environment or a timeout for the whole.
    ///
    /// # Errors
    /// OUTBOUND_REFUSED, or as [`Outbound::new`].
    pub fn client_for(&self, url: &Url, silence: Duration, idle: usize) -> Result<Client, CallError> {
        self.guard.check(url)?;
        let client = builder(&self.guard, &self.limits()).read_timeout(silence).pool_max_idle_per_host(idle);
        client.build().map_err(|error| CallError::internal(&error))
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
        .pool_idle_timeout(Duration::from_secs(60))
        .pool_max_idle_per_host(IDLE)
        .tcp_nodelay(true)
}
