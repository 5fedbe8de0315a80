//! The typed configuration and its defaults.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::{Calls, Directory, Imports, Llm, Mcp, Outbound, Secret, Web};
use crate::rate::{OperationQuota, Quota};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// Everything the hub is told at its start.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where it listens and how it stops.
    pub server: Server,
    /// Directory of everything the hub keeps on disk.
    pub data: PathBuf,
    /// The database.
    pub database: Database,
    /// Redis, through which several processes hear each other.
    pub redis: Redis,
    /// This process among several.
    pub cluster: Cluster,
    /// Bounds on what a client may make the hub do.
    pub limits: Limits,
    /// Connections of the call protocol, and the spokes behind them.
    pub spokes: Spokes,
    /// How often callers may call.
    pub rate: Rate,
    /// Answers that are kept by idempotency key.
    pub idempotency: Idempotency,
    /// MCP clients.
    pub mcp: Mcp,
    /// The log of events and its readers.
    pub events: Events,
    /// The call graph.
    pub calls: Calls,
    /// Requests of the hub to other servers.
    pub outbound: Outbound,
    /// Requests to language models.
    pub llm: Llm,
    /// Directories that are read while the hub runs.
    pub directory: Directory,
    /// Imported services.
    pub imports: Imports,
    /// What agents look for on the web with.
    pub web: Web,
    /// Compression of answers.
    pub compression: Compression,
    /// Which web pages of other origins may call the hub.
    pub cors: Cors,
    /// `/metrics`.
    pub metrics: Metrics,
    /// `/docs` and `/openapi.json`.
    pub docs: Docs,
    /// What is logged and in which form.
    pub log: Log,
    /// Export of traces.
    pub telemetry: Telemetry,
    /// The master key of what is stored encrypted.
    pub secrets: Secrets,
    /// Presets the first admin key (`ALKHUB_BOOTSTRAP_KEY`): `alk_<id>_<secret>`.
    pub bootstrap_key: Option<Secret>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            server: Server::default(),
            data: PathBuf::from("data"),
            database: Database::default(),
            redis: Redis::default(),
            cluster: Cluster::default(),
            limits: Limits::default(),
            spokes: Spokes::default(),
            rate: Rate::default(),
            idempotency: Idempotency::default(),
            mcp: Mcp::default(),
            events: Events::default(),
            calls: Calls::default(),
            outbound: Outbound::default(),
            llm: Llm::default(),
            directory: Directory::default(),
            imports: Imports::default(),
            web: Web::default(),
            compression: Compression::default(),
            cors: Cors::default(),
            metrics: Metrics::default(),
            docs: Docs::default(),
            log: Log::default(),
            telemetry: Telemetry::default(),
            secrets: Secrets::default(),
            bootstrap_key: None,
        }
    }
}

impl Config {
    /// The database to open: the configured one, else the SQLite file under the data directory.
    #[must_use]
    pub fn database_url(&self) -> Secret {
        self.database.url.clone().unwrap_or_else(|| {
            // A URL path: `%`, `?` and `#` of a directory name would otherwise be read as URL syntax.
            let path = self.data.join("alkhub.db").to_string_lossy().into_owned();
            let path = path.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
            Secret::new(format!("sqlite://{path}?mode=rwc"))
        })
    }

    /// How the bus reaches Redis; `None` where it stays within the process.
    #[must_use]
    pub fn bus_settings(&self) -> Option<crate::bus::Settings> {
        let url = self.redis.pubsub_url.as_ref().or(self.redis.url.as_ref())?;
        Some(self.redis.settings(url))
    }

    /// Where calls are counted for all processes; `None` where each does it by itself.
    #[must_use]
    pub fn bucket_settings(&self) -> Option<crate::bus::Settings> {
        self.redis.url.as_ref().map(|url| self.redis.settings(url))
    }

    /// Bounds of a connection of the call protocol.
    #[must_use]
    pub fn peer_limits(&self) -> alkhub_core::peer::Limits {
        alkhub_core::peer::Limits {
            frame_bytes: self.spokes.message_bytes,
            buffer_hard: self.spokes.buffer_bytes,
            buffer_soft: self.spokes.buffer_bytes / 32,
            served: self.spokes.requests,
            pending: self.spokes.calls,
            json_depth: self.limits.json_depth,
            heartbeat: self.spokes.heartbeat,
            ..Default::default()
        }
    }

