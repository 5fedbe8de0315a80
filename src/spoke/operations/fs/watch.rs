//! `fs.watch`

use std::{
    os::fd::AsRawFd,
    path::{Path, PathBuf},
};

use alkhub_api::fs::watch::{Error, Input, Output, OutputKind, Watch};
use alkhub_core::{Call, CallError, ItemStream, Subscribe};
use futures::{StreamExt, stream};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher, event::ModifyKind};
use tokio::sync::mpsc;

use crate::spoke::{Spoke, sandbox::Fail};

/// Changes that wait to be told; more are told of as one `overflow`.
const WAITING: usize = 1024;

impl Subscribe<Watch> for Spoke {
    async fn subscribe(&self, _cx: &Call, input: Input) -> Result<ItemStream<Output, Error>, Error> {
        let (root, path) = (self.root.clone(), input.path.clone());
        let (folder, place) =
            crate::spoke::sandbox::blocking(move || Ok((root.folder(&path)?, root.place(&path)?))).await?;
        // By its handle: what is at the path may be a link by now. The dot, for the handle itself looks like a link.
        let watched = if cfg!(target_os = "linux") {
            PathBuf::from(format!("/proc/self/fd/{}/.", folder.as_raw_fd()))
        } else {
            place.clone()
        };
        let inside = place.strip_prefix(self.root.path()).unwrap_or_else(|_| Path::new("")).to_owned();
        let (sender, changes) = mpsc::channel(WAITING);
        let lost = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let missed = lost.clone();
        let base = watched.clone();
        let tell = move |event: notify::Result<notify::Event>| {
            let told = match event {
                Ok(event) if event.need_rescan() => Err(()),
                Ok(event) => outputs(&base, &inside, &event).try_for_each(|output| sender.try_send(output).map_err(drop)),
                Err(_) => Err(()),
            };
            if told.is_err() {
                missed.store(true, std::sync::atomic::Ordering::Release);
            }
        };
        let begun = tokio::task::spawn_blocking(move || -> notify::Result<RecommendedWatcher> {
            let mut watcher = RecommendedWatcher::new(tell, notify::Config::default().with_follow_symlinks(false))?;
            let mode = if input.recursive { RecursiveMode::Recursive } else { RecursiveMode::NonRecursive };
            watcher.watch(&watched, mode)?;
            Ok(watcher)
        });
        let watcher = begun
            .await
            .map_err(|error| CallError::internal(&error))?
            .map_err(|error| CallError::from(Fail::refused(&input.path, &error.to_string())))?;
        let ready = Output { kind: OutputKind::Ready, path: input.path };
        let held = (watcher, folder);
        let items = stream::unfold((changes, held, lost), |(mut changes, held, lost)| async move {
            // What waits comes first; then that something is missing.
            let next = match changes.try_recv() {
                Ok(change) => Some(change),
                Err(_) if lost.swap(false, std::sync::atomic::Ordering::AcqRel) => {
                    Some(Output { kind: OutputKind::Overflow, path: String::new() })
                }
                Err(_) => changes.recv().await,
            };
            next.map(|change| (Ok(change), (changes, held, lost)))
        });
        Ok(stream::iter([Ok(ready)]).chain(items).boxed())
    }
}

fn outputs<'a>(watched: &'a Path, inside: &'a Path, event: &'a notify::Event) -> impl Iterator<Item = Output> + 'a {
    let kind = match event.kind {
        EventKind::Create(_) => Some(OutputKind::Created),
        EventKind::Modify(ModifyKind::Name(_)) => Some(OutputKind::Renamed),
        EventKind::Modify(_) => Some(OutputKind::Modified),
        EventKind::Remove(_) => Some(OutputKind::Removed),
        _ => None,
    };
    let paths = event.paths.iter().filter_map(move |path| {
        // Joining nothing would add a slash.
        let rest = path.strip_prefix(watched).ok()?;
        Some(if rest.as_os_str().is_empty() { inside.to_owned() } else { inside.join(rest) })
    });
    paths.filter(|path| !path.components().any(|part| part.as_os_str() == ".git")).filter_map(move |path| {
        Some(Output { kind: kind?, path: path.to_string_lossy().into_owned() })
    })
}
