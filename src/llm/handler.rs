//! Requests whose bodies pass through: around the handlers of the operations, which serve all other transports.

use std::sync::Arc;

use alkhub_core::{
    Call, CallError, Registry,
    engine::{Answer, Unchecked, handler::ErasedHandler},
};
use async_trait::async_trait;

use super::{Exchange, Llm};

/// The operations whose requests may come as bytes.
pub const OPERATIONS: [&str; 4] = ["llm.chat", "llm.respond", "llm.embed", "llm.message"];

struct Raw {
    llm: Llm,
    inner: Arc<dyn ErasedHandler>,
}

#[async_trait]
impl ErasedHandler for Raw {
    async fn serve(&self, call: &Call, input: Unchecked<'_>) -> Result<Answer, CallError> {
        match call.carried::<Exchange>() {
            Some(exchange) => Box::pin(self.llm.run(call, &exchange)).await,
            None => self.inner.serve(call, input).await,
        }
    }
}

/// Lets the operations' requests come as bytes too.
pub fn serve_raw(registry: &Registry, llm: &Llm) {
    for id in OPERATIONS {
        registry.wrap(id, |inner| Arc::new(Raw { llm: llm.clone(), inner }));
    }
}
