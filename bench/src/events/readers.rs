//! Many connections that only count what they are sent, with as little work as that takes.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use tokio::{io::AsyncWriteExt, net::TcpStream, sync::Notify};

use super::publish::MARK;
use crate::spokes::End;

/// Connections that are made at once.
const AT_ONCE: usize = 64;
/// Longest wait for what must come.
const PATIENCE: Duration = Duration::from_secs(120);

thread_local! {
    /// All connections read into it, one after the other.
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; 256 * 1024]);
}

/// So many readers of one server.
pub(super) struct Readers {
    counted: Rc<Counted>,
    pub(super) count: usize,
}

#[derive(Default)]
struct Counted {
    events: Cell<usize>,
    bytes: Cell<usize>,
    lost: Cell<bool>,
    wanted: Cell<usize>,
    there: Notify,
}

impl Counted {
    fn take(&self, text: &[u8]) {
        self.bytes.set(self.bytes.get() + text.len());
        let events = text.iter().filter(|byte| **byte == MARK).count();
        self.events.set(self.events.get() + events);
        if self.events.get() >= self.wanted.get() {
            self.there.notify_one();
        }
    }
}

impl Readers {
    /// Connects them all; each sends this, and is ready when it was answered with a text that contains the other.
    pub(super) async fn connect(address: &str, count: usize, hello: &str, ready: &[u8]) -> End<Self> {
        let counted = Rc::<Counted>::default();
        let mut connected = 0;
        while connected < count {
            let some = AT_ONCE.min(count - connected);
            let opening = (0..some).map(|_| open(address, hello, ready));
            for stream in futures::future::join_all(opening).await {
                let (stream, counted) = (stream?, counted.clone());
                tokio::task::spawn_local(async move {
                    while read(&stream, |text| counted.take(text)).await.is_ok() {}
                    counted.lost.set(true);
                    counted.there.notify_one();
                });
            }
            connected += some;
        }
        Ok(Self { counted, count })
    }

    /// How many events all of them together have got.
    pub(super) fn events(&self) -> usize {
        self.counted.events.get()
    }

    /// Waits until they have got so many together.
    pub(super) async fn have(&self, events: usize) -> End {
        let counted = &self.counted;
        counted.wanted.set(events);
        let waiting = async {
            while counted.events.get() < events {
                counted.there.notified().await;
                if counted.lost.get() {
                    return Err("a reader lost its connection".into());
                }
            }
            Ok(())
        };
        let told = || format!("{} of {events} events after {PATIENCE:?}", counted.events.get());
        tokio::time::timeout(PATIENCE, waiting).await.map_err(|_| told())?
    }
}

async fn open(address: &str, hello: &str, ready: &[u8]) -> End<TcpStream> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(hello.as_bytes()).await?;
    let mut answer = Vec::new();
    while !answer.windows(ready.len()).any(|window| window == ready) {
        read(&stream, |text| answer.extend_from_slice(text)).await?;
        if answer.len() > 100_000 || answer.starts_with(b"HTTP/1.1 4") || answer.starts_with(b"HTTP/1.1 5") {
            return Err(format!("not answered as expected: {}", String::from_utf8_lossy(&answer)).into());
        }
    }
    Ok(stream)
}

async fn read(stream: &TcpStream, mut take: impl FnMut(&[u8])) -> End {
    loop {
        stream.readable().await?;
        let read = BUFFER.with_borrow_mut(|buffer| match stream.try_read(buffer) {
            Ok(length) => {
                take(&buffer[..length]);
                Ok(Some(length))
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        })?;
        match read {
            Some(0) => return Err("the connection ended".into()),
            Some(_) => return Ok(()),
            None => {}
        }
    }
}
