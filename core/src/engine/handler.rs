//! Handlers with their types erased, so that one engine serves them all.

use std::{marker::PhantomData, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;

use crate::{
    Call, CallError,
    engine::{Answer, Output, Unchecked},
    error::codes,
    operation::{Declared, Handle, ItemStream, Operation, Subscribe},
};

/// What the engine dispatches to: a local handler now, a spoke or an imported service elsewhere.
#[async_trait]
pub trait ErasedHandler: Send + Sync {
    /// Serves one call. Dropping the future cancels the call.
    async fn serve(&self, call: &Call, input: Unchecked<'_>) -> Result<Answer, CallError>;

    /// As [`Handle::ATOMIC`].
    fn is_atomic(&self) -> bool {
        false
    }
}

/// A typed handler of a query or mutation.
pub(crate) struct Local<O, H> {
    hub: Arc<H>,
    operation: PhantomData<fn() -> O>,
}

impl<O, H> Local<O, H> {
    pub(crate) fn new(hub: Arc<H>) -> Self {
        Self { hub, operation: PhantomData }
    }
}

/// A typed handler of a subscription.
pub(crate) struct LocalStream<O, H> {
    hub: Arc<H>,
    operation: PhantomData<fn() -> O>,
}

impl<O, H> LocalStream<O, H> {
    pub(crate) fn new(hub: Arc<H>) -> Self {
        Self { hub, operation: PhantomData }
    }
}

fn declared<O: Operation>(error: O::Error) -> CallError {
    let mut error = error.into_call_error();
    if error.http_status.is_none() {
        error.http_status =
            O::DESCRIPTOR.errors.iter().find(|spec| spec.code == error.code).map(|spec| spec.status);
    }
    error
}

pub(crate) fn json<T: serde::Serialize>(value: &T) -> Result<Output, CallError> {
    serde_json::to_vec(value)
        .map(|json| Output::data(Bytes::from(json)))
        .map_err(|error| CallError::internal(&error))
}

#[async_trait]
impl<O: Operation, H: Handle<O>> ErasedHandler for Local<O, H> {
    async fn serve(&self, call: &Call, input: Unchecked<'_>) -> Result<Answer, CallError> {
        let input = input.typed()?;
        let output = self.hub.handle(call, input).await.map_err(declared::<O>)?;
        Ok(Answer::Once(json(&output)?))
    }

    fn is_atomic(&self) -> bool {
        H::ATOMIC
    }
}

#[async_trait]
impl<O: Operation, H: Subscribe<O>> ErasedHandler for LocalStream<O, H> {
    async fn serve(&self, call: &Call, input: Unchecked<'_>) -> Result<Answer, CallError> {
        let input = input.typed()?;
        let items = self.hub.texts(call, input).await.map_err(declared::<O>)?;
        Ok(Answer::Stream(items.map(|item| item.map_err(declared::<O>)).boxed()))
    }
}

impl Answer {
    /// The single output.
    ///
    /// # Errors
    /// EXECUTION_ERROR where the operation answers with a stream.
    pub fn once(self) -> Result<Output, CallError> {
        match self {
            Self::Once(output) => Ok(output),
            Self::Stream(_) => Err(CallError::new(
                codes::BAD_REQUEST,
                "The operation is a subscription; subscribe to it instead.",
            )),
        }
    }

    /// The stream of items.
    ///
    /// # Errors
    /// BAD_REQUEST where the operation answers once.
    pub fn stream(self) -> Result<ItemStream<Output, CallError>, CallError> {
        match self {
            Self::Stream(items) => Ok(items),
            Self::Once(_) => Err(CallError::new(
                codes::BAD_REQUEST,
                "The operation is not a subscription; call it instead.",
            )),
        }
    }
}
