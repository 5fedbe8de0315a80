//! How log lines look: for people on a terminal, one JSON object each otherwise.

use std::io::IsTerminal;

use tracing::Subscriber;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, reload};

use super::filter;
use super::redact::Redacting;
use crate::config::{Log, LogFormat};

/// Puts another filter in the place of the one that counts.
pub(super) type SetFilter = Box<dyn Fn(&str) -> Result<(), String> + Send + Sync>;

/// The layer that writes log lines, and how to change which.
pub(super) fn layer<S, W>(
    log: &Log,
    writer: W,
) -> Result<(Box<dyn Layer<S> + Send + Sync>, SetFilter), String>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let terminal = std::io::stderr().is_terminal();
    let pretty = match log.format {
        LogFormat::Auto => terminal,
        LogFormat::Pretty => true,
        LogFormat::Json => false,
    };
    let colour = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    // A closed standard error must not bring the hub down: the layer would report the failed write to it, and panic.
    let lines = tracing_subscriber::fmt::layer().with_writer(Redacting(writer)).log_internal_errors(false);
    let (filter, handle) = reload::Layer::new(filter::of::<S>(&log.filter)?);
    let set = move |directives: &str| {
        let filter = filter::of::<S>(directives)?;
        handle.reload(filter).map_err(|error| error.to_string())
    };
    let layer = if pretty {
        lines.compact().with_ansi(colour).with_filter(filter).boxed()
    } else {
        lines
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .with_filter(filter)
            .boxed()
    };
    Ok((layer, Box::new(set)))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("lock").write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(filter: &str, format: LogFormat, work: impl FnOnce()) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let log = Log { filter: filter.to_owned(), format };
        let (layer, _) = layer(&log, move || writer.clone()).expect("a layer");
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), work);
        let bytes = lines.0.lock().expect("lock").clone();
        String::from_utf8(bytes).expect("UTF-8")
    }

    #[test]
    fn json_lines_parse_and_carry_fields_but_no_keys() {
        let text = logged("info", LogFormat::Json, || {
            let span = tracing::info_span!("call", operation = "hub.info");
            let _entered = span.enter();
            tracing::info!(duration_ms = 5, "answered alk_abcdefgh12345678_00ff00ff");
            tracing::debug!("not wanted");
        });
        let line: serde_json::Value = serde_json::from_str(&text).expect("one JSON object");
        assert_eq!(line["duration_ms"], 5);
        assert_eq!(line["level"], "INFO");
        assert_eq!(line["span"]["operation"], "hub.info");
        assert_eq!(line["message"], "answered alk_abcdefgh12345678_[hidden]");
    }

    #[test]
    fn chatty_libraries_speak_up_only_when_asked() {
        let work = || {
            tracing::debug!(target: "hyper::proto", "low");
            tracing::warn!(target: "hyper::proto", "high");
            tracing::error!(target: "opentelemetry_sdk", "again and again");
        };
        let text = logged("debug", LogFormat::Pretty, work);
        assert!(text.contains("high") && !text.contains("low") && !text.contains("again"), "{text}");
        assert!(logged("warn,hyper=debug", LogFormat::Pretty, work).contains("low"));
    }
}
