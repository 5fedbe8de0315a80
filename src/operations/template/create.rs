//! `template.create`

use alkhub_api::{
    errors::TemplateExists,
    template::create::{Create, Error, Input, Output},
};
use alkhub_core::{Call, CallError, Handle};

use crate::{convert, flow::templates::{Known, checked, declared, view}, hub::Hub, storage::templates};

impl Handle<Create> for Hub {
    async fn handle(&self, cx: &Call, input: Input) -> Result<Output, Error> {
        if declared(&input.name).is_some() {
            return Err(Error::TemplateExists(TemplateExists { name: input.name.to_string() }));
        }
        let template = checked(cx, &input.definition).await?;
        let definition = serde_json::to_string(&template).map_err(|error| CallError::internal(&error))?;
        let description = input.description.unwrap_or_default();
        let (name, actor) = (input.name, convert::actor(cx));
        let written =
            templates::create(&self.database, &actor, name.to_string(), description, input.shared, definition);
        match written.await? {
            Some(stored) => Ok(view(Known::Stored(stored))?),
            None => Err(Error::TemplateExists(TemplateExists { name: name.to_string() })),
        }
    }
}
