//! Staying connected to a server, and knowing what it offers.

use std::{sync::Arc, time::Duration};

use alkhub_core::{CallError, import::mcp::Tool};
use rmcp::{model::SubscriptionFilter, service::Subscription};
use tokio::time::{Instant, sleep, timeout};

use super::{
    Config, Credentials, Mcp,
    client::Connection,
    failure,
    offer::{Made, Making, State, approved, told},
    shared::Shared,
};
use crate::{
    imports::{Link, Service},
    storage::services,
};

/// A server that takes longer than this has its operations offered as they were known.
const FIRST: Duration = Duration::from_secs(1);
/// Pauses between attempts: they double from the shortest to the longest.
const SHORTEST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(10);
/// A connection that lasted this long was a good one; after it the pauses begin anew.
const GOOD: Duration = Duration::from_secs(10);
/// The tools are asked for this often, also where no change was heard of.
const LOOK: Duration = Duration::from_secs(60);
/// And once so soon after connecting: what changed before notifications could reach the hub was told to nobody.
const SOON: Duration = Duration::from_secs(1);
/// So long a server may take to list its tools once it is connected.
const ANSWER: Duration = Duration::from_secs(10);
/// Looks that calls in trouble cause are at least this far apart.
const APART: Duration = Duration::from_millis(100);

/// One opening of a service.
struct Keeper {
    mcp: Mcp,
    link: Link,
    service: String,
    revision: i64,
    config: Config,
    credentials: Credentials,
    shared: Arc<Shared>,
    making: Arc<Making>,
    approved: Arc<Vec<Tool>>,
    /// The tools that are offered, once any are.
    offered: Option<Arc<Vec<Tool>>>,
    /// What the table has noted.
    noted: State,
}

impl Mcp {
    pub(super) async fn keep(self, service: Service, link: Link) -> Result<(), CallError> {
        let config: Config =
            serde_json::from_value(service.config).map_err(|error| CallError::internal(&error))?;
        let credentials = Credentials::read(service.credentials.as_deref().map(Vec::as_slice))?;
        let shared = Arc::new(Shared::new(service.name.clone()));
        {
            let mut open = self.inner.open.lock();
            open.retain(|_, held| held.strong_count() > 0);
            open.insert(service.name.clone(), Arc::downgrade(&shared));
        }
        let making =
            Arc::new(Making { shared: shared.clone(), config: config.clone(), limits: self.inner.specs });
        let noted = service.state.and_then(|state| serde_json::from_value(state).ok()).unwrap_or_default();
        let keeper = Keeper {
            mcp: self,
            link,
            service: service.name,
            revision: service.revision,
            config,
            credentials,
            shared,
            making,
            approved: Arc::new(approved(service.document.as_deref())),
            offered: None,
            noted,
        };
        keeper.run().await
    }
}

impl Keeper {
    async fn run(mut self) -> Result<(), CallError> {
        let mut pause = SHORTEST;
        loop {
            let attempt = self.shared.begin();
            match self.connect().await {
                Ok((connection, tools)) => {
                    tracing::info!(
                        service = self.service,
                        server = connection.server,
                        protocol = connection.protocol,
                        tools = tools.len(),
                        "connected to an MCP server"
                    );
                    self.shared.up(connection.clone());
                    self.offer(tools).await?;
                    self.link.ready();
                    self.shared.end(attempt);
                    let begun = Instant::now();
                    let why = self.watch(&connection).await?;
                    self.down(why, SHORTEST);
                    if begun.elapsed() >= GOOD {
                        pause = SHORTEST;
                    }
                }
                Err(why) => {
                    self.down(why, pause);
                    // What was known of it is there, and says at once that it cannot be reached.
                    self.offer_known().await?;
                }
            }
            self.shared.end(attempt);
            tokio::select! {
                () = sleep(pause) => pause = (pause * 2).min(LONGEST),
                () = self.shared.wanted.notified() => {}
            }
        }
    }

    /// Connects; what was known is offered meanwhile where that takes a while.
    async fn connect(&mut self) -> Result<(Arc<Connection>, Vec<Tool>), CallError> {
        let mcp = self.mcp.clone();
        let (service, config, credentials) =
            (self.service.clone(), self.config.clone(), self.credentials.clone());
        let connecting = async move { mcp.connect(&service, &config, &credentials).await };
        tokio::pin!(connecting);
        if self.offered.is_none() {
            match timeout(FIRST, &mut connecting).await {
                Ok(connected) => return connected,
                Err(_) => {
                    let why = failure::silent(&self.service);
                    self.shared.down(why.clone());
                    self.offer_known().await?;
                    self.link.unavailable(&why);
                }
            }
        }
        connecting.await
    }

