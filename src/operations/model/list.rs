//! `model.list`

use alkhub_api::model::list::{Error, Input, List, Output};
use alkhub_core::{Call, Handle};

use crate::{convert_llm, hub::Hub};

impl Handle<List> for Hub {
    async fn handle(&self, cx: &Call, _input: Input) -> Result<Output, Error> {
        let models = self.llm.models(cx.identity().map(|identity| identity.id.as_str()));
        let items: Result<_, _> =
            models.into_iter().map(|(id, targets)| convert_llm::model(id, targets.as_deref())).collect();
        Ok(Output { items: items? })
    }
}
