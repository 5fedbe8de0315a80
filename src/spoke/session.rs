//! A spoke's life: connect, register, serve, and all of it again when the connection is lost.

use std::{sync::Arc, time::Duration};

use alkhub_core::{
    CallError, Deadline, Engine, Identity, Peer,
    identity::Caller,
    peer::{self, End, Outgoing, Service},
};
use async_trait::async_trait;
use rand::Rng;
use reqwest::Url;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use super::connect::{self, ConnectError};
use crate::config::Secret;

/// The first pause after a lost connection is up to so long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Pauses grow up to so long, in which a restarted hub is found again soon and a thousand spokes spread out.
const LONG_PAUSE: Duration = Duration::from_secs(5);
/// From so many failures on the hub is not merely restarting.
const PATIENT_AFTER: u32 = 20;
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How long registering may take.
const REGISTRATION: Duration = Duration::from_secs(20);

/// Which hub, as whom, and as what.
pub struct Settings {
    /// The hub's address: `http://`, `https://`, `ws://` or `wss://`, with or without `/ws`.
    pub hub: Url,
    /// A key with the scope `spoke:connect`.
    pub key: Secret,
    /// The id to register; without it the hub makes one up, which then stays.
    pub id: Option<String>,
    /// What kind of machine it is.
    pub kind: String,
    /// Free data.
    pub metadata: Map<String, Value>,
    /// Bounds of the connection.
    pub limits: peer::Limits,
}

/// What the hub answered to the registration.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Registered {
    /// The id, which is the prefix.
    pub spoke_id: String,
    /// Ids without the prefix.
    pub accepted: Vec<String>,
    /// What the hub did not take, and why.
    pub rejected: Vec<Rejected>,
}

/// An operation that the hub did not take.
#[derive(Clone, Debug, Deserialize)]
pub struct Rejected {
    /// Its id without the prefix.
    pub id: String,
    /// Why.
    pub reason: String,
}

/// What happens to a spoke, for whoever watches it.
#[derive(Clone, Debug)]
pub enum Event {
    /// Its operations can be called.
    Registered(Registered),
    /// The connection is lost; the next try is after the pause.
    Lost {
        /// Why.
        reason: String,
        /// How long until the next try.
        pause: Duration,
    },
}

/// Why a spoke gave up.
#[derive(Debug, thiserror::Error)]
pub enum GaveUp {
    /// The key is not accepted, or may not register.
    #[error("{0}")]
    Denied(String),
    /// Another connection has taken its place.
    #[error("a newer connection has registered the same spoke id; this one gives way")]
    Replaced,
    /// The address is wrong.
    #[error("{0}")]
    Address(String),
}

struct Served {
    engine: Engine,
}

#[async_trait]
impl Service for Served {
    fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The hub has verified whom it names.
    async fn identify(&self, _peer: &Peer, claimed: Option<Identity>) -> Result<Caller, CallError> {
        Ok(claimed.map(Arc::new))
    }
}

/// How it went so far.
#[derive(Default)]
struct Tries {
    /// Since it was last registered.
    failures: u32,
    /// It was, at least once.
    registered: bool,
}

/// Why one connection ended.
enum Over {
    Fatal(GaveUp),
    Lost(String),
}

/// Keeps a spoke connected until `stop` is cancelled or there is no sense in going on.
///
/// # Errors
/// Why it gave up.
pub async fn run(
    mut settings: Settings,
    engine: Engine,
    stop: CancellationToken,
    watch: impl Fn(Event) + Send + Sync,
) -> Result<(), GaveUp> {
    let endpoint = connect::endpoint(&settings.hub).map_err(GaveUp::Address)?;
    let client = connect::client(&endpoint).map_err(|error| GaveUp::Address(error.to_string()))?;
    let operations = super::describe::all(engine.registry());
    let mut tries = Tries::default();
    loop {
        let registered = |registered: Registered| {
            watch(Event::Registered(registered));
        };
        let once =
            once(&mut settings, &client, &endpoint, &engine, &operations, &stop, &mut tries, registered);
        let over = match Box::pin(once).await {
            None => return Ok(()),
            Some(Over::Fatal(gave_up)) => return Err(gave_up),
            Some(Over::Lost(reason)) => reason,
        };
        let pause = pause(tries.failures);
        tries.failures = tries.failures.saturating_add(1);
        watch(Event::Lost { reason: over, pause });
        if stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
            return Ok(());
        }
    }
}

/// Full jitter: anything up to a bound that doubles, so that the spokes of a hub that restarts do not come at once.
fn pause(failures: u32) -> Duration {
    let bound = FIRST_PAUSE.saturating_mul(1 << failures.min(10));
    let most = if failures < PATIENT_AFTER { LONG_PAUSE } else { LONGEST_PAUSE };
    rand::rng().random_range(Duration::ZERO..bound.min(most))
}

