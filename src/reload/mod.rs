//! Changed configuration in a hub that runs: read again, checked as at the start, and put in force as far as it can be
//! (ADR 0033).

mod others;
mod watch;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::sync::Mutex;

pub use others::Others;
pub use watch::watch;

use crate::config::{self, Change, Live, Origin, Problem, Shown, Sources};

/// What came of reading the configuration again.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The file that was read, if any.
    pub file: Option<String>,
    /// What is different, whether it counts now or after a restart.
    pub changes: Vec<Change>,
    /// What was wrong. If anything was, nothing has changed.
    pub problems: Vec<Problem>,
}

/// Reads the configuration again. Cheap to clone.
#[derive(Clone)]
pub struct Reloader {
    inner: Arc<Inner>,
}

struct Inner {
    live: Live,
    /// What the process was started with; `None` where that was no more than values.
    sources: Option<Sources>,
    /// Whether there was a file; one that has gone is not the same as none.
    had_file: AtomicBool,
    /// Keys whose value was written encrypted when it was last read.
    hidden: Mutex<Vec<&'static str>>,
}

impl Reloader {
    /// For a configuration that came from there.
    #[must_use]
    pub fn new(live: Live, sources: Option<Sources>) -> Self {
        let had_file = AtomicBool::new(false);
        Self { inner: Arc::new(Inner { live, sources, had_file, hidden: Mutex::default() }) }
    }

    /// What the configuration is made from, where it can be read again.
    #[must_use]
    pub fn sources(&self) -> Option<&Sources> {
        self.inner.sources.as_ref()
    }

    /// Reads it again, and says in the log what came of it and on whose word it was done. One at a time.
    pub async fn reload(&self, word: &str) -> Report {
        let mut hidden = self.inner.hidden.lock().await;
        let report = match self.inner.sources.clone() {
            Some(sources) => self.read(sources, &mut hidden).await,
            None => refused(
                "this process was started with values, and not with a file",
                "change them where the process is started, and start it again",
            ),
        };
        log(&report, word);
        report
    }

    async fn read(&self, sources: Sources, hidden: &mut Vec<&'static str>) -> Report {
        // A file system may be slow, and a master key takes a while to derive from.
        let read = tokio::task::spawn_blocking(move || config::examine(&sources)).await;
        let Ok((loaded, problems)) = read else {
            return refused("it could not be read", "the log says why");
        };
        let file = loaded.file.as_ref().map(|file| file.display().to_string());
        if !problems.is_empty() {
            return Report { file, problems, ..Report::default() };
        }
        let had_file = self.inner.had_file.fetch_or(file.is_some(), Ordering::Relaxed);
        if had_file && file.is_none() {
            return refused("the file is gone", "put it back; to do without it, start the process again");
        }
        let mut changes = self.inner.live.turn(&loaded.config);
        // Also what was encrypted and is no longer: it may be the same secret.
        for change in &mut changes {
            if hidden.contains(&change.key) || loaded.encrypted().contains(&change.key) {
                (change.from, change.to) = (Shown::Hidden, Shown::Hidden);
            }
        }
        *hidden = loaded.encrypted().to_vec();
        Report { file, changes, problems: Vec::new() }
    }
}

fn refused(message: &str, help: &str) -> Report {
    let problem =
        Problem { origin: Origin::Default, key: None, message: message.to_owned(), help: help.to_owned() };
    Report { problems: vec![problem], ..Report::default() }
}

fn log(report: &Report, word: &str) {
    for Problem { origin, message, help, .. } in &report.problems {
        tracing::error!(word, at = %origin, help, "the configuration cannot be used, and stays as it was: {message}");
    }
    for Change { key, from, to, live } in &report.changes {
        let (from, to) = (text(from), text(to));
        if *live {
            tracing::info!(word, key, from, to, "the configuration has changed");
        } else {
            tracing::warn!(word, key, from, to, "a change of the configuration that counts after a restart");
        }
    }
    if report.problems.is_empty() && report.changes.is_empty() {
        tracing::debug!(word, "the configuration was read and is what it was");
    }
}

fn text(shown: &Shown) -> String {
    match shown {
        Shown::Unset => "(unset)".to_owned(),
        Shown::Hidden => "[hidden]".to_owned(),
        Shown::Plain(value) => value.to_string(),
    }
}
