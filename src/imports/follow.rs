//! Brings what is open in this process to where the table is: at its start, when another process hints at a change, and
//! again and again in case a hint was missed.

use std::{collections::HashMap, sync::Arc, time::Duration};

use alkhub_core::{CallError, Engine, protocol};
use futures::StreamExt;
use serde::{Deserialize, Serialize};
use tokio::time::sleep;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{Connector, Imports, Link, Phase, Service, live::Live};
use crate::{
    bus::{self, Bus, Heard},
    storage::{Database, services},
    vault::Vault,
};

/// Type of the message: services have changed.
const CHANGED: &str = "hub.services";
/// The longest that a change goes unnoticed of which nothing was heard.
const POLL: Duration = Duration::from_secs(2);

pub(super) struct Context {
    pub(super) imports: Imports,
    pub(super) connectors: HashMap<&'static str, Arc<dyn Connector>>,
    pub(super) database: Database,
    pub(super) vault: Vault,
    pub(super) bus: Arc<dyn Bus>,
    pub(super) engine: Engine,
    pub(super) tasks: TaskTracker,
    pub(super) stop: CancellationToken,
}

pub(super) async fn start(context: Context) {
    let mut heard = context.bus.subscribe(&bus::topic(CHANGED, "")).await;
    let (tasks, stop) = (context.tasks.clone(), context.stop.clone());
    let mut known = None;
    // Before anybody can connect: a spoke that came first could take the name of a service.
    context.see(&mut known).await;
    let following = async move {
        loop {
            tokio::select! {
                () = context.imports.inner.wake.notified() => tell(&context.bus, None).await,
                Some(heard) = heard.next() => context.heard(&heard),
                () = sleep(POLL) => {}
            }
            context.see(&mut known).await;
        }
    };
    tasks.spawn(stop.run_until_cancelled_owned(following));
}

/// A hint to the others: the table has changed, or one service is to be looked at anew. Away: of the table they see by
/// themselves, a little later, and connectors look by themselves now and then.
pub(super) async fn tell(bus: &Arc<dyn Bus>, look: Option<&str>) {
    let payload = serde_json::to_vec(&Hint { look: look.map(str::to_owned) }).unwrap_or_default();
    let _ = bus.publish(&bus::topic(CHANGED, ""), protocol::event(CHANGED, "", &payload)).await;
}

#[derive(Default, Serialize, Deserialize)]
struct Hint {
    /// The service that is to be looked at anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    look: Option<String>,
}

#[derive(Deserialize)]
struct Envelope {
    payload: Hint,
}

impl Context {
    /// The table is looked at after every word, and after a gap too: something may have changed meanwhile.
    fn heard(&self, heard: &Heard) {
        let name = match heard {
            Heard::Gap => None,
            Heard::Message(message) => match serde_json::from_slice::<Envelope>(message) {
                Ok(Envelope { payload: Hint { look: Some(name) } }) => Some(name),
                _ => return,
            },
        };
        self.connectors.values().for_each(|connector| connector.look(name.as_deref()));
    }

    async fn see(&self, known: &mut Option<i64>) {
        if let Err(error) = self.look(known).await {
            tracing::debug!(cause = error.cause, "the imported services cannot be read");
        }
    }

    async fn look(&self, known: &mut Option<i64>) -> Result<(), CallError> {
        let Some(overview) = services::overview(&self.database, *known).await? else { return Ok(()) };
        let gone: Vec<String> = {
            let live = self.imports.inner.live.lock();
            let there = |name: &String| overview.services.iter().any(|(held, _)| held == name);
            live.keys().filter(|name| !there(name)).cloned().collect()
        };
        for name in gone {
            self.close(&name);
        }
        for (name, revision) in &overview.services {
            let held = self.imports.inner.live.lock().get(name).map(|live| live.revision);
            if held.is_some_and(|held| held >= *revision) {
                continue;
            }
            // Removed in between: the next look sees that.
            let Some(stored) = services::load(&self.database, name).await? else { continue };
            self.open(stored);
        }
        *known = Some(overview.revision);
        self.imports.inner.seen.send_replace(overview.revision);
        Ok(())
    }

    fn open(&self, stored: services::Service) {
        let name: Arc<str> = stored.name.as_str().into();
        let connector = self.connectors.get(stored.kind.as_str()).cloned();
        let stop = self.stop.child_token();
        self.engine.registry().claim(&name, true);
        let live = {
            let mut all = self.imports.inner.live.lock();
            // What the one before offered stays until this one offers.
            let ids = all.remove(&*name).map(|before| {
                before.stop.cancel();
                std::mem::take(&mut *before.ids.lock())
            });
            let live = Arc::new(Live::new(stored.revision, ids.unwrap_or_default(), stop.clone()));
            all.insert(stored.name.clone(), live.clone());
            live
        };
        let link = Link { name: name.clone(), live: Arc::downgrade(&live), engine: self.engine.clone() };
        let vault = self.vault.clone();
        let running = async move {
            let run = async {
                let connector = connector.ok_or_else(|| {
                    CallError::internal(&format_args!("no connector for services of kind {}", stored.kind))
                })?;
                let credentials = match &stored.credentials {
                    Some(sealed) => Some(vault.open(sealed).await?),
                    None => None,
                };
                let json =
                    |text: &str| serde_json::from_str(text).map_err(|error| CallError::internal(&error));
                let service = Service {
                    config: json(&stored.config)?,
                    credentials,
                    document: stored.document,
                    state: stored.state.as_deref().map(json).transpose()?,
                    revision: stored.revision,
                    name: stored.name,
                };
                connector.run(service, link.clone()).await
            };
            let ended = run.await;
            let Some(live) = link.live.upgrade() else { return };
            match ended {
                Err(error) => {
                    tracing::warn!(service = %name, error = %error, cause = error.cause, "an imported service cannot be opened");
                    link.offer(Vec::new(), Vec::new());
                    link.failed(&error);
                }
                // A connector that has nothing to watch is done once it has offered.
                Ok(()) if live.status().phase == Phase::Opening => link.offer(Vec::new(), Vec::new()),
                Ok(()) => {}
            }
        };
        self.tasks.spawn(stop.run_until_cancelled_owned(running));
    }

    fn close(&self, name: &str) {
        let Some(live) = self.imports.inner.live.lock().remove(name) else { return };
        let ids = live.ids.lock();
        live.stop.cancel();
        self.engine.registry().exchange(&ids, Vec::new());
        self.engine.registry().claim(name, false);
        self.connectors.values().for_each(|connector| connector.closed(name));
        tracing::info!(service = name, "an imported service is gone");
    }
}
