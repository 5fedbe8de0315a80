//! Imported services.

use crate::imports::mcp::Stdio;

/// Imported services.
#[derive(Debug, Clone)]
pub struct Imports {
    /// Programs that may be started as MCP servers.
    pub stdio: Stdio,
}

impl Default for Imports {
    fn default() -> Self {
        let env = ["PATH", "HOME", "LANG", "TMPDIR", "TZ"].map(str::to_owned).to_vec();
        Self { stdio: Stdio { allow: Vec::new(), env } }
    }
}
