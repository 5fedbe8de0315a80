//! A running hub: started from a configuration, stopped gracefully.

mod accept;
mod error;
mod nudge;
mod signal;
mod spread;
mod stall;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use alkhub_core::{
    Engine, Registry,
    engine::{Limits as EngineLimits, Observer},
    rate::RateLimiter,
};
use tokio::{net::TcpListener, task::JoinHandle, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use error::StartError;
pub(crate) use signal::StopSignals;

use crate::{
    bus::{self, Reach},
    cluster::{self, Homes, Links},
    config::Config,
    events::{self, Events},
    hub::Hub,
    idempotency::KeptAnswers,
    keys::{self, Bootstrap, KeyStore},
    rate::Limiter,
    spokes::Spokes,
    storage::Database,
    transport::{
        http::{self, HttpState, HubOperations, Metrics, OperationSet},
        mcp,
        ws::Sockets,
    },
};

/// A hub that serves.
pub struct Server {
    address: SocketAddr,
    first_key: Option<String>,
    stop: CancellationToken,
    /// Cancelled when the last spoke has left; signals of that still want to be spread.
    quiet: CancellationToken,
    serving: JoinHandle<bool>,
    tasks: TaskTracker,
    sockets: Sockets,
    grace: Duration,
    engine: Engine,
    keys: KeyStore,
    events: Events,
    database: Database,
}

/// Longest that background tasks and connections to the database may take to end, each.
const TIDY: Duration = Duration::from_secs(5);

/// Serves the hub's own operations until a signal asks to stop.
///
/// # Errors
/// What kept the hub from starting, and how to mend it.
pub async fn run(config: Config) -> Result<(), StartError> {
    // Before the hub says that it serves: whoever waits for that word may stop it at once.
    let mut signals = StopSignals::listen()
        .map_err(|error| StartError::Internal(format!("signals cannot be heard: {error}")))?;
    let server = Server::start::<HubOperations>(config).await?;
    // The one time that the key is shown, and not by way of the log.
    if let Some(key) = &server.first_key {
        say(&format!("alkhub made the first admin key. It is shown this once; keep it safe:\n\n  {key}\n"));
    }
    say(&format!("alkhub {} serves on http://{}", env!("CARGO_PKG_VERSION"), server.address));
    signals.next().await;
    tracing::info!("stopping; running calls may finish");
    tokio::select! {
        finished = server.stop() => {
            if !finished {
                tracing::warn!("stopped before all running calls had finished");
            }
        }
        () = signals.next() => tracing::warn!("stopped at once, by a second signal"),
    }
    Ok(())
}

/// For the person at the terminal. A closed standard output is no reason to stop.
fn say(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stdout(), "{text}");
}

