//! Ending a call with all that it has led to, in every process.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use alkhub_core::{Call, CallError, Identity, Lineage, Peer, peer::Outgoing};
use futures::{StreamExt, stream::FuturesUnordered};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout, timeout_at};
use uuid::Uuid;

use super::{
    Calls,
    record::{Kept, Record},
};
use crate::storage::{
    calls::{self, Status},
    nodes,
    time::now_ms,
};

/// Scope with which the calls of others may be ended.
const ADMIN: &str = "call:admin";
/// Longest that calls are waited for that were cancelled.
const PATIENCE: Duration = Duration::from_secs(2);
/// Longest wait for another process.
const OTHERS: Duration = Duration::from_secs(4);
/// Longest wait for what has ended just now to be written.
const JUST_NOW: Duration = Duration::from_millis(500);
/// Most calls that an answer tells of.
const MOST: usize = 10_000;
/// Most processes that are asked.
const NODES: u64 = 200;

/// What becomes of calls below the one that is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Policy {
    /// They are ended, too.
    #[serde(rename = "abort-dependents")]
    AbortDependents,
    /// What runs may finish; what does not run yet is ended, and nothing new is begun.
    #[serde(rename = "continue-running")]
    ContinueRunning,
}

/// A call that an abort has reached.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reached {
    /// Its id.
    pub request_id: String,
    /// What it ran.
    pub operation_id: String,
    /// What has become of it.
    pub state: String,
    /// The process that it came in by.
    pub node_id: String,
    /// How many calls are above it.
    pub depth: i64,
}

/// What has come of an abort.
pub struct Stopped {
    /// What has become of the call itself; `None` where no such call runs that the caller may end.
    pub state: Option<Status>,
    /// All that it reached, in all processes.
    pub reached: Vec<Reached>,
    /// Whether nothing of it ran any more, and what is told is what became of it a moment ago.
    pub finished: bool,
    /// Processes that did not answer.
    pub unreached: Vec<String>,
}

/// The answer of another process.
#[derive(Deserialize)]
struct Theirs {
    state: String,
    finished: bool,
    reached: Vec<Reached>,
}

/// One that is being ended.
struct Ending {
    call: Uuid,
    node: Uuid,
    depth: i64,
    operation: String,
    status: Status,
    recorded: bool,
    elsewhere: bool,
}

impl Calls {
    /// Ends a call and those below it, as this caller.
    ///
    /// # Errors
    /// UNAVAILABLE or EXECUTION_ERROR.
    pub async fn abort(&self, by: &Call, id: Uuid, policy: Policy) -> Result<Stopped, CallError> {
        // Another process has passed it on; it asks each by itself.
        let passed_on = by.peer().is_some_and(Peer::is_same_hub);
        let others = async {
            match self.inner.homes.get() {
                Some(_) if !passed_on => self.elsewhere(by, id, policy).await,
                _ => Ok((Vec::new(), Vec::new())),
            }
        };
        let (here, others) = tokio::join!(self.here(by, id, policy), others);
        let (mut state, mut reached, mut finished) = here;
        let (answers, unreached) = others?;
        let mut places: HashMap<String, usize> =
            reached.iter().enumerate().map(|(place, one)| (one.request_id.clone(), place)).collect();
        for Theirs { state: theirs, finished: over, reached: more } in answers {
            finished &= over;
            if state.is_none() {
                state = Status::of(&theirs);
            }
            for one in more {
                if !places.contains_key(&one.request_id) && reached.len() < MOST {
                    places.insert(one.request_id.clone(), reached.len());
                    reached.push(one);
                }
            }
        }
        if state.is_none() && !reached.is_empty() {
            state = Some(Status::Aborted);
        }
        // What is only remembered has ended before; what is recorded of it says how.
        if finished && !passed_on {
            (state, reached) = (None, Vec::new());
        }
        reached.sort_by_key(|one| std::cmp::Reverse(one.depth));
        Ok(Stopped { state, reached, finished, unreached })
    }