    /// Bounds of the links between processes. One that is silent is given up about when it is forgotten.
    #[must_use]
    pub fn link_limits(&self) -> alkhub_core::peer::Limits {
        alkhub_core::peer::Limits { heartbeat: self.cluster.heartbeat, ..self.peer_limits() }
    }

    /// Bounds and pauses of the log of events.
    #[must_use]
    pub fn event_settings(&self) -> crate::events::Settings {
        crate::events::Settings {
            poll: self.events.poll,
            ring: self.events.ring,
            patience: self.events.patience,
            position: self.limits.subscription_keep_alive,
            sweep: self.events.sweep,
            keep: crate::storage::retention::Keep {
                age: self.events.keep_for,
                count: self.events.keep_count,
                bytes: self.events.keep_bytes as u64,
            },
            custom: self.events.custom.clone(),
            payload_bytes: self.events.payload_bytes,
        }
    }

    /// Bounds of the engine.
    #[must_use]
    pub fn engine_limits(&self) -> alkhub_core::engine::Limits {
        alkhub_core::engine::Limits {
            call_timeout: self.limits.call_timeout,
            calls_in_flight: self.limits.calls_in_flight,
        }
    }

    /// How the storage opens the database.
    #[must_use]
    pub fn database_settings(&self) -> crate::storage::Settings {
        crate::storage::Settings {
            url: self.database_url(),
            max_connections: self.database.max_connections,
            acquire_timeout: self.database.acquire_timeout,
            connect_timeout: self.database.connect_timeout,
        }
    }
}

/// Where the hub listens and how it stops.
#[derive(Debug, Clone)]
pub struct Server {
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The URL by which clients reach the hub, where they do not reach it by what they say themselves.
    pub public_url: Option<String>,
    /// How long running calls may take to finish once the hub is told to stop.
    pub shutdown_grace: Duration,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            public_url: None,
            shutdown_grace: Duration::from_secs(15),
        }
    }
}

/// The database.
#[derive(Debug, Clone)]
pub struct Database {
    /// `sqlite://...` or `postgres://...`; without it the SQLite file under the data directory.
    pub url: Option<Secret>,
    /// Most connections open at once.
    pub max_connections: u32,
    /// How long a call waits for a connection to be made before it is answered with UNAVAILABLE.
    pub acquire_timeout: Duration,
    /// Longest time that connecting to Postgres may take.
    pub connect_timeout: Duration,
    /// Whether `serve` brings the schema up to date by itself.
    pub migrate: bool,
}

impl Default for Database {
    fn default() -> Self {
        Self {
            url: None,
            max_connections: 16,
            acquire_timeout: Duration::from_secs(2),
            connect_timeout: Duration::from_secs(5),
            migrate: true,
        }
    }
}

/// Redis, through which several processes hear each other.
#[derive(Debug, Clone)]
pub struct Redis {
    /// `redis://...` or `rediss://...`; without it a hub is one process.
    pub url: Option<Secret>,
    /// Another one for publishing and subscribing alone.
    pub pubsub_url: Option<Secret>,
    /// Stands before the name of every channel.
    pub prefix: String,
    /// Longest wait for a connection or an answer.
    pub timeout: Duration,
    /// Whether `/readyz` says no while Redis is away.
    pub required: bool,
}

impl Default for Redis {
    fn default() -> Self {
        Self {
            url: None,
            pubsub_url: None,
            prefix: String::new(),
            timeout: Duration::from_secs(2),
            required: false,
        }
    }
}

impl Redis {
    /// How one of the URLs is used.
    #[must_use]
    pub fn settings(&self, url: &Secret) -> crate::bus::Settings {
        crate::bus::Settings { url: url.clone(), prefix: self.prefix.clone(), timeout: self.timeout }
    }
}

/// This process among several.
#[derive(Debug, Clone)]
pub struct Cluster {
    /// What this process is called in `node.list`.
    pub name: Option<String>,
    /// How often it says in the database that it lives; after three times as long without a word it is forgotten.
    pub heartbeat: Duration,
}

