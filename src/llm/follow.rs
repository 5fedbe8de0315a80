//! Keeps the catalog where the tables are: at the start, when another process hints at a change, and again and again in
//! case a hint was missed.

use std::{collections::HashMap, sync::Arc, time::Duration};

use alkhub_core::{CallError, protocol};
use futures::StreamExt;
use tokio::time::{sleep, timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use zeroize::Zeroizing;

use super::{Llm, catalog::Catalog, provider::Provider};
use crate::{
    bus::{self, Bus},
    storage::{
        llm::{self as stored, captures, usage},
        time::now_ms,
    },
    vault::Vault,
};

/// Type of the message: providers, names, policies or budgets have changed.
const CHANGED: &str = "hub.llm";
/// The longest that a change goes unnoticed of which nothing was heard.
const POLL: Duration = Duration::from_secs(2);
/// Longest time of the first look.
const FIRST: Duration = Duration::from_secs(10);
/// How often captures whose time is over are deleted.
const SWEEP: u32 = 30;
/// Most lines of usage of one transaction, and most of these in a row.
const STEP: u64 = 500;
const STEPS: u32 = 20;

pub(super) async fn start(
    llm: &Llm,
    vault: Vault,
    bus: Arc<dyn Bus>,
    tasks: &TaskTracker,
    quiet: &CancellationToken,
) {
    let mut heard = bus.subscribe(&bus::topic(CHANGED, "")).await;
    let llm = llm.clone();
    let mut known = None;
    // Before anything is served: a request must not slip by a budget that is not known yet.
    if !matches!(timeout(FIRST, look(&llm, &vault, &mut known)).await, Ok(Ok(()))) {
        tracing::warn!("the providers of models could not be read at the start; they are tried again");
    }
    let following = async move {
        let mut looks = 0_u32;
        loop {
            if let Err(error) = look(&llm, &vault, &mut known).await {
                tracing::debug!(cause = error.cause, "the providers of models cannot be read");
            }
            looks = looks.wrapping_add(1);
            if looks.is_multiple_of(SWEEP) {
                let _later = captures::sweep(&llm.inner.database, 1000).await;
            }
            if looks % SWEEP == 1 {
                shorten(&llm).await;
            }
            tokio::select! {
                () = llm.inner.wake.notified() => {
                    let message = protocol::event(CHANGED, "", b"{}");
                    // Away: the others look by themselves, a little later.
                    let _ = bus.publish(&bus::topic(CHANGED, ""), message).await;
                }
                _ = heard.next() => {}
                () = sleep(POLL) => {}
            }
        }
    };
    tasks.spawn(quiet.clone().run_until_cancelled_owned(following));
}

/// Deletes usage that is old, a little at a time, so that others may write in between.
async fn shorten(llm: &Llm) {
    let keep = llm.inner.settings.usage_keep;
    if keep.is_zero() {
        return;
    }
    let before = now_ms().saturating_sub(i64::try_from(keep.as_millis()).unwrap_or(i64::MAX));
    for _ in 0..STEPS {
        match usage::shorten(&llm.inner.database, before, STEP).await {
            Ok(STEP) => tokio::task::yield_now().await,
            // All is done, or will be later.
            _ => return,
        }
    }
}

async fn look(llm: &Llm, vault: &Vault, known: &mut Option<i64>) -> Result<(), CallError> {
    let Some(all) = stored::everything(&llm.inner.database, *known).await? else { return Ok(()) };
    let before = llm.catalog();
    let mut catalog = Catalog::default();
    for row in &all.providers {
        let same = before.providers.get(&row.name).filter(|held| held.revision == row.revision);
        // One that has not changed keeps what is known of its keys.
        let provider = match same {
            Some(same) => same.clone(),
            None => match open(vault, row, before.providers.get(&row.name).map(|held| &**held)).await {
                Ok(provider) => Arc::new(provider),
                Err(error) => {
                    tracing::error!(provider = row.name, %error, cause = error.cause, "a provider of models cannot be used");
                    continue;
                }
            },
        };
        catalog.providers.insert(row.name.clone(), provider);
    }
    for row in &all.aliases {
        if let Ok(targets) = serde_json::from_str(&row.targets) {
            catalog.aliases.insert(row.name.clone(), targets);
        }
    }
    for row in &all.policies {
        match serde_json::from_str(&row.policy) {
            Ok(policy) => _ = catalog.policies.insert(row.key_id.clone(), Arc::new(policy)),
            Err(error) => return Err(CallError::internal(&error)),
        }
    }
    let mut budgets: HashMap<(String, String), Vec<String>> = HashMap::new();
    for row in all.budgets {
        budgets.entry((row.kind, row.subject)).or_default().push(row.id);
    }
    catalog.budgets = budgets;
    *llm.inner.catalog.write() = Arc::new(catalog);
    // Budgets may have changed: what is decided next is decided by them.
    llm.inner.ledger.give_back();
    *known = Some(all.revision);
    llm.inner.seen.send_replace(all.revision);
    Ok(())
}

async fn open(
    vault: &Vault,
    row: &stored::Provider,
    before: Option<&Provider>,
) -> Result<Provider, CallError> {
    // Opening takes a while, on purpose.
    if let Some(before) = before.filter(|before| before.sealed == row.credentials) {
        return Provider::of(row, before.secrets());
    }
    let keys: Vec<Zeroizing<String>> = match &row.credentials {
        None => Vec::new(),
        Some(sealed) => {
            let opened = vault.open(sealed).await?;
            let keys: Vec<String> =
                serde_json::from_slice(&opened).map_err(|_| CallError::internal(&"keys cannot be read"))?;
            keys.into_iter().map(Zeroizing::new).collect()
        }
    };
    Provider::of(row, keys)
}