    async fn here(&self, by: &Call, id: Uuid, policy: Policy) -> (Option<Status>, Vec<Reached>, bool) {
        let own = by.lineage().clone();
        let identity = by.identity();
        let mut ending = self.inner.live.find(|call| {
            let lineage = call.lineage();
            // An abort that is part of what it ends would not come to tell of it.
            let within = (call.request_id() == id || lineage.is_within(id)) && !own.is_within(lineage.id());
            (within && may(identity, call.identity(), lineage.owner())).then(|| Ending {
                call: call.request_id(),
                node: lineage.id(),
                depth: depth(lineage),
                operation: call.operation_id().to_owned(),
                status: call.kept::<Kept>().map_or(Status::Running, Kept::status),
                recorded: call.kept::<Kept>().is_some(),
                elsewhere: lineage.elsewhere().is_some(),
            })
        });
        // Children before parents.
        ending.sort_by_key(|one| std::cmp::Reverse((one.depth, one.node)));
        // Those that are at the top of what is ended make no further calls, whatever becomes of theirs.
        for one in &ending {
            if let Some(call) = self.inner.live.get(one.call) {
                call.lineage().stop();
            }
        }
        let at_once = |one: &Ending| policy == Policy::AbortDependents || (one.status == Status::Pending);
        for one in ending.iter().filter(|one| at_once(one)) {
            if let Some(call) = self.inner.live.get(one.call) {
                call.cancelled().cancel();
            }
        }
        if policy == Policy::ContinueRunning {
            self.end_after(id, ending.iter().map(|one| one.call).filter(|call| *call != id).collect());
        }
        let awaited: Vec<Uuid> = ending.iter().filter(|one| at_once(one)).map(|one| one.call).collect();
        self.ends(&awaited, Instant::now() + PATIENCE).await;
        let state = |one: &Ending| {
            let runs = self.inner.live.get(one.call);
            match runs {
                Some(call) => call.kept::<Kept>().map_or(Status::Running, Kept::status),
                // A call without a record that was cancelled, or one that may have finished first.
                None => Status::Aborted,
            }
        };
        let top = ending.iter().find(|one| one.call == id).map(state);
        let node = self.inner.node.to_string();
        let told = ending.iter().filter(|one| !one.elsewhere && (one.recorded || one.call == id));
        let finished = ending.is_empty();
        let mut reached: Vec<Reached> = told
            .take(MOST)
            .map(|one| Reached {
                request_id: one.node.to_string(),
                operation_id: one.operation.clone(),
                state: state(one).as_str().to_owned(),
                node_id: node.clone(),
                depth: one.depth,
            })
            .collect();
        let seen: HashSet<Uuid> = ending.iter().map(|one| one.call).collect();
        let cut = self.inner.live.lately(|cut| {
            let lineage = &cut.lineage;
            (cut.id == id || lineage.is_within(id))
                && lineage.elsewhere().is_none()
                && !seen.contains(&cut.id)
                && may(identity, cut.caller.as_deref(), lineage.owner())
        });
        let room = MOST.saturating_sub(reached.len());
        reached.extend(cut.into_iter().take(room).map(|cut| Reached {
            request_id: cut.lineage.id().to_string(),
            operation_id: cut.operation.into_string(),
            state: Status::Aborted.as_str().to_owned(),
            node_id: node.clone(),
            depth: depth(&cut.lineage),
        }));
        (top, reached, finished)
    }

    /// Ends a call once what runs below it has finished.
    fn end_after(&self, id: Uuid, below: Vec<Uuid>) {
        let Some(call) = self.inner.live.get(id) else { return };
        let (calls, cancel) = (self.clone(), call.cancelled().clone());
        drop(call);
        tokio::spawn(async move {
            tokio::select! {
                () = async {
                    calls.ends(&below, Instant::now() + Duration::from_secs(366 * 24 * 60 * 60)).await;
                    cancel.cancel();
                } => {}
                () = cancel.cancelled() => {}
            }
        });
    }