impl Default for Cluster {
    fn default() -> Self {
        Self { name: None, heartbeat: Duration::from_secs(3) }
    }
}

/// Bounds on what a client may make the hub do.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Largest request body.
    pub body_bytes: usize,
    /// Largest request head.
    pub header_bytes: usize,
    /// Most headers of a request.
    pub headers: usize,
    /// Deepest nesting of a JSON body.
    pub json_depth: usize,
    /// How long a client may take to send the request head.
    pub header_timeout: Duration,
    /// How long a client may take to send the request body.
    pub body_timeout: Duration,
    /// How long a connection may stay open without a request.
    pub idle_timeout: Duration,
    /// Most connections open at once.
    pub connections: usize,
    /// Longest time a call may take, unless its operation declares a shorter one.
    pub call_timeout: Duration,
    /// Most queries and mutations that run at once, and an eighth of the most subscriptions; further ones are answered with UNAVAILABLE.
    pub calls_in_flight: u64,
    /// How long a client may leave unread what it is sent, before its connection is closed.
    pub write_timeout: Duration,
    /// How often a silent subscription sends a comment, so that proxies keep it open.
    pub subscription_keep_alive: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 2 * MIB,
            header_bytes: 16 * KIB,
            headers: 100,
            json_depth: 64,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(75),
            connections: 10_000,
            call_timeout: Duration::from_secs(60),
            calls_in_flight: 4096,
            write_timeout: Duration::from_secs(5 * 60),
            subscription_keep_alive: Duration::from_secs(15),
        }
    }
}

/// Connections of the call protocol, and the spokes behind them.
#[derive(Debug, Clone)]
pub struct Spokes {
    /// Most connections open at once.
    pub connections: usize,
    /// After so long without a sign of life a connection is asked for one; after twice as long it is closed.
    pub heartbeat: Duration,
    /// Largest message.
    pub message_bytes: usize,
    /// Most bytes that wait for a connection to read them, then it is cut off; and of the input of its running requests.
    pub buffer_bytes: usize,
    /// Most requests of a connection that run at once.
    pub requests: usize,
    /// Most calls that wait for a spoke's answer.
    pub calls: usize,
    /// Most operations of a spoke.
    pub operations: usize,
    /// Largest description of an operation.
    pub spec_bytes: usize,
}

impl Default for Spokes {
    fn default() -> Self {
        Self {
            connections: 20_000,
            heartbeat: Duration::from_secs(30),
            message_bytes: 8 * MIB,
            buffer_bytes: 32 * MIB,
            requests: 1024,
            calls: 4096,
            operations: 500,
            spec_bytes: 64 * KIB,
        }
    }
}

impl Spokes {
    /// Bounds of what spokes may register.
    #[must_use]
    pub fn registration(&self) -> crate::spokes::Limits {
        crate::spokes::Limits {
            operations: self.operations,
            spec: alkhub_core::registry::SpecLimits { bytes: self.spec_bytes, ..Default::default() },
            heartbeat: self.heartbeat,
        }
    }
}

/// How often callers may call.
#[derive(Debug, Clone)]
pub struct Rate {
    /// Calls of one key.
    pub key: Quota,
    /// Calls without a key, and refused credentials, of one client address.
    pub anonymous: Quota,
    /// Calls of some operations by one caller, in place of the above; the first pattern that fits.
    pub operations: Vec<OperationQuota>,
    /// Proxies before the hub that append to `X-Forwarded-For`.
    pub proxies: u32,
    /// How long a call waits for Redis to count it.
    pub patience: Duration,
}

impl Default for Rate {
    fn default() -> Self {
        let anonymous = Quota { calls: 6000, window: Duration::from_secs(60) };
        Self {
            key: Quota::OFF,
            anonymous,
            operations: Vec::new(),
            proxies: 0,
            patience: Duration::from_millis(100),
        }
    }
}

/// Answers that are kept by idempotency key.
#[derive(Debug, Clone)]
pub struct Idempotency {
    /// How long an answer is kept.
    pub keep: Duration,
    /// How long a process that serves such a call may be silent before the call is believed dead.
    pub lease: Duration,
}

impl Default for Idempotency {
    fn default() -> Self {
        Self { keep: Duration::from_secs(24 * 60 * 60), lease: Duration::from_secs(10) }
    }
}

