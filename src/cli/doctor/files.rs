//! Whether the hub may open as many files as it may have connections.

use rustix::process::{Resource, getrlimit};

use super::finding::Finding;
use crate::config::Config;

const NAME: &str = "open files";
/// For the database, the log, the search index and the rest.
const OTHERS: u64 = 256;

pub(super) fn check(config: &Config) -> Finding {
    let limit = getrlimit(Resource::Nofile).current;
    let wanted = config.limits.connections as u64 + OTHERS;
    match limit {
        Some(limit) if limit < wanted => Finding::warn(
            NAME,
            format!("at most {limit}, but limits.connections = {} needs {wanted}", config.limits.connections),
            format!(
                "ulimit -n {wanted}, or LimitNOFILE={wanted} in the systemd unit, or lower limits.connections"
            ),
        ),
        Some(limit) => Finding::ok(NAME, format!("at most {limit}")),
        None => Finding::ok(NAME, "no limit"),
    }
}
