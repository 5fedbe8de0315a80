//! `llm.capture`

use alkhub_api::{
    errors::CaptureNotFound,
    llm::capture::{Capture, Error, Input, Output},
};
use alkhub_core::{Call, Handle};

use crate::{
    hub::Hub,
    storage::time::rfc3339,
};

impl Handle<Capture> for Hub {
    async fn handle(&self, _cx: &Call, input: Input) -> Result<Output, Error> {
        match self.llm.capture(&input.request_id.to_lowercase()).await? {
            Some(capture) => Ok(Output {
                request_id: capture.id,
                key_id: capture.key_id,
                at: rfc3339(capture.at),
                request: capture.request,
                answer: capture.answer,
                truncated: capture.truncated,
            }),
            None => Err(Error::CaptureNotFound(CaptureNotFound { request_id: input.request_id })),
        }
    }
}
