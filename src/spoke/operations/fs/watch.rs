//! `fs.watch`

use std::path::{Path, PathBuf};

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
        let place = crate::spoke::sandbox::blocking(move || root.place(&path)).await?;
        let (sender, changes) = mpsc::channel(WAITING);
        let lost = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let missed = lost.clone();
        let base = self.root.path().to_owned();
        let tell = move |event: notify::Result<notify::Event>| {
            let told = match event {
                Ok(event) if event.need_rescan() => Err(()),
                Ok(event) => outputs(&base, &event).try_for_each(|output| sender.try_send(output).map_err(drop)),
                Err(_) => Err(()),
            };
            if told.is_err() {
                missed.store(true, std::sync::atomic::Ordering::Release);
            }
        };
        let begun = tokio::task::spawn_blocking(move || -> notify::Result<RecommendedWatcher> {
            let mut watcher = notify::recommended_watcher(tell)?;
            let mode = if input.recursive { RecursiveMode::Recursive } else { RecursiveMode::NonRecursive };
            watcher.watch(&place, mode)?;
            Ok(watcher)
        });
        let watcher = begun
            .await
            .map_err(|error| CallError::internal(&error))?
            .map_err(|error| CallError::from(Fail::refused(&input.path, &error.to_string())))?;
        let ready = Output { kind: OutputKind::Ready, path: input.path };
        let items = stream::unfold((changes, watcher, lost), |(mut changes, watcher, lost)| async move {
            // What waits comes first; then that something is missing.
            let next = match changes.try_recv() {
                Ok(change) => Some(change),
                Err(_) if lost.swap(false, std::sync::atomic::Ordering::AcqRel) => {
                    Some(Output { kind: OutputKind::Overflow, path: String::new() })
                }
                Err(_) => changes.recv().await,
            };
            next.map(|change| (Ok(change), (changes, watcher, lost)))
        });
        Ok(stream::iter([Ok(ready)]).chain(items).boxed())
    }
}

fn outputs<'a>(root: &'a Path, event: &'a notify::Event) -> impl Iterator<Item = Output> + 'a {
    let kind = match event.kind {
        EventKind::Create(_) => Some(OutputKind::Created),
        EventKind::Modify(ModifyKind::Name(_)) => Some(OutputKind::Renamed),
        EventKind::Modify(_) => Some(OutputKind::Modified),
        EventKind::Remove(_) => Some(OutputKind::Removed),
        _ => None,
    };
    let paths = event.paths.iter().filter_map(move |path: &PathBuf| path.strip_prefix(root).ok());
    paths.filter(|path| !path.components().any(|part| part.as_os_str() == ".git")).filter_map(move |path| {
        Some(Output { kind: kind?, path: path.to_string_lossy().into_owned() })
    })
}
