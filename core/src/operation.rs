//! The traits between generated code and handlers.

use std::future::Future;

use futures::{Stream, StreamExt, stream::BoxStream};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Call, CallError,
    engine::{Output, handler::json},
    spec::Descriptor,
};

/// A declared operation. Implemented by the generated marker types, for example `project::Create`.
pub trait Operation: Send + Sync + 'static {
    /// What the YAML file declares.
    const DESCRIPTOR: &'static Descriptor;
    /// The id, `namespace.name`.
    const ID: &'static str = Self::DESCRIPTOR.id;
    /// Input after validation and after defaults were filled in.
    type Input: Serialize + DeserializeOwned + Send + 'static;
    /// Output, or one item of a subscription.
    type Output: Serialize + DeserializeOwned + Send + 'static;
    /// The declared errors, and [`CallError`] for what can befall any call.
    type Error: Declared + From<CallError>;
}

/// An operation's error type: a closed set of declared codes plus infrastructure errors.
pub trait Declared: Send + 'static {
    /// The error as it travels: code, message, details.
    fn into_call_error(self) -> CallError;
}

impl Declared for CallError {
    fn into_call_error(self) -> CallError {
        self
    }
}

/// Items of a subscription; ends cleanly or with one error.
pub type ItemStream<T, E> = BoxStream<'static, Result<T, E>>;

/// The handler of a query or a mutation. Dropping the future cancels the call.
#[diagnostic::on_unimplemented(
    message = "the operation `{O}` is declared but `{Self}` has no handler for it",
    label = "`impl Handle<{O}> for {Self}` is missing",
    note = "write it in the file of src/operations that mirrors the operation's YAML file"
)]
pub trait Handle<O: Operation>: Send + Sync + 'static {
    /// Whether the handler keeps the answer to a call's [`Call::ticket`] in the transaction of its effect. Where it does,
    /// a call that ended in the middle had no effect, and is made again when it is repeated.
    const ATOMIC: bool = false;

    /// Serves one call.
    fn handle(&self, cx: &Call, input: O::Input) -> impl Future<Output = Result<O::Output, O::Error>> + Send;
}

/// The handler of a subscription. Dropping the stream cancels it.
#[diagnostic::on_unimplemented(
    message = "the subscription `{O}` is declared but `{Self}` has no handler for it",
    label = "`impl Subscribe<{O}> for {Self}` is missing",
    note = "write it in the file of src/operations that mirrors the operation's YAML file"
)]
pub trait Subscribe<O: Operation>: Send + Sync + 'static {
    /// Begins one stream.
    fn subscribe(
        &self,
        cx: &Call,
        input: O::Input,
    ) -> impl Future<Output = Result<ItemStream<O::Output, O::Error>, O::Error>> + Send;

    /// The same stream as texts. Whoever gives one item to many callers provides this, and makes its text once.
    fn texts(
        &self,
        cx: &Call,
        input: O::Input,
    ) -> impl Future<Output = Result<impl Stream<Item = Result<Output, O::Error>> + Send + 'static, O::Error>> + Send
    {
        async move {
            let items = self.subscribe(cx, input).await?;
            Ok(items.map(|item| Ok(json(&item?)?)))
        }
    }
}
