//! `shell.exec`

use std::{os::unix::process::ExitStatusExt, time::Duration};

use alkhub_api::shell::exec::{Error, Exec, Input, Output, OutputKind};
use alkhub_core::{Call, CallError, ItemStream, Subscribe};
use futures::StreamExt;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    sync::mpsc,
    time::Instant,
};

use crate::spoke::{
    Spoke,
    process::{Group, command},
    sandbox::{Fail, blocking},
};

/// Bytes that are read at once.
const CHUNK: usize = 16 * 1024;
/// Chunks that wait to be read by the caller; then the command waits too.
const WAITING: usize = 8;
/// After the command has ended, so long its children may keep its output open.
const LINGER: Duration = Duration::from_millis(500);

impl Subscribe<Exec> for Spoke {
    async fn subscribe(&self, _cx: &Call, input: Input) -> Result<ItemStream<Output, Error>, Error> {
        let (root, cwd) = (self.root.clone(), input.cwd.clone());
        let (folder, place) = blocking(move || Ok((root.folder(&cwd)?, root.place(&cwd)?))).await?;
        let mut shell = command("/bin/sh", &folder, &place);
        shell.arg("-c").arg(&input.command);
        let group = Group::start(&mut shell, &input.env.unwrap_or_default(), input.stdin.is_some(), &self.tasks)
            .map_err(|error| CallError::from(Fail::refused(&input.cwd, &format!("no shell could be started: {error}"))))?;
        let (sender, items) = mpsc::channel(WAITING);
        let until = Instant::now() + Duration::from_millis(input.timeout_ms.unsigned_abs());
        let tracked = self.tasks.clone();
        tracked.spawn(attend(group, input.stdin, until, sender));
        let items = futures::stream::unfold(items, |mut items| async move {
            items.recv().await.map(|item| (Ok(item), items))
        });
        Ok(items.boxed())
    }
}

fn item(kind: OutputKind) -> Output {
    Output { kind, code: None, pid: None, signal: None, text: None, timed_out: None }
}

fn send(room: &mut Option<mpsc::Permit<'_, Output>>, kind: OutputKind, text: String) {
    if let Some(room) = room.take() {
        room.send(Output { text: Some(text), ..item(kind) });
    }
}

/// Passes on what the command prints, until it has ended, its time is over, or nobody listens.
async fn attend(mut group: Group, stdin: Option<String>, until: Instant, sender: mpsc::Sender<Output>) {
    let started = Output { pid: group.id(), ..item(OutputKind::Started) };
    let Some(child) = group.child() else { return };
    let (mut stdout, mut stderr) = (Pipe::new(child.stdout.take()), Pipe::new(child.stderr.take()));
    if let (Some(text), Some(mut pipe)) = (stdin, child.stdin.take()) {
        // Ends by itself when the command does not read any more.
        tokio::spawn(async move {
            let _ = pipe.write_all(text.as_bytes()).await;
        });
    }
    if sender.send(started).await.is_err() {
        return;
    }
    let (mut ended, mut timed_out) = (false, false);
    let (mut linger, mut room) = (until, None);
    while !(ended && stdout.is_done() && stderr.is_done()) {
        let Some(child) = group.child() else { return };
        let open = !(stdout.is_done() && stderr.is_done());
        // Room first: what is not read keeps the command waiting, not the memory growing.
        if room.is_none() && open {
            room = sender.try_reserve().ok();
        }
        let has_room = room.is_some();
        tokio::select! {
            reserved = sender.reserve(), if open && !has_room => match reserved {
                // The time in which nobody could read does not count.
                Ok(reserved) => (room, linger) = (Some(reserved), if ended { Instant::now() + LINGER } else { linger }),
                Err(_) => return,
            },
            text = stdout.next(), if has_room && !stdout.is_done() => {
                send(&mut room, OutputKind::Stdout, text);
            }
            text = stderr.next(), if has_room && !stderr.is_done() => {
                send(&mut room, OutputKind::Stderr, text);
            }
            _ = child.wait(), if !ended => {
                ended = true;
                linger = Instant::now() + LINGER;
            }
            () = sender.closed() => return,
            () = tokio::time::sleep_until(if has_room { until.min(linger) } else { until }) => {
                timed_out = !ended;
                break;
            }
        }
    }
    for (rest, kind) in [(stdout.rest(), OutputKind::Stdout), (stderr.rest(), OutputKind::Stderr)] {
        if !rest.is_empty() {
            let _ = sender.send(Output { text: Some(rest), ..item(kind) }).await;
        }
    }
    let status = group.end().await;
    let exit = Output {
        code: status.and_then(|status| status.code()).map(i64::from),
        signal: status.and_then(|status| status.signal()).map(i64::from),
        timed_out: Some(timed_out),
        ..item(OutputKind::Exit)
    };
    let _ = sender.send(exit).await;
}

/// Output as text; letters that arrive in two parts are put together.
struct Pipe<R> {
    from: Option<R>,
    begun: Vec<u8>,
}

impl<R: AsyncRead + Unpin> Pipe<R> {
    fn new(from: Option<R>) -> Self {
        Self { from, begun: Vec::new() }
    }

    fn is_done(&self) -> bool {
        self.from.is_none()
    }

    /// The next piece of text; waits for ever at the end. Nothing is lost where the future is dropped.
    async fn next(&mut self) -> String {
        loop {
            let Some(from) = self.from.as_mut() else { return std::future::pending().await };
            let mut chunk = [0; CHUNK];
            match from.read(&mut chunk).await {
                Ok(count) if count > 0 => {
                    self.begun.extend_from_slice(&chunk[..count]);
                    let text = self.complete();
                    if !text.is_empty() {
                        return text;
                    }
                }
                _ => {
                    self.from = None;
                    let rest = self.rest();
                    if !rest.is_empty() {
                        return rest;
                    }
                    return std::future::pending().await;
                }
            }
        }
    }

    /// Everything but the beginning of a letter at the end.
    fn complete(&mut self) -> String {
        let end = match std::str::from_utf8(&self.begun) {
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            // What is wrong in the middle is replaced; a letter has at most 4 bytes.
            Err(_) => self.begun.len() - unfinished(&self.begun),
            Ok(_) => self.begun.len(),
        };
        let rest = self.begun.split_off(end);
        String::from_utf8_lossy(&std::mem::replace(&mut self.begun, rest)).into_owned()
    }

    fn rest(&mut self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut self.begun)).into_owned()
    }
}

/// Bytes at the end that may be the beginning of a letter.
fn unfinished(bytes: &[u8]) -> usize {
    (1..=3.min(bytes.len()))
        .find(|count| {
            let tail = &bytes[bytes.len() - count..];
            std::str::from_utf8(tail).is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
        })
        .unwrap_or_default()
}
