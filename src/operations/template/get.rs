//! `template.get`

use alkhub_api::{
    errors::TemplateNotFound,
    template::get::{Error, Get, Input, Output},
};
use alkhub_core::{Call, Handle};

use crate::{flow::templates::{find, view}, hub::Hub};

impl Handle<Get> for Hub {
    async fn handle(&self, cx: &Call, input: Input) -> Result<Output, Error> {
        match find(&self.database, cx, &input.name).await? {
            Some(known) => Ok(view(known)?),
            None => Err(Error::TemplateNotFound(TemplateNotFound { name: input.name.to_string() })),
        }
    }
}
