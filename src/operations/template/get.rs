//! `template.get`

use alkhub_api::{
    errors::TemplateNotFound,
    template::get::{Error, Get, Input, Output},
};
use alkhub_core::{Call, Handle};

use crate::{flow::templates::{view, viewer}, hub::Hub, storage::templates};

impl Handle<Get> for Hub {
    async fn handle(&self, cx: &Call, input: Input) -> Result<Output, Error> {
        match templates::get(&self.database, &viewer(cx), &input.name).await? {
            Some(stored) => Ok(view(stored)?),
            None => Err(Error::TemplateNotFound(TemplateNotFound { name: input.name.to_string() })),
        }
    }
}
