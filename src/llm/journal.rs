//! A file of this process with the requests that are not yet in the books, so that killing the process loses none.
//!
//! A line says of a request either what it may cost, when it begins, or what it has used, when it has ended; the last
//! line of a request counts. Lines are written before anybody is asked or answered; the kernel keeps them when the
//! process is killed. Whoever runs next in the same folder, or beside, settles what a dead process has left.

use std::{
    collections::HashMap,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::storage::llm::{ledger::Settlement, usage::Record};

/// Size from which on lines that are not needed any more are left out.
const COMPACT: u64 = 4 * 1024 * 1024;
/// End of the names of journals.
const SUFFIX: &str = "journal";

#[derive(Serialize, Deserialize)]
struct Line<T> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    block: Option<String>,
    record: T,
}

struct Open {
    file: File,
    size: u64,
    /// Size from which on it is worth the while to make it shorter.
    long: u64,
    /// By request, the line that counts.
    lines: HashMap<String, Vec<u8>>,
}

/// See the module.
pub(super) struct Journal {
    path: PathBuf,
    open: Mutex<Open>,
}

impl Journal {
    /// A new one in a folder, named after this run of the process.
    pub(super) fn create(folder: &Path, node: &str) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let path = folder.join(format!("{node}.{SUFFIX}"));
        let file = made(&path)?;
        Ok(Self { path, open: Mutex::new(Open { file, size: 0, long: COMPACT, lines: HashMap::new() }) })
    }

    /// Notes what is known of a request.
    pub(super) fn note(&self, record: &Record, block: Option<&String>) {
        // The end of the line stands before it: one that a full disk has cut does not take the next one with it.
        let mut line = vec![b'\n'];
        if let Err(error) = serde_json::to_writer(&mut line, &Line { block: block.cloned(), record }) {
            return tracing::error!(%error, "a request to a model cannot be written down");
        }
        let mut open = self.open.lock();
        if let Err(error) = open.file.write_all(&line) {
            // It will still be written to the database.
            tracing::error!(%error, "the journal of requests to models cannot be written");
        }
        open.size += line.len() as u64;
        open.lines.insert(record.id.clone(), line);
    }

    /// How many requests are not in the books.
    pub(super) fn len(&self) -> usize {
        self.open.lock().lines.len()
    }

    /// These requests are in the books, or have been given up.
    pub(super) fn forget<'a>(&self, requests: impl Iterator<Item = &'a str>) {
        let mut open = self.open.lock();
        for request in requests {
            open.lines.remove(request);
        }
        if open.size < open.long {
            return;
        }
        if let Err(error) = self.compact(&mut open) {
            tracing::error!(%error, "the journal of requests to models cannot be made shorter");
        }
    }

    fn compact(&self, open: &mut Open) -> io::Result<()> {
        let kept = open.lines.values().flatten().copied().collect::<Vec<u8>>();
        // The new one takes the place of the old one only when it is whole.
        let mut file = made_with(&self.path, &kept)?;
        std::mem::swap(&mut open.file, &mut file);
        open.size = kept.len() as u64;
        open.long = COMPACT.max(open.size * 2);
        Ok(())
    }

    /// Removes it, if nothing is left in it.
    pub(super) fn close(&self) {
        if self.open.lock().lines.is_empty() {
            // Whoever finds it will find it empty.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn made(path: &Path) -> io::Result<File> {
    made_with(path, b"")
}

/// A file that is locked before others can see it, so that nobody takes it for that of a dead process.
fn made_with(path: &Path, text: &[u8]) -> io::Result<File> {
    let temporary = path.with_extension("new");
    let mut file = OpenOptions::new().create(true).truncate(true).write(true).open(&temporary)?;
    file.try_lock().map_err(io::Error::from)?;
    file.write_all(text)?;
    fs::rename(&temporary, path)?;
    Ok(file)
}

/// What a process has left that is gone. The lock is held until it is dropped.
pub(super) struct Left {
    path: PathBuf,
    /// Id of its run.
    pub(super) node: String,
    /// What it had not written.
    pub(super) settlements: Vec<Settlement>,
    _file: File,
}

impl Left {
    /// All of it is in the books.
    pub(super) fn done(self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }
}

/// Journals in a folder whose processes are gone.
pub(super) fn left(folder: &Path) -> io::Result<Vec<Left>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let Some(node) = path.file_stem().and_then(|stem| stem.to_str()).map(str::to_owned) else { continue };
        if path.extension().is_none_or(|extension| extension != SUFFIX) {
            continue;
        }
        let file = match OpenOptions::new().read(true).write(true).open(&path) {
            Ok(file) => file,
            // Another process has just settled it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        if file.try_lock().is_err() {
            continue;
        }
        let mut last: HashMap<String, Settlement> = HashMap::new();
        for line in fs::read(&path)?.split(|byte| *byte == b'\n') {
            // The last line of a process that was killed may be cut.
            if let Ok(Line { block, record }) = serde_json::from_slice::<Line<Record>>(line) {
                last.insert(record.id.clone(), Settlement { record, block, lost: false });
            }
        }
        all.push(Left { path, node, settlements: last.into_values().collect(), _file: file });
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: &str, cost: i64) -> Record {
        serde_json::from_value(serde_json::json!({
            "id": id, "at": 1, "day": "1970-01-01", "key_id": "k", "project": null, "session": null, "operation": "llm.chat",
            "requested": "m", "provider": null, "model": "m", "input_tokens": 1, "cached_tokens": 0, "output_tokens": 1,
            "reasoning_tokens": 0, "cost": cost, "estimated": false, "status": "ok", "attempts": 1, "latency_ms": 1,
            "first_token_ms": null,
        }))
        .expect("a record")
    }

    #[test]
    fn what_a_dead_process_left_is_found_once_it_is_dead() {
        let folder = tempfile::tempdir().expect("a folder");
        let journal = Journal::create(folder.path(), "one").expect("a journal");
        let block = "b".to_owned();
        journal.note(&record("a", 100), Some(&block));
        journal.note(&record("a", 7), Some(&block));
        journal.note(&record("b", 100), None);
        journal.note(&record("c", 100), None);
        journal.forget(["c"].into_iter());
        assert!(left(folder.path()).expect("a folder").is_empty(), "it lives");
        journal.compact(&mut journal.open.lock()).expect("shorter");
        assert!(left(folder.path()).expect("a folder").is_empty(), "it lives");
        journal.close();
        drop(journal);
        let mut found = left(folder.path()).expect("a folder");
        let left_behind = found.pop().expect("a journal");
        let mut costs: Vec<_> = left_behind
            .settlements
            .iter()
            .map(|left| (left.record.id.as_str(), left.record.cost, left.block.as_deref()))
            .collect();
        costs.sort_unstable();
        assert_eq!((&*left_behind.node, costs), ("one", vec![("a", 7, Some("b")), ("b", 100, None)]));
        left_behind.done().expect("removed");
        assert!(left(folder.path()).expect("a folder").is_empty());
    }
}
