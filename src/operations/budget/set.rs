//! `budget.set`

use alkhub_api::budget::set::{Error, Input, Output, Set};
use alkhub_core::{Call, Handle};

use crate::{
    convert, convert_llm,
    hub::Hub,
    llm,
    storage::llm::budgets::{self, Place},
};

impl Handle<Set> for Hub {
    async fn handle(&self, cx: &Call, input: Input) -> Result<Output, Error> {
        let (kind, period) = (input.kind.to_string(), input.period.to_string());
        let place = Place { kind: &kind, subject: &input.subject, period: &period };
        let amount = llm::nanos(input.limit_usd);
        let (budget, revision) = budgets::put(&self.database, &convert::actor(cx), place, amount).await?;
        self.llm.settle(revision).await?;
        Ok(convert_llm::budget(&budget)?)
    }
}
