//! Which spokes are connected to which process: said in the database, followed from there. What goes over the bus only
//! says when to look.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use alkhub_core::{CallError, Engine, error::codes, protocol};
use futures::{FutureExt, StreamExt};
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{FAREWELL, Links, vitals};
use crate::{
    bus::{self, Bus, Subscription},
    convert::signed,
    spokes::{Spoke, Spokes},
    storage::{
        Database,
        spoke_homes::{self, Home},
    },
};

/// Type of the message: homes have changed.
const CHANGED: &str = "hub.spokes";
/// The longest that a change goes unnoticed of which nothing was heard.
const POLL: Duration = Duration::from_secs(2);

/// Changes within so long are looked at together.
const TOGETHER: Duration = Duration::from_millis(20);
/// After the database was away, other processes have so long to say that they live before one counts as dead.
const LENIENT: Duration = Duration::from_secs(5);

enum News {
    Came,
    /// The id of a spoke and the epoch of its connection.
    Left(Arc<str>, i64),
}

/// The homes of all spokes, as far as this process has to do with them. Cheap to clone.
#[derive(Clone)]
pub struct Homes {
    inner: Arc<Inner>,
}

struct Inner {
    database: Database,
    bus: Arc<dyn Bus>,
    node_id: Arc<str>,
    links: Links,
    /// Spokes that are entered and not yet in place.
    claiming: AtomicUsize,
    /// This process stops, and has no homes any more, though its spokes are connected for a while yet.
    withdrawn: AtomicBool,
    /// One entry for each spoke that comes or goes, of which the database sets the pace.
    news: mpsc::UnboundedSender<News>,
}

/// A spoke that has been entered. While this lives, nobody misses the spoke here.
pub struct Claim {
    /// Of its connection.
    pub epoch: i64,
    homes: Homes,
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.homes.inner.claiming.fetch_sub(1, Ordering::AcqRel);
        let _ = self.homes.inner.news.send(News::Came);
    }
}

/// What is known so far.
#[derive(Default)]
struct View {
    /// Value of the counter at the last look; `None` where all is to be read again.
    revision: Option<i64>,
    living: Vec<String>,
    /// When the database was last found away.
    away: Option<Instant>,
}

