//! Operation files of a directory, served as they come and go (ADR 0039). `<namespace>/<name>.yaml` is `<namespace>.<name>`.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use alkhub_core::{
    CallError, Engine,
    import::file::{self, Read},
    registry::Entry,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::openapi::OpenApi;

/// How often the directory is looked at. Network file systems tell of no changes, so nothing waits for being told.
const EVERY: Duration = Duration::from_secs(1);
/// Most files; others are not served.
const MOST: usize = 5_000;
/// Largest file that is read at all; what an operation may be is judged after.
const LARGEST: u64 = 1024 * 1024;

/// What tells whether a file has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    size: u64,
    modified: Option<SystemTime>,
}

#[derive(Default)]
struct State {
    /// Marks of the files as they were read, by namespace and name.
    marks: BTreeMap<(String, String), Mark>,
    /// Ids in the registry that are of this directory.
    served: BTreeMap<(String, String), String>,
    /// The directory could not be read; said once.
    is_away: bool,
}

/// Follows a directory until `stop` is cancelled.
pub fn start(
    path: PathBuf,
    openapi: OpenApi,
    engine: &Engine,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) {
    let engine = engine.clone();
    let following = async move {
        let mut state = State::default();
        loop {
            let place = path.clone();
            let found = tokio::task::spawn_blocking(move || list(&place)).await;
            match found {
                Ok(Ok(found)) => {
                    state.is_away = false;
                    look(&path, &openapi, &engine, &mut state, found).await;
                }
                Ok(Err(error)) if !state.is_away => {
                    state.is_away = true;
                    tracing::warn!(path = %path.display(), %error, "the directory of operations cannot be read; what it had is served on");
                }
                _ => {}
            }
            tokio::time::sleep(EVERY).await;
        }
    };
    tasks.spawn(stop.clone().run_until_cancelled_owned(following));
}

/// Files with their marks; links are not followed out of the directory.
fn list(root: &Path) -> std::io::Result<BTreeMap<(String, String), Mark>> {
    let mut found = BTreeMap::new();
    for folder in std::fs::read_dir(root)? {
        let folder = folder?;
        if !folder.file_type()?.is_dir() {
            continue;
        }
        for file in std::fs::read_dir(folder.path())? {
            let file = file?;
            let name = file.file_name().to_string_lossy().into_owned();
            let name = name.strip_suffix(".yaml").or_else(|| name.strip_suffix(".yml")).map(str::to_owned);
            let (Some(name), Ok(metadata)) = (name, file.metadata()) else { continue };
            if !metadata.is_file() || found.len() >= MOST {
                continue;
            }
            let mark = Mark { size: metadata.len(), modified: metadata.modified().ok() };
            found.insert((folder.file_name().to_string_lossy().into_owned(), name), mark);
        }
    }
    Ok(found)
}

async fn look(
    path: &Path,
    openapi: &OpenApi,
    engine: &Engine,
    state: &mut State,
    found: BTreeMap<(String, String), Mark>,
) {
    let mut old = Vec::new();
    let mut new = Vec::new();
    state.served.retain(|key, id| {
        let is_there = found.contains_key(key);
        if !is_there {
            tracing::info!(operation = %id, "the file of an operation is gone");
            old.push(id.clone());
        }
        is_there
    });
    for (key, mark) in &found {
        if state.marks.get(key) == Some(mark) {
            continue;
        }
        let (namespace, name) = key;
        let file = place(path, namespace, name);
        let id = format!("{namespace}.{name}");
        // What somebody else serves under this name stays theirs.
        let taken = engine.registry().has_own_namespace(namespace)
            || !state.served.contains_key(key) && engine.registry().get(&id).is_some();
        let read = if taken {
            Err(format!(
                "{}:1:1: the namespace or the operation `{id}` is the hub's or a service's own",
                file.display()
            ))
        } else {
            read(&file, namespace, name, *mark).await
        };
        match read.and_then(|read| {
            serve(openapi, &read, &id).map_err(|error| format!("{}:1:1: {error}", file.display()))
        }) {
            Ok(entry) => {
                tracing::info!(operation = %id, "an operation is served from its file");
                state.served.insert(key.clone(), id);
                new.push(entry);
            }
            // What it was before is served on.
            Err(fault) => tracing::warn!("{fault}"),
        }
    }
    state.marks = found;
    if !old.is_empty() || !new.is_empty() {
        engine.registry().exchange(&old, new);
    }
}

fn place(root: &Path, namespace: &str, name: &str) -> PathBuf {
    let folder = root.join(namespace);
    let file = folder.join(format!("{name}.yaml"));
    if file.exists() { file } else { folder.join(format!("{name}.yml")) }
}

async fn read(file: &Path, namespace: &str, name: &str, mark: Mark) -> Result<Read, String> {
    if mark.size > LARGEST {
        return Err(format!("{}:1:1: the file is larger than {LARGEST} bytes", file.display()));
    }
    let text =
        tokio::fs::read_to_string(file).await.map_err(|error| format!("{}:1:1: {error}", file.display()))?;
    file::read(namespace, name, &text).map_err(|fault| format!("{}:{fault}", file.display()))
}

fn serve(openapi: &OpenApi, read: &Read, id: &str) -> Result<Entry, CallError> {
    let bearer = match &read.bearer_env {
        // The hub's own secrets are for nobody else.
        Some(name) if name.starts_with("ALKHUB_") => {
            return Err(CallError::bad_request(format!(
                "`bearerEnv: {name}` is a variable of the hub itself"
            )));
        }
        Some(name) => Some(std::env::var(name).map_err(|_| {
            CallError::bad_request(format!("the variable {name} that `bearerEnv` names is not set"))
        })?),
        None => None,
    };
    let handler =
        openapi.handler(&read.operation.plan, bearer, read.timeout_ms.map(Duration::from_millis))?;
    Ok(Entry::registered(id, read.operation.registered.clone(), None, handler))
}
