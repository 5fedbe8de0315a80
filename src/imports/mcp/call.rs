//! A call on its way to a tool: validated here, run there.

use std::sync::Arc;

use alkhub_core::{
    Call, CallError,
    engine::{Answer, Unchecked, handler::ErasedHandler},
    import::mcp::{Called, answer},
};
use async_trait::async_trait;
use serde_json::{Value, json};

use super::{failure, shared::Shared};
use crate::imports::refuse_key;

/// Code of the refusal of a tool that was changed.
pub(super) const TOOL_CHANGED: &str = "TOOL_CHANGED";

/// Serves one tool.
pub(super) struct Serve {
    pub(super) shared: Arc<Shared>,
    /// Name that the server gave it.
    pub(super) tool: String,
    /// Name of the operation.
    pub(super) operation: String,
    pub(super) output_schema: Option<Value>,
    /// Whether it is refused: it is pinned, and not as it was approved.
    pub(super) refused: bool,
}

#[async_trait]
impl ErasedHandler for Serve {
    async fn serve(&self, call: &Call, input: Unchecked<'_>) -> Result<Answer, CallError> {
        let Value::Object(arguments) = input.value()? else {
            return Err(CallError::fault("", "must be an object"));
        };
        let service = &*self.shared.service;
        if self.refused {
            return Err(self.refusal());
        }
        refuse_key(call)?;
        let connection = self.shared.connection()?;
        let tool = Called {
            service,
            operation: &self.operation,
            name: &self.tool,
            output_schema: self.output_schema.as_ref(),
        };
        // A call that is given up may have met with a server that hangs.
        let unanswered = Unanswered(Some(&self.shared));
        let result = connection.call(&self.tool, arguments, call.carried()).await;
        unanswered.answered();
        match result {
            Ok(result) => answer(tool, result).map(Answer::Once),
            Err(error) => {
                if failure::is_loss(&error) {
                    self.shared.trouble.notify_one();
                }
                Err(failure::of_call(tool, error))
            }
        }
    }
}

impl Serve {
    fn refusal(&self) -> CallError {
        let (service, operation) = (&self.shared.service, &self.operation);
        let mut error = CallError::new(
            TOOL_CHANGED,
            format!(
                "The MCP server {service} has changed the tool behind {service}.{operation} since it was approved; it is \
                 not called until somebody approves it (`mcp.update` with `approve`)."
            ),
        )
        .with_details(json!({ "name": service, "tool": self.tool }));
        error.http_status = Some(409);
        error
    }
}

struct Unanswered<'a>(Option<&'a Shared>);

impl Unanswered<'_> {
    fn answered(mut self) {
        self.0 = None;
    }
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        if let Some(shared) = self.0 {
            shared.trouble.notify_one();
        }
    }
}