    fn down(&self, mut why: CallError, pause: Duration) {
        tracing::warn!(service = self.service, error = %why, cause = why.cause, "an MCP server cannot be reached");
        // Callers are to come back after the next attempt, and know no more of it than the sentence.
        let seconds = u32::try_from(pause.as_secs()).unwrap_or(u32::MAX).max(1);
        if why.code != alkhub_core::error::codes::OUTBOUND_REFUSED {
            why = CallError {
                retry_after: Some(seconds),
                ..CallError::new(alkhub_core::error::codes::UNAVAILABLE, why.message)
            };
        }
        self.shared.down(why.clone());
        self.link.unavailable(&why);
    }

    /// Stays with a connection until it is over, and why it is.
    async fn watch(&mut self, connection: &Arc<Connection>) -> Result<CallError, CallError> {
        let mut listening = self.listen(connection).await;
        let (mut last, mut pause) = (Instant::now(), SOON);
        loop {
            let trouble = async {
                self.shared.trouble.notified().await;
                sleep(APART.saturating_sub(last.elapsed())).await;
            };
            let heard = async {
                match &mut listening {
                    Some(subscription) => subscription.next().await.ok().flatten().is_some(),
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = connection.closed.cancelled() => return Ok(failure::ended(&self.service)),
                () = connection.changed.notified() => {}
                () = self.shared.wanted.notified() => {}
                () = trouble => {}
                () = sleep(pause) => pause = LOOK,
                // A server that ends it is asked now and then.
                heard = heard => if !heard { listening = None },
            }
            last = Instant::now();
            let attempt = self.shared.begin();
            match timeout(ANSWER, connection.tools()).await {
                Ok(Ok(tools)) => self.offer(tools).await?,
                Ok(Err(error)) if !failure::is_loss(&error) => {
                    let why = failure::of_list(&self.service, error);
                    tracing::warn!(service = self.service, error = %why, cause = why.cause, "the tools of an MCP server are not known anew");
                }
                Ok(Err(error)) => return Ok(failure::of_list(&self.service, error)),
                Err(_) => return Ok(failure::silent(&self.service)),
            }
            self.shared.end(attempt);
        }
    }

    /// Asks a server without sessions to say when its tools change; older ones do so by themselves.
    async fn listen(&self, connection: &Connection) -> Option<Subscription> {
        if !connection.stateless {
            return None;
        }
        let filter = SubscriptionFilter::builder().tools_list_changed().build();
        timeout(ANSWER, connection.peer.listen(filter)).await.ok()?.ok()
    }

    async fn offer_known(&mut self) -> Result<(), CallError> {
        if self.offered.is_some() {
            return Ok(());
        }
        let known = self.noted.offered.clone().map_or_else(|| self.approved.clone(), Arc::new);
        let down = self.shared.connection().err();
        self.put(known).await?;
        if let Some(why) = down {
            self.link.unavailable(&why);
        }
        Ok(())
    }

    /// Offers these tools, where they are others than before, and notes what has changed since the approval.
    async fn offer(&mut self, tools: Vec<Tool>) -> Result<(), CallError> {
        let tools = Arc::new(tools);
        if self.offered.as_ref() != Some(&tools) {
            self.put(tools.clone()).await?;
        }
        self.note(&tools).await;
        Ok(())
    }

    async fn put(&mut self, tools: Arc<Vec<Tool>>) -> Result<(), CallError> {
        let (making, approved, offered) = (self.making.clone(), self.approved.clone(), tools.clone());
        let made = tokio::task::spawn_blocking(move || making.operations(&approved, &offered)).await;
        let (operations, rejected): Made = made.map_err(|error| CallError::internal(&error))?;
        self.link.offer(operations, rejected);
        self.offered = Some(tools);
        Ok(())
    }

    async fn note(&mut self, tools: &Arc<Vec<Tool>>) {
        let changes = alkhub_core::import::mcp::changes(&self.approved, tools);
        let state = State { offered: (!changes.is_empty()).then(|| tools.to_vec()), changed: changes.len() };
        if state == self.noted {
            return;
        }
        let Ok(json) = serde_json::to_value(&state) else { return };
        let event = ("service.changed", told(&self.service, &changes));
        let database = &self.mcp.inner.database;
        match services::note(database, &self.service, self.revision, &json, Some(event)).await {
            Ok(noted) => {
                if noted {
                    tracing::warn!(
                        service = self.service,
                        changes = changes.len(),
                        "an MCP server describes its tools otherwise than approved"
                    );
                }
                self.noted = state;
            }
            // It is tried again at the next look.
            Err(error) => {
                tracing::debug!(service = self.service, cause = error.cause, "a change was not noted")
            }
        }
    }
}
