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
        templates::{check_input, find, read},
    },
    hub::Hub,
};

impl Handle<Run> for Hub {
    async fn handle(&self, cx: &Call, input: Input) -> Result<Output, Error> {
        let known = find(&self.database, cx, &input.name).await?;
        let known = known
            .ok_or_else(|| Error::TemplateNotFound(TemplateNotFound { name: input.name.to_string() }))?;
        let template = read(&known)?;
        let taken = input.input.unwrap_or_else(|| json!({}));
        check_input(&template, &taken)?;
        let ran = Box::pin(run(cx, known.name(), &template, &taken)).await?;
        Ok(Output { output: ran.output, skipped: ran.skipped })
    }
}
