//! This process among those that share the database: it says that it lives, and takes its leave.

mod homes;
mod links;
mod vitals;

use std::{net::SocketAddr, time::Duration};

use alkhub_core::CallError;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

pub use homes::Homes;
pub use links::Links;

use crate::{
    config,
    convert::signed,
    spokes::Spokes,
    storage::{
        Database,
        nodes::{self, Node},
        time::now_ms,
    },
};

/// Signs of life that may be missed before a process is forgotten.
const MISSED: u32 = 3;
/// Longest that taking leave may hold up a stop; the lease does the same a little later.
const FAREWELL: Duration = Duration::from_secs(3);

/// Enters this process among the others, and keeps it there until `stop` is cancelled. Answers with its id.
///
/// # Errors
/// UNAVAILABLE or EXECUTION_ERROR.
pub async fn join(
    database: &Database,
    spokes: &Spokes,
    settings: &config::Cluster,
    address: SocketAddr,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> Result<String, CallError> {
    let (now, heartbeat) = (now_ms(), settings.heartbeat);
    let node = Node {
        id: Uuid::now_v7().to_string(),
        name: settings.name.clone(),
        address: address.to_string(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        epoch: 0,
        spokes: 0,
        started_at: now,
        seen_at: now,
        lease_ms: i64::try_from((heartbeat * MISSED).as_millis()).unwrap_or(i64::MAX),
    };
    let node = nodes::enter(database, node).await?;
    let id = node.id.clone();
    tasks.spawn(keep(database.clone(), spokes.clone(), node, heartbeat, stop.clone()));
    Ok(id)
}

async fn keep(database: Database, spokes: Spokes, node: Node, heartbeat: Duration, stop: CancellationToken) {
    let beating = async {
        let mut beats = interval(heartbeat);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut silent, mut judges) = (false, false);
        loop {
            beats.tick().await;
            let said = Node { seen_at: now_ms(), spokes: signed(spokes.len() as u64), ..node.clone() };
            // Who could not say anything itself for a while does not hold the silence of the others against them: they
            // may have been held up by the same database, and have until its next beat.
            let beat = nodes::beat(&database, said, judges).await;
            judges = beat.is_ok();
            match beat {
                Ok(()) => silent = false,
                // Once: the database says the rest.
                Err(error) if !std::mem::replace(&mut silent, true) => {
                    tracing::warn!(
                        cause = error.cause,
                        "the other processes cannot be told that this one lives"
                    );
                }
                Err(_) => {}
            }
        }
    };
    stop.run_until_cancelled(Box::pin(beating)).await;
    // The same task: no sign of life of ours can come after it.
    match timeout(FAREWELL, nodes::leave(&database, &node.id)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::debug!(cause = error.cause, "this process is forgotten when its lease ends")
        }
        Err(_) => tracing::debug!("this process is forgotten when its lease ends"),
    }
}
