//! Logs to standard error, traces to an OTLP collector when one is configured.

mod export;
mod filter;
mod logs;
pub(crate) mod redact;
mod trace;

use std::sync::{Arc, OnceLock};

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::Config;

pub use trace::{adopt, current, mark};

/// Why logging or tracing could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// The filter is wrong; a loaded configuration has been checked for that.
    #[error("log.filter: {0}")]
    Filter(String),
    /// The exporter could not be built.
    #[error("telemetry.otlp_endpoint: {0}")]
    Export(String),
    /// Something in this process has set up logging before.
    #[error("logging has already been set up in this process")]
    Twice,
}

/// Keeps logging and tracing going; dropped, it sends what is left, for three seconds at most.
#[must_use = "dropping the guard ends the export of traces"]
pub struct Guard {
    _export: Option<export::Pipeline>,
}

/// Sets up logging and tracing for the whole process.
pub fn init(config: &Config) -> Result<Guard, InitError> {
    let pipeline = export::Pipeline::start(&config.telemetry).map_err(InitError::Export)?;
    let spans = pipeline.as_ref().map(export::Pipeline::layer);
    let (lines, set) = logs::layer(&config.log, Arc::new(std::io::stderr())).map_err(InitError::Filter)?;
    tracing_subscriber::registry().with(lines).with(spans).try_init().map_err(|_| InitError::Twice)?;
    let _ = FILTER.set(set);
    log_panics();
    Ok(Guard { _export: pipeline })
}

/// Set once, with the logging of the process.
static FILTER: OnceLock<logs::SetFilter> = OnceLock::new();

/// Puts another filter in force; nothing where this process does not log.
///
/// # Errors
/// What is wrong with it.
pub fn set_filter(directives: &str) -> Result<(), String> {
    FILTER.get().map_or(Ok(()), |set| set(directives))
}

/// A panic becomes one log line like any other, instead of bare text between JSON lines.
fn log_panics() {
    std::panic::set_hook(Box::new(|info| {
        let at = info.location().map(ToString::to_string).unwrap_or_default();
        let message = info.payload_as_str().unwrap_or("(no message)");
        tracing::error!(panic.location = at, panic.message = message, "a task panicked");
    }));
}
