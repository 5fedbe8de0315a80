//! The answer of a call with an idempotency key, on its way into the transaction of the call's effect.

use alkhub_core::{Call, CallError, once::Ticket};
use bytes::Bytes;
use sea_orm::ConnectionTrait;
use serde::Serialize;

use super::idempotency;

type Answering<'a, T> = Box<dyn Fn(&T) -> Result<Bytes, CallError> + Send + Sync + 'a>;

/// What a function of the storage is given to keep the answer that its caller will make of `T`.
pub struct Receipt<'a, T> {
    wanted: Option<(&'a Ticket, Answering<'a, T>)>,
}

impl<'a, T: Clone> Receipt<'a, T> {
    /// The receipt of a call whose output `shape` makes; none is written where the call has no key.
    #[must_use]
    pub fn of<O: Serialize>(call: &'a Call, shape: &'a (impl Fn(T) -> O + Send + Sync)) -> Self {
        Self {
            wanted: call.ticket().map(|ticket| {
                let answering: Answering<'a, T> = Box::new(move |value| {
                    let json = serde_json::to_vec(&shape(value.clone()));
                    json.map(Bytes::from).map_err(|error| CallError::internal(&error))
                });
                (&**ticket, answering)
            }),
        }
    }

    /// Nothing is to be kept.
    #[must_use]
    pub fn none() -> Self {
        Self { wanted: None }
    }

    /// Keeps the answer; what follows is only the commit.
    pub(super) async fn write(&self, tx: &impl ConnectionTrait, value: &T) -> Result<(), CallError> {
        let Some((ticket, answer)) = &self.wanted else { return Ok(()) };
        idempotency::write(tx, ticket, &Ok(answer(value)?), None).await?;
        ticket.settle();
        Ok(())
    }
}
