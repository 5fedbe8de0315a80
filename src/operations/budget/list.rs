//! `budget.list`

use alkhub_api::budget::list::{Error, Input, List, Output};
use alkhub_core::{Call, Handle};

use crate::{convert_llm, hub::Hub, storage::llm::budgets};

impl Handle<List> for Hub {
    async fn handle(&self, _cx: &Call, input: Input) -> Result<Output, Error> {
        let kind = input.kind.map(|kind| kind.to_string());
        let page = budgets::list(
            &self.database,
            kind.as_deref(),
            input.subject.as_deref(),
            input.cursor.as_deref(),
            input.limit.unsigned_abs(),
        );
        let page = page.await?;
        let items: Result<_, _> = page.items.iter().map(convert_llm::budget).collect();
        Ok(Output { items: items?, next_cursor: page.next_cursor })
    }
}
