//! Which events become log lines.

use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::{EnvFilter, FilterExt, FilterFn};
use tracing_subscriber::layer::Filter;

/// Libraries whose details help nobody at `debug`: they would drown the hub's own lines, and some print what they send.
const QUIET: [&str; 12] = [
    "h2",
    "hyper",
    "hyper_util",
    "reqwest",
    "rustls",
    "sea_orm",
    "sea_orm_migration",
    "sqlx",
    "tantivy",
    "tokio_tungstenite",
    "tower",
    "tungstenite",
];

/// Libraries that print URLs and messages even in their errors; what matters of it is told by who uses them.
const SILENT: &str = "rmcp";

/// The filter of `log.filter`, with chatty libraries kept to warnings unless it names them.
pub(super) fn of<S: Subscriber>(directives: &str) -> Result<Box<dyn Filter<S> + Send + Sync>, String> {
    let chosen = EnvFilter::builder().parse(directives).map_err(|error| error.to_string())?;
    let quiet: Vec<&'static str> = QUIET.into_iter().filter(|target| !directives.contains(target)).collect();
    let silent = !directives.contains(SILENT);
    let wanted = FilterFn::new(move |metadata| is_wanted(metadata, &quiet, silent));
    // Without a word on it, every `log::trace!` of a library would come as far as here: several for each frame of a
    // WebSocket.
    Ok(chosen.and(wanted.with_max_level_hint(Level::TRACE)).boxed())
}

fn is_wanted(metadata: &Metadata<'_>, quiet: &[&str], silent: bool) -> bool {
    let root = metadata.target().split("::").next().unwrap_or_default();
    if silent && root == SILENT {
        return false;
    }
    // The exporter's failures are told once by `export`; the SDK would tell them at every attempt.
    !root.starts_with("opentelemetry") && (*metadata.level() <= Level::WARN || !quiet.contains(&root))
}
