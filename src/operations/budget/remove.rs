//! `budget.remove`

use alkhub_api::budget::remove::{Error, Input, Output, Remove};
use alkhub_core::{Call, Handle};

use crate::{
    convert,
    hub::Hub,
    storage::llm::budgets::{self, Place},
};

impl Handle<Remove> for Hub {
    async fn handle(&self, cx: &Call, input: Input) -> Result<Output, Error> {
        let (kind, period) = (input.kind.to_string(), input.period.to_string());
        let place = Place { kind: &kind, subject: &input.subject, period: &period };
        let removed = budgets::remove(&self.database, &convert::actor(cx), place).await?;
        if let Some(revision) = removed {
            self.llm.settle(revision).await?;
        }
        Ok(Output { removed: removed.is_some() })
    }
}
