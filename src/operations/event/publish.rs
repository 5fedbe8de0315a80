//! `event.publish`

use alkhub_api::{
    errors::EventTypeUnknown,
    event::publish::{Error, Input, Output, Publish},
};
use alkhub_core::{Call, CallError, Handle, error::codes};

use crate::{
    hub::Hub,
    storage::{
        events::{self, New},
        time::rfc3339,
    },
};

impl Handle<Publish> for Hub {
    async fn handle(&self, _cx: &Call, input: Input) -> Result<Output, Error> {
        if !self.events.types().is_custom(&input.type_) {
            let allowed = self.events.settings().custom.clone();
            return Err(Error::EventTypeUnknown(EventTypeUnknown { type_: input.type_, allowed }));
        }
        let (kind, key) = (input.type_, input.id.unwrap_or_default());
        let payload = input.payload.unwrap_or_default();
        let largest = self.events.settings().payload_bytes;
        if payload.to_string().len() > largest {
            let message = format!("The payload is larger than {largest} bytes.");
            return Err(CallError::new(codes::PAYLOAD_TOO_LARGE, message).into());
        }
        let event = New {
            kind: kind.clone(),
            key: key.clone(),
            payload,
            project: input.project,
            session: input.session,
        };
        let at = events::publish(&self.database, event).await?;
        Ok(Output { type_: kind, id: key, time: rfc3339(at) })
    }
}
