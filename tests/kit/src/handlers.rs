//! The kit's handlers.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use alkhub_core::{Call, CallError, Handle, ItemStream, Subscribe};
use futures::{StreamExt, stream};
use serde_json::json;
use tokio::sync::watch;

use crate::api::kit::{
    count, echo, fail, hold, ingest, live, nest, pick, shapes, slow, spend, turn, whoami, workflow,
};

/// Serves the kit's operations, and counts which of its handlers are alive.
pub struct Kit {
    slow: Arc<AtomicI64>,
    counts: Arc<AtomicI64>,
    spending: Arc<AtomicI64>,
    spent: AtomicI64,
    /// The step at which workflows do something else than they did; below 0 none.
    turn: AtomicI64,
    /// The step before which workflows wait; below 0 none.
    hold: watch::Sender<i64>,
}

impl Default for Kit {
    fn default() -> Self {
        let [slow, counts, spending] = std::array::from_fn(|_| Arc::new(AtomicI64::new(0)));
        Self {
            slow,
            counts,
            spending,
            spent: AtomicI64::new(0),
            turn: AtomicI64::new(-1),
            hold: watch::Sender::new(-1),
        }
    }
}

struct Alive(Arc<AtomicI64>);

impl Alive {
    fn new(counter: &Arc<AtomicI64>) -> Self {
        counter.fetch_add(1, Ordering::SeqCst);
        Self(counter.clone())
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Handle<echo::Echo> for Kit {
    async fn handle(&self, _cx: &Call, input: echo::Input) -> Result<echo::Output, echo::Error> {
        Ok(echo::Output { text: input.text.repeat(usize::try_from(input.times).unwrap_or(1)) })
    }
}

impl Handle<ingest::Ingest> for Kit {
    async fn handle(&self, _cx: &Call, input: ingest::Input) -> Result<ingest::Output, ingest::Error> {
        Ok(ingest::Output {
            count: i64::try_from(input.records.len()).unwrap_or(i64::MAX),
            sum: input.records.iter().map(|record| record.value).sum(),
        })
    }
}

impl Handle<slow::Slow> for Kit {
    async fn handle(&self, _cx: &Call, input: slow::Input) -> Result<slow::Output, slow::Error> {
        let _alive = Alive::new(&self.slow);
        tokio::time::sleep(Duration::from_millis(input.ms.unsigned_abs())).await;
        Ok(slow::Output { waited: input.ms })
    }
}

impl Handle<spend::Spend> for Kit {
    async fn handle(&self, cx: &Call, input: spend::Input) -> Result<spend::Output, spend::Error> {
        let _alive = Alive::new(&self.spending);
        self.spent.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(input.ms.unsigned_abs())).await;
        match input.how {
            spend::InputHow::Well => Ok(spend::Output { effect: cx.request_id().to_string() }),
            spend::InputHow::Declared => Err(spend::Error::KitRefused(crate::api::errors::KitRefused {
                reason: cx.request_id().to_string(),
            })),
            spend::InputHow::Internal => Err(CallError::internal(&"a secret of the inside").into()),
        }
    }
}

impl Handle<fail::Fail> for Kit {
    async fn handle(&self, cx: &Call, input: fail::Input) -> Result<fail::Output, fail::Error> {
        match input.how {
            fail::InputHow::Declared => {
                Err(fail::Error::KitRefused(crate::api::errors::KitRefused { reason: "asked to".to_owned() }))
            }
            fail::InputHow::Internal => Err(CallError::internal(&"a secret of the inside").into()),
            fail::InputHow::Panic => panic!("a secret of the inside"),
            fail::InputHow::Deep => {
                cx.call::<fail::Fail>(input).await?;
                Ok(fail::Output {})
            }
        }
    }
}

impl Subscribe<count::Count> for Kit {
    async fn subscribe(
        &self,
        _cx: &Call,
        input: count::Input,
    ) -> Result<ItemStream<count::Output, count::Error>, count::Error> {
        let alive = Alive::new(&self.counts);
        let pause = Duration::from_millis(input.every_ms.unsigned_abs());
        let items = stream::unfold((0_i64, alive), move |(number, alive)| async move {
            if number >= input.to {
                return None;
            }
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
            let item = if input.fail_at == Some(number) {
                Err(count::Error::KitRefused(crate::api::errors::KitRefused {
                    reason: format!("at {number}"),
                }))
            } else {
                Ok(count::Output { number })
            };
            Some((item, (number + 1, alive)))
        });
        Ok(items.boxed())
    }
}

impl Handle<live::Live> for Kit {
    async fn handle(&self, _cx: &Call, _input: live::Input) -> Result<live::Output, live::Error> {
        Ok(live::Output {
            slow: self.slow.load(Ordering::SeqCst),
            counts: self.counts.load(Ordering::SeqCst),
            spending: self.spending.load(Ordering::SeqCst),
            spent: self.spent.load(Ordering::SeqCst),
        })
    }
}

impl Handle<nest::Nest> for Kit {
    async fn handle(&self, cx: &Call, input: nest::Input) -> Result<nest::Output, nest::Error> {
        let output = cx.call_dynamic(&input.operation_id, input.input.unwrap_or_else(|| json!({}))).await?;
        Ok(nest::Output {
            request_id: cx.request_id().to_string(),
            parent_request_id: cx.parent_request_id().map(|id| id.to_string()),
            output: output.typed()?,
        })
    }
}

impl Handle<workflow::Workflow> for Kit {
    async fn handle(&self, cx: &Call, input: workflow::Input) -> Result<workflow::Output, workflow::Error> {
        let mut results = Vec::new();
        let mut last = serde_json::Value::Null;
        for (number, step) in (0_i64..).zip(input.steps) {
            let mut asked = json!({
                "step": number, "last": last, "at": cx.began_ms(), "id": cx.fresh_id(), "dice": cx.random() % 1000,
            });
            if self.turn.load(Ordering::SeqCst) == number {
                asked["changed"] = true.into();
            }
            self.held(number).await;
            last = cx.call_dynamic(&step, asked).await?.typed()?;
            results.push(last.clone());
        }
        self.held(i64::try_from(results.len()).unwrap_or(-1)).await;
        Ok(workflow::Output { results })
    }
}

impl Kit {
    /// Waits as long as the workflow is held before this step.
    async fn held(&self, number: i64) {
        let mut hold = self.hold.subscribe();
        let _gone = hold.wait_for(|at| *at != number).await;
    }
}

impl Handle<hold::Hold> for Kit {
    async fn handle(&self, _cx: &Call, input: hold::Input) -> Result<hold::Output, hold::Error> {
        self.hold.send_replace(input.at);
        Ok(hold::Output {})
    }
}

impl Handle<turn::Turn> for Kit {
    async fn handle(&self, _cx: &Call, input: turn::Input) -> Result<turn::Output, turn::Error> {
        self.turn.store(input.at, Ordering::SeqCst);
        Ok(turn::Output {})
    }
}

impl Handle<whoami::Whoami> for Kit {
    async fn handle(&self, cx: &Call, _input: whoami::Input) -> Result<whoami::Output, whoami::Error> {
        Ok(whoami::Output {
            request_id: cx.request_id().to_string(),
            parent_request_id: cx.parent_request_id().map(|id| id.to_string()),
            identity: cx.identity().map(|identity| identity.id.clone()),
            transport: format!("{:?}", cx.transport()),
            traceparent: cx.trace().map(|trace| trace.to_string()),
            deadline_ms: cx.deadline().and_then(|deadline| i64::try_from(deadline.epoch_ms()).ok()),
        })
    }
}

impl Handle<shapes::Shapes> for Kit {
    async fn handle(&self, _cx: &Call, input: shapes::Input) -> Result<shapes::Output, shapes::Error> {
        Ok(shapes::Output { echo: serde_json::to_value(input).map_err(|error| CallError::internal(&error))? })
    }
}

impl Handle<pick::Pick> for Kit {
    async fn handle(&self, _cx: &Call, input: pick::Input) -> Result<pick::Output, pick::Error> {
        Ok(pick::Output { echo: serde_json::to_value(input).map_err(|error| CallError::internal(&error))? })
    }
}
