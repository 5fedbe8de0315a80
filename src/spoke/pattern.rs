//! Patterns of file names.

use globset::{GlobBuilder, GlobMatcher};

use super::sandbox::Fail;

/// `*` does not cross a `/`, as shells have it.
pub(super) fn glob(pattern: &str) -> Result<GlobMatcher, Fail> {
    let built = GlobBuilder::new(pattern).literal_separator(true).build();
    built
        .map(|glob| glob.compile_matcher())
        .map_err(|error| Fail::Pattern(pattern.to_owned(), error.kind().to_string()))
}
