//! From what a caller gives to what is stored.

use std::collections::BTreeMap;

use alkhub_api::shared::McpProgram;
use alkhub_core::{CallError, import::mcp::Tool};
use zeroize::Zeroizing;

use super::{Config, Credentials, Program};
use crate::hub::Hub;

/// Credentials as callers give them.
#[derive(Default)]
pub struct Given {
    /// A token; an empty one removes it.
    pub bearer: Option<String>,
    /// Headers in place of those before.
    pub headers: Option<BTreeMap<String, String>>,
    /// Variables in place of those before.
    pub env: Option<BTreeMap<String, String>>,
}

impl Given {
    /// Those before, with what was given in their place.
    #[must_use]
    pub fn over(self, mut before: Credentials) -> Credentials {
        if let Some(bearer) = self.bearer {
            before.bearer = Some(bearer).filter(|bearer| !bearer.is_empty());
        }
        if let Some(headers) = self.headers {
            before.headers =
                headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
        }
        if let Some(env) = self.env {
            before.env = env;
        }
        before
    }
}

impl From<McpProgram> for Program {
    fn from(program: McpProgram) -> Self {
        Self { command: program.command, args: program.args.unwrap_or_default(), cwd: program.cwd }
    }
}

/// The tools as the document that is stored of them.
///
/// # Errors
/// EXECUTION_ERROR.
pub fn document(tools: &[Tool]) -> Result<String, CallError> {
    serde_json::to_string(tools).map_err(|error| CallError::internal(&error))
}

impl Hub {
    /// Seals credentials, and notes in the configuration which there are.
    ///
    /// # Errors
    /// NO_MASTER_KEY or EXECUTION_ERROR.
    pub async fn seal_mcp(
        &self,
        credentials: &Credentials,
        config: &mut Config,
    ) -> Result<Option<String>, CallError> {
        credentials.name_in(config);
        match credentials.write()? {
            Some(secret) => self.vault.seal(secret).await.map(Some),
            None => Ok(None),
        }
    }

    /// Opens what was sealed.
    ///
    /// # Errors
    /// NO_MASTER_KEY or EXECUTION_ERROR.
    pub async fn open_mcp(&self, sealed: Option<&str>) -> Result<Credentials, CallError> {
        let opened: Option<Zeroizing<Vec<u8>>> = match sealed {
            Some(sealed) => Some(self.vault.open(sealed).await?),
            None => None,
        };
        Credentials::read(opened.as_deref().map(Vec::as_slice))
    }
}