#[allow(clippy::too_many_arguments, reason = "the parts of one loop")]
async fn once(
    settings: &mut Settings,
    client: &reqwest::Client,
    endpoint: &Url,
    engine: &Engine,
    operations: &[Value],
    stop: &CancellationToken,
    tries: &mut Tries,
    registered: impl FnOnce(Registered),
) -> Option<Over> {
    let opened = connect::connect(client, endpoint, &settings.key, &settings.limits);
    let socket = match stop.run_until_cancelled(opened).await? {
        Ok(socket) => socket,
        Err(ConnectError::Away(reason)) => return Some(Over::Lost(reason)),
        Err(ConnectError::Denied(reason)) => {
            return Some(Over::Fatal(GaveUp::Denied(format!("the hub does not accept the key: {reason}"))));
        }
        Err(error) => return Some(Over::Fatal(GaveUp::Address(error.to_string()))),
    };
    let peer = Peer::new(Arc::new(Served { engine: engine.clone() }), settings.limits.clone());
    let driven = peer::run(peer.clone(), socket);
    tokio::pin!(driven);
    let welcome = tokio::select! {
        end = &mut driven => return Some(lost(&end)),
        welcome = register(&peer, settings, operations) => welcome,
        () = stop.cancelled() => return farewell(&peer, driven).await,
    };
    match welcome {
        Ok(welcome) => {
            *tries = Tries { failures: 0, registered: true };
            settings.id = Some(welcome.spoke_id.clone());
            registered(welcome);
        }
        // The id was this spoke's a moment ago: the hub has not yet noticed that its last connection is gone.
        Err(error) if error.code == "SPOKE_ID_TAKEN" && tries.registered => {
            return Some(Over::Lost(format!("registering failed: {error}")));
        }
        Err(error)
            if matches!(
                &*error.code,
                "ACCESS_DENIED" | "SPOKE_ID_TAKEN" | "SPOKE_ID_FORBIDDEN" | "VALIDATION_ERROR"
            ) =>
        {
            return Some(Over::Fatal(GaveUp::Denied(format!(
                "the hub does not register this spoke: {} ({})",
                error.message, error.code
            ))));
        }
        Err(error) => return Some(Over::Lost(format!("registering failed: {error}"))),
    }
    tokio::select! {
        end = &mut driven => Some(lost(&end)),
        () = stop.cancelled() => farewell(&peer, driven).await,
    }
}

/// Says goodbye, so that the hub need not find out by itself.
async fn farewell(peer: &Peer, driven: impl Future<Output = End>) -> Option<Over> {
    peer.close(1000, "the spoke stops");
    let _ = tokio::time::timeout(Duration::from_secs(2), driven).await;
    None
}

fn lost(end: &End) -> Over {
    match end {
        End::Closed(Some(4409)) => Over::Fatal(GaveUp::Replaced),
        End::Closed(Some(4401)) => Over::Fatal(GaveUp::Denied(
            "the key is not valid any more: it is expired, revoked or rotated".to_owned(),
        )),
        End::Closed(Some(code)) => Over::Lost(format!("the hub closed the connection with code {code}")),
        End::Closed(None) => Over::Lost("the hub closed the connection".to_owned()),
        End::Silent => Over::Lost("the hub gave no sign of life".to_owned()),
        End::Broken(reason) => Over::Lost(format!("the connection broke: {reason}")),
        other => Over::Lost(format!("{other:?}")),
    }
}

async fn register(peer: &Peer, settings: &Settings, operations: &[Value]) -> Result<Registered, CallError> {
    let mut input = json!({
        "spokeType": settings.kind,
        "operations": operations,
        "metadata": settings.metadata,
    });
    if let Some(id) = &settings.id {
        input["spokeId"] = id.as_str().into();
    }
    let mut request = Outgoing::new("hub.register", input.to_string());
    request.deadline = Some(Deadline::after(REGISTRATION));
    peer.call(request).await?.typed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_stay_bounded() {
        for failures in 0..100 {
            let most = if failures < PATIENT_AFTER { LONG_PAUSE } else { LONGEST_PAUSE };
            assert!(pause(failures) <= most);
        }
        assert!((0..50).map(|_| pause(0)).all(|pause| pause <= FIRST_PAUSE));
        let far: Vec<_> = (0..200).map(|_| pause(30)).collect();
        assert!(far.iter().any(|pause| *pause > Duration::from_secs(10)), "jitter uses the whole range");
    }
}