    /// Waits until these calls run no more.
    async fn ends(&self, ids: &[Uuid], until: Instant) {
        let inner = &self.inner;
        let _counted = Awaiting::begin(inner);
        for id in ids {
            loop {
                let ended = inner.ended.notified();
                tokio::pin!(ended);
                ended.as_mut().enable();
                if inner.live.get(*id).is_none() {
                    break;
                }
                if timeout_at(until, ended).await.is_err() {
                    return;
                }
            }
        }
    }

    async fn elsewhere(
        &self,
        by: &Call,
        id: Uuid,
        policy: Policy,
    ) -> Result<(Vec<Theirs>, Vec<String>), CallError> {
        let Some(homes) = self.inner.homes.get() else { return Ok(Default::default()) };
        let page = nodes::list(&self.inner.database, None, NODES).await?;
        let others = page.items.into_iter().map(|node| node.id).filter(|node| **node != *self.inner.node);
        let input = serde_json::json!({ "requestId": id, "policy": policy }).to_string();
        let mut asked: FuturesUnordered<_> = others
            .map(|node| {
                let input = input.clone();
                async move {
                    let answer = async {
                        let peer = homes.links().to(&Arc::from(&*node))?;
                        let mut request = Outgoing::new("call.abort", input);
                        (request.identity, request.deadline) = (by.identity(), by.deadline());
                        peer.call(request).await?.typed::<Theirs>()
                    };
                    let answer = timeout(OTHERS, answer).await;
                    (node, answer)
                }
            })
            .collect();
        let (mut answers, mut unreached) = (Vec::new(), Vec::new());
        while let Some((node, answer)) = asked.next().await {
            match answer {
                Ok(Ok(theirs)) => answers.push(theirs),
                Ok(Err(error)) if error.code == "CALL_NOT_FOUND" => {}
                Ok(Err(_)) | Err(_) => unreached.push(node),
            }
        }
        Ok((answers, unreached))
    }

    /// What is known of a call, for somebody who may know of it.
    ///
    /// # Errors
    /// UNAVAILABLE or EXECUTION_ERROR.
    pub async fn recorded(&self, id: Uuid) -> Result<Option<calls::Row>, CallError> {
        if let Some(row) = calls::get(&self.inner.database, id).await? {
            return Ok(Some(row));
        }
        // It may have begun just now.
        if let Some(call) = self.running(id)
            && let Some(kept) = call.kept::<Kept>()
        {
            return Ok(Some(Record::begun(&call, kept).row(&self.inner.node, now_ms())));
        }
        // Or ended. Where there is more to write than can be, it is not waited for.
        let _late = timeout(JUST_NOW, self.flush()).await;
        calls::get(&self.inner.database, id).await
    }
}

/// Whether a caller may end a call: its own, one that it has led to, or any with the scope for it.
fn may(caller: Option<&Identity>, identity: Option<&Identity>, owner: Option<&Identity>) -> bool {
    let Some(caller) = caller else { return false };
    let own = |identity: Option<&Identity>| identity.is_some_and(|identity| identity.id == caller.id);
    caller.has_scope(ADMIN) || own(identity) || own(owner)
}

fn depth(lineage: &Lineage) -> i64 {
    i64::try_from(lineage.depth()).unwrap_or(i64::MAX)
}

/// While it lives, the ends of calls are told.
struct Awaiting<'a>(&'a super::Inner);

impl<'a> Awaiting<'a> {
    fn begin(inner: &'a super::Inner) -> Self {
        inner.awaited.fetch_add(1, Ordering::AcqRel);
        Self(inner)
    }
}

impl Drop for Awaiting<'_> {
    fn drop(&mut self) {
        self.0.awaited.fetch_sub(1, Ordering::AcqRel);
    }
}
