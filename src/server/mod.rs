//! A running hub: started from a configuration, stopped gracefully.

mod accept;
mod announce;
mod error;
mod follow;
mod nudge;
mod record;
mod signal;
mod stall;
mod streams;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use alkhub_core::{Engine, Registry, engine::Observer, once::Answers};
use tokio::{net::TcpListener, task::JoinHandle, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use error::StartError;
use signal::Hangup;
pub(crate) use signal::StopSignals;

use self::{announce::Announcer, record::Record};
use crate::{
    bus::{self, Reach},
    calls::Calls,
    cluster::{self, Homes, Links},
    config::{Config, Live, Sources},
    events::{self, Events},
    hub::{Hub, Parts},
    idempotency::KeptAnswers,
    imports::{Connector, Imports, directory, mcp::Mcp, openapi::OpenApi},
    keys::{self, Bootstrap, KeyStore},
    llm::{self, Llm},
    outbound::{Guard, Outbound},
    rate::Limiter,
    reload::{self, Others, Reloader},
    spokes::Spokes,
    storage::Database,
    transport::{
        http::{self, HttpState, HubOperations, Metrics, OperationSet},
        mcp,
        ws::Sockets,
    },
    vault::Vault,
    web::Web,
};

/// A hub that serves.
pub struct Server {
    address: SocketAddr,
    first_key: Option<String>,
    stop: CancellationToken,
    /// Cancelled when the last spoke has left, which still wants to be written down.
    quiet: CancellationToken,
    serving: JoinHandle<bool>,
    tasks: TaskTracker,
    sockets: Sockets,
    /// Where several processes work together.
    homes: Option<Homes>,
    record: Option<Record>,
    announcer: Option<Announcer>,
    grace: Duration,
    engine: Engine,
    keys: KeyStore,
    events: Events,
    calls: Calls,
    database: Database,
    reloader: Reloader,
}

/// Longest that background tasks and connections to the database may take to end, each.
const TIDY: Duration = Duration::from_secs(5);
/// Longest that what was said last may take to get out, each.
const FAREWELL: Duration = Duration::from_secs(2);

/// Serves the hub's own operations until a signal asks to stop. The configuration came from these sources, and is read
/// again from there when the file changes, or when a signal or another process asks for it.
///
/// # Errors
/// What kept the hub from starting, and how to mend it.
pub async fn run(config: Config, sources: Sources) -> Result<(), StartError> {
    // Before the hub says that it serves: whoever waits for that word may stop it at once.
    let mut signals = StopSignals::listen()
        .map_err(|error| StartError::Internal(format!("signals cannot be heard: {error}")))?;
    let hangup = Hangup::listen()
        .map_err(|error| StartError::Internal(format!("signals cannot be heard: {error}")))?;
    let server = Server::start_from::<HubOperations>(config, Some(sources)).await?;
    server.heed(hangup);
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
        Box::pin(Self::start_from::<S>(config, None)).await
    }

    /// The same with a configuration that can be read again.
    ///
    /// # Errors
    /// What kept the hub from starting, and how to mend it.
    pub async fn start_from<S: OperationSet>(
        config: Config,
        sources: Option<Sources>,
    ) -> Result<Self, StartError> {
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
        nudge::start(&events, &bus, &tasks, &quiet).await;
        let heard = sockets.clone();
        events.each(&tasks, &quiet, move |event| heard.tell(event));
        let joined = cluster::join(&database, &spokes, &config.cluster, address, &tasks, &quiet).await;
        let node_id = joined.map_err(|error| StartError::Database(error.to_string()))?;
        let vault = Vault::of(&config).map_err(StartError::MasterKey)?;
        let outbound = Outbound::new(Guard::new(&config.outbound.allow), config.outbound.limits())
            .map_err(|error| StartError::Internal(error.to_string()))?;
        let shared = config.bucket_settings().map(|settings| {
            bus::buckets(&settings, config.rate.patience, &counters, &tasks, &quiet)
                .map_err(StartError::Config)
        });
        let shared = shared.transpose()?;
        let parts = llm::Parts {
            buckets: shared.clone(),
            data: &config.data,
            database: &database,
            vault: &vault,
            outbound: &outbound,
            bus: &bus,
            tasks: &tasks,
            quiet: &quiet,
        };
        let llm = Box::pin(Llm::start(config.llm_settings(), parts)).await.map_err(StartError::Config)?;
        metrics.include(llm.collectors()).map_err(|error| StartError::Internal(error.to_string()))?;
        let calls = Calls::start(&database, &config.calls, &node_id, &tasks, &quiet)
            .map_err(|error| StartError::Internal(error.to_string()))?;
        metrics.include(calls.collectors()).map_err(|error| StartError::Internal(error.to_string()))?;
        let imports = Imports::default();
        let openapi = OpenApi::new(&outbound).map_err(|error| StartError::Internal(error.to_string()))?;
        let live = Live::new(config);
        let config = live.full();
        let reloader = Reloader::new(live.clone(), sources);
        let others = Others::start(&bus, &node_id, reloader.clone(), &tasks, &stop).await;
        let mcp = Mcp::new(
            outbound.clone(),
            config.imports.stdio.clone(),
            config.spokes.registration().spec,
            database.clone(),
            tasks.clone(),
            quiet.clone(),
        );
        let web = Web::new(&outbound, &config.web).map_err(StartError::Config)?;
        let hub = Arc::new(Hub::new(Parts {
            database: database.clone(),
            keys: keys.clone(),
            spokes: spokes.clone(),
            events: events.clone(),
            bus: bus.clone(),
            imports: imports.clone(),
            mcp: mcp.clone(),
            web: web.clone(),
            outbound: outbound.clone(),
            llm: llm.clone(),
            calls: calls.clone(),
            vault: vault.clone(),
            node_id: node_id.clone(),
            reloader: reloader.clone(),
            others,
        }));
        let mut registry = Registry::new();
        S::register(&hub, &mut registry);
        llm::serve_raw(&registry, &llm);
        let limits = config.engine_limits();
        let answers = KeptAnswers::start(database.clone(), &config.idempotency, &tasks, &stop);
        let limiter = Arc::new(Limiter::new(&config.rate, shared));
        let observers: Vec<Arc<dyn Observer>> = vec![Arc::new(metrics.clone()), Arc::new(calls.clone())];
        let kept = Some(Arc::new(answers.clone()) as Arc<dyn Answers>);
        let engine = Engine::guarded(registry, limits, observers, kept, Some(limiter.clone()));
        let parts = follow::Parts {
            engine: engine.clone(),
            limiter,
            answers,
            events: events.clone(),
            calls: calls.clone(),
            spokes: spokes.clone(),
            sockets: sockets.clone(),
            outbound,
            mcp: mcp.clone(),
            web,
        };
        parts.follow(&live);
        // Where all that is said stays within the process, there are no others to speak with.
        let (mut homes, mut record, mut announcer) = (None, None, None);
        if bus.reach() == Reach::Local {
            record = Some(Record::start(&spokes, &database, &tasks, &quiet));
        } else {
            let links = Links::new(&node_id, bus.clone(), config.link_limits(), &tasks, &quiet);
            let held = links.clone();
            live.follow(move |config| held.set_limits(config.link_limits()));
            announcer = Some(Announcer::start(&database, &events, &bus, &tasks, &quiet));
            homes = Some(Homes::start(&database, &bus, links, &spokes, &engine, &tasks, &quiet).await);
        }
        if let Some(homes) = &homes {
            calls.share(homes);
        }
        let connectors: Vec<Arc<dyn Connector>> = vec![Arc::new(openapi.clone()), Arc::new(mcp)];
        imports.start(connectors, &database, &vault, &bus, &engine, &tasks, &stop).await;
        if let Some(path) = &config.directory.imports {
            directory::start(path.clone(), openapi, &engine, &tasks, &stop);
        }
        let state = HttpState {
            engine: engine.clone(),
            keys: keys.clone(),
            spokes,
            events: events.clone(),
            sockets: sockets.clone(),
            llm,
            database: database.clone(),
            config: live.clone(),
            bus,
            metrics,
            stopping: stop.clone(),
        };
        let mcp = mcp::Endpoint::start(state.clone(), &node_id, &tasks, &quiet).await;
        let routes = http::routes::<S>(&state, mcp).map_err(StartError::Config)?;
        let grace = config.server.shutdown_grace;
        let serving = tokio::spawn({
            let stop = stop.clone();
            async move { accept::serve(listener, routes, live, stop, grace).await }
        });
        tasks.spawn(stop.clone().run_until_cancelled_owned(reload::watch(reloader.clone())));
        tracing::info!(%address, "serving");
        Ok(Self {
            address,
            first_key,
            stop,
            quiet,
            serving,
            tasks,
            sockets,
            homes,
            record,
            announcer,
            grace,
            engine,
            keys,
            events,
            calls,
            database,
            reloader,
        })
    }

    /// Reads the configuration again whenever this signal comes, until the hub stops.
    fn heed(&self, mut hangup: Hangup) {
        let reloader = self.reloader.clone();
        self.tasks.spawn(self.stop.clone().run_until_cancelled_owned(async move {
            loop {
                hangup.next().await;
                reloader.reload("SIGHUP").await;
            }
        }));
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
        let withdraw = async {
            if let Some(homes) = &self.homes {
                homes.withdraw().await;
            }
        };
        // First the calls that came over HTTP, and those of other processes: they may wait for spokes.
        let (served, ()) = tokio::join!(self.serving, withdraw);
        let mut finished = served.unwrap_or(false);
        if let Some(homes) = &self.homes {
            let left = self.grace.saturating_sub(begun.elapsed());
            finished &= timeout(left, homes.links().idle()).await.is_ok();
        }
        let left = self.grace.saturating_sub(begun.elapsed());
        let finished = self.sockets.close(left).await && finished;
        if let Some(homes) = &self.homes {
            let _ = timeout(FAREWELL, homes.links().close()).await;
        }
        if let Some(record) = &self.record {
            let _ = timeout(FAREWELL, record.flush()).await;
        }
        // Calls with an idempotency key go on without their callers.
        let left = self.grace.saturating_sub(begun.elapsed());
        let idle = async {
            while self.engine.running() > 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let finished = timeout(left.max(Duration::from_millis(50)), idle).await.is_ok() && finished;
        // Nobody else may be there to number what was done last.
        let _ = timeout(TIDY, self.events.finish()).await;
        if let Some(announcer) = &self.announcer {
            let _ = timeout(FAREWELL, announcer.turn(true)).await;
        }
        // Before the process takes its leave, and with it whatever still seems to run.
        let _ = timeout(FAREWELL, self.calls.flush()).await;
        self.quiet.cancel();
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
