//! Whether the tools that a caller sees have changed.

use std::{
    hash::{Hash, Hasher},
    sync::Arc,
    time::Duration,
};

use alkhub_core::Identity;
use tokio::sync::watch;

use super::tools::Tools;
use crate::{
    keys::{Admission, VerifyError},
    transport::http::HttpState,
};

/// Changes that come together are told of as one: a spoke that registers is many.
const TOGETHER: Duration = Duration::from_millis(200);

/// Looks at the tools of one caller.
pub(super) struct Changes {
    state: HttpState,
    tools: Tools,
    admission: Admission,
    registry: watch::Receiver<()>,
    keys: watch::Receiver<()>,
    seen: u64,
}

impl Changes {
    /// From what the caller has seen: the tools as they are now, or those of an earlier [`Changes::mark`].
    ///
    /// # Errors
    /// Why the key is not accepted any more.
    pub(super) async fn new(
        state: &HttpState,
        tools: &Tools,
        caller: &Identity,
        seen: Option<u64>,
    ) -> Result<Self, VerifyError> {
        let (registry, keys) = (state.engine.registry().changes(), state.keys.news());
        let admission = state.keys.remember(&caller.id).await?;
        let identity = state.keys.still(&admission).await?;
        let seen = seen.unwrap_or_else(|| print(tools, &identity));
        Ok(Self { state: state.clone(), tools: tools.clone(), admission, registry, keys, seen })
    }

    /// What stands for the tools as they were last seen, the same in every process.
    pub(super) fn mark(&self) -> u64 {
        self.seen
    }

    /// Waits for a change; `false` where the key works no more or the hub stops.
    pub(super) async fn next(&mut self) -> bool {
        loop {
            let identity = match self.state.keys.still(&self.admission).await {
                Ok(identity) => Some(identity),
                // A database that is away for a moment is no reason to part.
                Err(VerifyError::Store(_)) => None,
                Err(_) => return false,
            };
            if let Some(identity) = identity {
                let now = print(&self.tools, &identity);
                if std::mem::replace(&mut self.seen, now) != now {
                    return true;
                }
            }
            tokio::select! {
                () = self.state.stopping.cancelled() => return false,
                changed = self.registry.changed() => if changed.is_err() { return false },
                changed = self.keys.changed() => if changed.is_err() { return false },
            }
            tokio::time::sleep(TOGETHER).await;
        }
    }
}

/// FNV-1a: other processes, perhaps of another build, must come to the same.
struct Fnv(u64);

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

fn print(tools: &Tools, caller: &Arc<Identity>) -> u64 {
    let mut hasher = Fnv(0xcbf2_9ce4_8422_2325);
    for (name, entry) in tools.own(caller) {
        for part in [&*name, entry.title(), entry.description(), entry.input_schema(), entry.output_schema()]
        {
            part.hash(&mut hasher);
        }
    }
    hasher.finish()
}
