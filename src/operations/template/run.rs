//! `template.run`

use alkhub_api::{
    errors::TemplateNotFound,
    template::run::{Error, Input, Output, Run},
};
use alkhub_core::{Call, Handle};
use serde_json::json;

use crate::{
    flow::{
        run::run,
        templates::{check_input, read, viewer},
    },
    hub::Hub,
    storage::templates,
};

impl Handle<Run> for Hub {
    async fn handle(&self, cx: &Call, input: Input) -> Result<Output, Error> {
        let stored = templates::get(&self.database, &viewer(cx), &input.name).await?;
        let stored = stored
            .ok_or_else(|| Error::TemplateNotFound(TemplateNotFound { name: input.name.to_string() }))?;
        let template = read(&stored)?;
        let taken = input.input.unwrap_or_else(|| json!({}));
        check_input(&template, &taken)?;
        let ran = Box::pin(run(cx, &stored.name, &template, &taken)).await?;
        Ok(Output { output: ran.output, skipped: ran.skipped })
    }
}