/// The log of events and its readers.
#[derive(Debug, Clone)]
pub struct Events {
    /// Patterns of the types that callers may publish.
    pub custom: Vec<String>,
    /// Largest payload that callers may publish.
    pub payload_bytes: usize,
    /// How long events are kept.
    pub keep_for: Duration,
    /// How many events are kept.
    pub keep_count: u64,
    /// How many bytes of events are kept.
    pub keep_bytes: usize,
    /// How often what is not kept is deleted.
    pub sweep: Duration,
    /// How often to look for events of other processes; those of this process are seen at once.
    pub poll: Duration,
    /// Events kept in memory for readers; who is further behind reads them from the database.
    pub ring: usize,
    /// How long a reader may leave events unread before it is ended and has to resume.
    pub patience: Duration,
}

impl Default for Events {
    fn default() -> Self {
        Self {
            custom: vec!["custom.*".to_owned()],
            payload_bytes: 64 * KIB,
            keep_for: Duration::from_secs(7 * 24 * 60 * 60),
            keep_count: 1_000_000,
            keep_bytes: 1024 * MIB,
            sweep: Duration::from_secs(30),
            poll: Duration::from_millis(250),
            ring: 4096,
            patience: Duration::from_secs(30),
        }
    }
}

/// Compression of answers.
#[derive(Debug, Clone)]
pub struct Compression {
    /// Whether answers are compressed for clients that accept it.
    pub enabled: bool,
    /// Smallest answer worth compressing.
    pub min_bytes: usize,
}

impl Default for Compression {
    fn default() -> Self {
        Self { enabled: true, min_bytes: 1024 }
    }
}

/// Which web pages of other origins may call the hub. Off unless an origin is named.
#[derive(Debug, Clone)]
pub struct Cors {
    /// `https://app.example.org`, or `*` for any.
    pub allowed_origins: Vec<String>,
    /// How long a browser may remember the permission.
    pub max_age: Duration,
}

impl Default for Cors {
    fn default() -> Self {
        Self { allowed_origins: Vec::new(), max_age: Duration::from_secs(600) }
    }
}

/// `/metrics`.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    /// Whether it answers without a key.
    pub public: bool,
}

/// `/docs` and `/openapi.json`.
#[derive(Debug, Clone)]
pub struct Docs {
    /// Whether they are served.
    pub enabled: bool,
}

impl Default for Docs {
    fn default() -> Self {
        Self { enabled: true }
    }
}

/// What is logged and in which form.
#[derive(Debug, Clone)]
pub struct Log {
    /// A level, or directives such as `info,alkhub::http=debug`.
    pub filter: String,
    /// How a line looks.
    pub format: LogFormat,
}

impl Default for Log {
    fn default() -> Self {
        Self { filter: "info".to_owned(), format: LogFormat::Auto }
    }
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Pretty on a terminal, JSON otherwise.
    Auto,
    /// For people.
    Pretty,
    /// One JSON object a line.
    Json,
}

/// Export of traces over OTLP.
#[derive(Debug, Clone)]
pub struct Telemetry {
    /// Base URL of the collector, for example `http://127.0.0.1:4318`; without it nothing is exported.
    pub otlp_endpoint: Option<String>,
    /// Headers of each export, `name=value` separated by commas: where a collector wants a token.
    pub otlp_headers: Option<Secret>,
    /// The `service.name` of the traces.
    pub service_name: String,
    /// Share of traces that start here and are exported, 0 to 1.
    pub sample_ratio: f64,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self { otlp_endpoint: None, otlp_headers: None, service_name: "alkhub".to_owned(), sample_ratio: 1.0 }
    }
}

impl Telemetry {
    /// The headers of each export; a part that is not `name=value` is left out.
    pub fn headers(&self) -> impl Iterator<Item = (String, String)> {
        let text = self.otlp_headers.as_ref().map_or("", |headers| headers.expose());
        let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
        pairs.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
    }
}

/// The master key of what is stored encrypted.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    /// A file that holds the master key.
    pub master_key_file: Option<PathBuf>,
    /// The master key itself: from `ALKHUB_MASTER_KEY`, else read from the file.
    pub master_key: Option<Secret>,
}
