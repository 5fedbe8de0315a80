//! Directories that are read while the hub runs.

use std::path::PathBuf;

/// Directories that are read while the hub runs.
#[derive(Debug, Clone, Default)]
pub struct Directory {
    /// Operation files that are served as they come and go.
    pub imports: Option<PathBuf>,
}