impl Homes {
    /// Follows the homes of all spokes until `stop` is cancelled, and serves other processes with this engine.
    pub async fn start(
        database: &Database,
        bus: &Arc<dyn Bus>,
        links: Links,
        spokes: &Spokes,
        engine: &Engine,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> Self {
        links.serve(engine).await;
        let heard = bus.subscribe(&bus::topic(CHANGED, "")).await;
        let (news, waiting) = mpsc::unbounded_channel();
        let inner = Inner {
            database: database.clone(),
            bus: bus.clone(),
            node_id: links.node_id(),
            links,
            claiming: AtomicUsize::new(0),
            withdrawn: AtomicBool::new(false),
            news,
        };
        let homes = Self { inner: Arc::new(inner) };
        spokes.share(homes.clone());
        vitals::start(spokes, bus, &homes.node_id(), tasks, stop).await;
        let following = homes.clone().follow(heard, waiting, spokes.clone(), engine.clone());
        tasks.spawn(stop.clone().run_until_cancelled_owned(following));
        homes
    }

    /// Id of this process.
    #[must_use]
    pub fn node_id(&self) -> Arc<str> {
        self.inner.node_id.clone()
    }

    /// The links to other processes.
    #[must_use]
    pub fn links(&self) -> &Links {
        &self.inner.links
    }

    /// Enters a spoke that connects here; `None` where its id is that of another key's.
    ///
    /// # Errors
    /// UNAVAILABLE or EXECUTION_ERROR.
    pub async fn claim(&self, home: Home, any: bool) -> Result<Option<Claim>, CallError> {
        if self.inner.withdrawn.load(Ordering::Acquire) {
            let mut error =
                CallError::new(codes::UNAVAILABLE, "This process of the hub is stopping; connect again.");
            error.retry_after = Some(1);
            return Err(error);
        }
        self.inner.claiming.fetch_add(1, Ordering::AcqRel);
        let mut claim = Claim { epoch: 0, homes: self.clone() };
        let home = Home { node_id: self.inner.node_id.to_string(), ..home };
        let epoch = spoke_homes::claim(&self.inner.database, home, any).await?;
        Ok(epoch.map(|epoch| {
            claim.epoch = epoch;
            claim
        }))
    }

    /// Gives up all homes of this process, which stops: callers elsewhere find other spokes, and spokes are refused. What
    /// runs for other processes goes on.
    pub async fn withdraw(&self) {
        self.inner.withdrawn.store(true, Ordering::Release);
        self.inner.links.refuse_new();
        match timeout(FAREWELL, spoke_homes::release_all(&self.inner.database, &self.inner.node_id)).await {
            Ok(Ok(())) => self.tell().await,
            Ok(Err(error)) => tracing::debug!(cause = error.cause, "its spokes go with this process"),
            Err(_) => tracing::debug!("its spokes go with this process"),
        }
    }

    /// A spoke has left.
    pub fn release(&self, spoke: &Spoke) {
        let _ = self.inner.news.send(News::Left(spoke.id.clone(), signed(spoke.epoch)));
    }

    async fn follow(
        self,
        mut heard: Subscription,
        mut news: mpsc::UnboundedReceiver<News>,
        spokes: Spokes,
        engine: Engine,
    ) {
        let mut view = View::default();
        loop {
            if let Err(error) = self.look(&mut view, &spokes, &engine).await {
                view.away = Some(Instant::now());
                tracing::debug!(cause = error.cause, "the spokes of other processes cannot be read");
            }
            let first = tokio::select! {
                Some(news) = news.recv() => Some(news),
                // After a gap too: something may have changed meanwhile.
                _ = heard.next() => None,
                () = sleep(POLL) => None,
            };
            let own = first.is_some();
            let mut next = first;
            while let Some(one) = next.take() {
                if let News::Left(id, epoch) = one
                    && self.take_away(&id, epoch).await.is_err()
                {
                    // The next look finds it again.
                    view.revision = None;
                }
                next = news.try_recv().ok();
            }
            if own {
                self.tell().await;
            }
            sleep(TOGETHER).await;
            while heard.next().now_or_never().flatten().is_some() {}
        }
    }

    async fn take_away(&self, id: &str, epoch: i64) -> Result<(), CallError> {
        spoke_homes::release(&self.inner.database, id, &self.inner.node_id, epoch).await
    }

    /// A hint to the others. Away: they look by themselves, a little later.
    async fn tell(&self) {
        let message = protocol::event(CHANGED, "", b"{}");
        let _ = self.inner.bus.publish(&bus::topic(CHANGED, ""), message).await;
    }

    /// Brings what is known here to where the database is.
    async fn look(&self, view: &mut View, spokes: &Spokes, engine: &Engine) -> Result<(), CallError> {
        let database = &self.inner.database;
        let lenient = view.away.is_some_and(|away| away.elapsed() < LENIENT);
        let mut read = spoke_homes::read(database, view.revision, lenient).await?;
        read.nodes.sort_unstable();
        if read.homes.is_none() && read.nodes != view.living {
            read.homes = spoke_homes::read(database, None, lenient).await?.homes;
        }
        let Some(mut homes) = read.homes else { return Ok(()) };
        let here = self.inner.node_id.clone();
        homes.retain(|home| home.node_id == *here || read.nodes.contains(&home.node_id));
        let (settled, registry) = (spokes.clone(), engine.clone());
        let withdrawn = self.inner.withdrawn.load(Ordering::Acquire);
        // It compiles schemas, which takes a while.
        let settle = tokio::task::spawn_blocking(move || {
            settled.settle(&homes, read.revision, withdrawn, registry.registry())
        });
        let settled = settle.await.map_err(|error| CallError::internal(&error))?;
        // One that is new here may have opened a link already.
        self.inner.links.part(view.living.iter().filter(|node| !read.nodes.contains(node)));
        view.revision = Some(read.revision).filter(|_| settled.complete);
        view.living = read.nodes;
        if withdrawn || settled.doubtful.is_empty() {
            return Ok(());
        }
        // A claim on its way explains what does not agree. Each ends with a look of its own.
        if self.inner.claiming.load(Ordering::Acquire) > 0 {
            view.revision = None;
            return Ok(());
        }
        let mut changed = false;
        for (id, epoch) in settled.doubtful {
            if spokes.is_unfounded(&id, epoch, engine.registry()) {
                self.take_away(&id, epoch).await?;
                changed = true;
            }
        }
        if changed {
            self.tell().await;
        }
        Ok(())
    }
}
