//! `usage.summary`

use alkhub_api::usage::summary::{Error, Input, InputBy, Output, OutputItemsItem, Summary};
use alkhub_core::{Call, Handle};

use crate::{
    hub::Hub,
    llm::usd,
    storage::{
        llm::usage::{self, By, Filter},
        time::parse,
    },
};

impl Handle<Summary> for Hub {
    async fn handle(&self, _cx: &Call, input: Input) -> Result<Output, Error> {
        let filter = Filter {
            key_id: input.key_id,
            project: input.project,
            session: input.session,
            model: input.model,
            since: input.since.map(|text| parse("/since", &text)).transpose()?,
            until: input.until.map(|text| parse("/until", &text)).transpose()?,
        };
        let by = match input.by {
            InputBy::Key => By::Key,
            InputBy::Project => By::Project,
            InputBy::Session => By::Session,
            InputBy::Model => By::Model,
            InputBy::Day => By::Day,
        };
        let sums = usage::summary(&self.database, &filter, by).await?;
        let item = |sum: usage::Sum| OutputItemsItem {
            name: sum.name,
            requests: sum.requests,
            input_tokens: sum.input_tokens,
            cached_tokens: sum.cached_tokens,
            output_tokens: sum.output_tokens,
            cost_usd: usd(sum.cost),
        };
        Ok(Output { items: sums.into_iter().map(item).collect() })
    }
}
