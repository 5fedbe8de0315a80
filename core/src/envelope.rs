//! The envelope around a result (upstream reference section 2.5).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A result with where it came from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResponseEnvelope {
    /// The operation's output.
    #[serde(default)]
    pub data: Value,
    /// Origin, told apart by `source`.
    pub meta: Meta,
}

/// Where a result came from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "source", rename_all = "lowercase")]
pub enum Meta {
    /// A handler.
    #[serde(rename_all = "camelCase")]
    Local {
        /// The operation that ran.
        operation_id: String,
        /// Milliseconds since the Unix epoch.
        timestamp: u64,
    },
    /// An imported HTTP service.
    #[serde(rename_all = "camelCase")]
    Http {
        /// Status of the answer.
        status_code: u16,
        /// Headers, names in lower case.
        headers: std::collections::BTreeMap<String, String>,
        /// Media type of the answer.
        content_type: String,
    },
    /// An imported MCP tool.
    #[serde(rename_all = "camelCase")]
    Mcp {
        /// The tool's own word that it failed.
        is_error: bool,
        /// Content blocks.
        content: Vec<Value>,
        /// Structured result.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        structured_content: Option<Map<String, Value>>,
        /// Protocol metadata.
        #[serde(default, rename = "_meta", skip_serializing_if = "Option::is_none")]
        meta: Option<Map<String, Value>>,
    },
}

impl ResponseEnvelope {
    /// Wraps the output of a local handler.
    #[must_use]
    pub fn local(operation_id: &str, data: Value) -> Self {
        Self {
            data,
            meta: Meta::Local { operation_id: operation_id.to_owned(), timestamp: crate::call::now_ms() },
        }
    }
}