impl Server {
    /// Starts to serve a set of operations.
    ///
    /// # Errors
    /// What kept the hub from starting, and how to mend it.
    pub async fn start<S: OperationSet>(config: Config) -> Result<Self, StartError> {
        // The port first: a second hub by mistake should fail before it touches the database.
        let listener = TcpListener::bind(config.server.listen)
            .await
            .map_err(|source| StartError::Listen { address: config.server.listen, source })?;
        let address = listener
            .local_addr()
            .map_err(|source| StartError::Listen { address: config.server.listen, source })?;
        // Boxed, as all that happens once: it would make every future around it large.
        let database = Box::pin(open(&config)).await?;
        let preset = config.bootstrap_key.as_ref().map(|key| key.expose().to_owned());
        let first_key = match Box::pin(keys::ensure_admin(&database, preset.as_deref())).await {
            Ok(Bootstrap::Created { token }) => Some(token),
            Ok(_) => None,
            Err(error) => return Err(StartError::Keys(error.to_string())),
        };
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        // What calls that are allowed to finish still need ends after them.
        let quiet = CancellationToken::new();
        let keys = KeyStore::start(database.clone(), &tasks, &quiet);
        let metrics = Metrics::new().map_err(|error| StartError::Internal(error.to_string()))?;
        let signs = events::Signs::new().map_err(|error| StartError::Internal(error.to_string()))?;
        metrics.include(signs.collectors()).map_err(|error| StartError::Internal(error.to_string()))?;
        let events = Events::start(database.clone(), config.event_settings(), signs, &tasks, &quiet)
            .await
            .map_err(|error| StartError::Database(error.to_string()))?;
        let spokes = Spokes::new(config.spokes.registration());
        let sockets = Sockets::new(config.peer_limits(), config.spokes.connections);
        let (mut news, held) = (keys.news(), sockets.clone());
        tasks.spawn(quiet.clone().run_until_cancelled_owned(async move {
            while news.changed().await.is_ok() {
                held.recheck();
            }
        }));
        let counters = bus::Counters::new().map_err(|error| StartError::Internal(error.to_string()))?;
        metrics.include(counters.all()).map_err(|error| StartError::Internal(error.to_string()))?;
        let bus = bus::start(config.bus_settings().as_ref(), &counters, &tasks, &quiet)
            .map_err(StartError::Config)?;
        spread::start(&spokes, &bus, &sockets, &tasks, &quiet).await;
        nudge::start(&events, &bus, &tasks, &quiet).await;
        let heard = sockets.clone();
        events.each(&tasks, &quiet, move |event| heard.tell(event));
        let joined = cluster::join(&database, &spokes, &config.cluster, address, &tasks, &quiet).await;
        let node_id = joined.map_err(|error| StartError::Database(error.to_string()))?;
        let hub = Arc::new(Hub::new(
            database.clone(),
            keys.clone(),
            spokes.clone(),
            events.clone(),
            bus.clone(),
            node_id.clone(),
        ));
        let mut registry = Registry::new();
        S::register(&hub, &mut registry);
        let limits = EngineLimits {
            call_timeout: config.limits.call_timeout,
            calls_in_flight: config.limits.calls_in_flight,
        };
        let answers = KeptAnswers::start(database.clone(), &config.idempotency, &tasks, &stop);
        let limiter = Limiter::new(&config.rate).map(|limiter| Arc::new(limiter) as Arc<dyn RateLimiter>);
        let observers: Vec<Arc<dyn Observer>> = vec![Arc::new(metrics.clone())];
        let engine = Engine::guarded(registry, limits, observers, Some(Arc::new(answers)), limiter);
        // Where all that is said stays within the process, there are no others to speak with.
        if bus.reach() != Reach::Local {
            let links = Links::new(&node_id, bus.clone(), config.link_limits(), &tasks, &quiet);
            Homes::start(&database, &bus, links, &spokes, &engine, &tasks, &quiet).await;
        }
        let config = Arc::new(config);
        let state = HttpState {
            engine: engine.clone(),
            keys: keys.clone(),
            spokes,
            events: events.clone(),
            sockets: sockets.clone(),
            database: database.clone(),
            config: config.clone(),
            bus,
            metrics,
            stopping: stop.clone(),
        };
        let mcp = mcp::Endpoint::start(state.clone(), &node_id, &tasks, &quiet).await;
        let routes = http::routes::<S>(&state, mcp).map_err(StartError::Config)?;
        let grace = config.server.shutdown_grace;
        let serving = tokio::spawn({
            let stop = stop.clone();
            async move { accept::serve(listener, routes, &config.limits, stop, grace).await }
        });
        tracing::info!(%address, "serving");
        Ok(Self {
            address,
            first_key,
            stop,
            quiet,
            serving,
            tasks,
            sockets,
            grace,
            engine,
            keys,
            events,
            database,
        })
    }

    /// Where the hub listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The admin key that this start made, if it was the first.
    #[must_use]
    pub fn first_key(&self) -> Option<&str> {
        self.first_key.as_deref()
    }

    /// Stops gracefully; answers whether all running calls finished in time.
    pub async fn stop(self) -> bool {
        self.stop.cancel();
        let begun = std::time::Instant::now();
        self.sockets.refuse_new();
        // First the calls that came over HTTP: they may wait for spokes.
        let finished = self.serving.await.unwrap_or(false);
        let left = self.grace.saturating_sub(begun.elapsed());
        let finished = self.sockets.close(left).await && finished;
        // Calls with an idempotency key go on without their callers.
        let left = self.grace.saturating_sub(begun.elapsed());
        let idle = async {
            while self.engine.running() > 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let finished = timeout(left.max(Duration::from_millis(50)), idle).await.is_ok() && finished;
        self.quiet.cancel();
        // Nobody else may be there to number what was done last.
        let _ = timeout(TIDY, self.events.finish()).await;
        self.keys.flush().await;
        self.tasks.close();
        for tidied in [timeout(TIDY, self.tasks.wait()).await, timeout(TIDY, self.database.close()).await] {
            if tidied.is_err() {
                tracing::warn!("something still ran in the background, and was left");
            }
        }
        finished
    }
}

async fn open(config: &Config) -> Result<Database, StartError> {
    let database = Database::connect(&config.database_settings())
        .await
        .map_err(|error| StartError::Database(error.to_string()))?;
    if config.database.migrate {
        let applied = database.migrate().await.map_err(|error| StartError::Database(error.to_string()))?;
        if !applied.is_empty() {
            tracing::info!(steps = applied.len(), "database migrated");
        }
    } else if !database.pending().await.map_err(|error| StartError::Database(error.to_string()))?.is_empty() {
        return Err(StartError::Unmigrated);
    }
    Ok(database)
}
