//! A publisher of the hub's, and one of Redis'.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{servers::KEY, spokes::End};

/// Stands once in every payload and nowhere else in what is sent, so that counting it counts events.
pub(super) const MARK: u8 = b'~';
/// What is published, about as large as the news of a small change.
const PAYLOAD: &str = r#"{"mark":"~","projectId":"01a2b3c4-0000-7000-8000-000000000000","name":"a project","repository":"https://git.example/a/project.git","archived":false}"#;
/// Redis' channel.
pub(super) const CHANNEL: &str = "alkhub:events:project.created";

/// A connection that publishes.
pub(super) struct Publisher {
    stream: TcpStream,
    request: Vec<u8>,
    ends: &'static [u8],
}

impl Publisher {
    /// To the hub, by `event.publish`.
    pub(super) async fn hub(address: &str) -> End<Self> {
        let body = format!(r#"{{"type":"custom.created","id":"01a2b3c4","payload":{PAYLOAD}}}"#);
        let request = format!(
            "POST /api/events HTTP/1.1\r\nhost: hub\r\nauthorization: Bearer {KEY}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        Self::connect(address, request, b"\"}").await
    }

    /// To Redis, by `PUBLISH`.
    pub(super) async fn redis(address: &str) -> End<Self> {
        let request = format!(
            "*3\r\n$7\r\nPUBLISH\r\n${}\r\n{CHANNEL}\r\n${}\r\n{PAYLOAD}\r\n",
            CHANNEL.len(),
            PAYLOAD.len()
        );
        Self::connect(address, request, b"\r\n").await
    }

    async fn connect(address: &str, request: String, ends: &'static [u8]) -> End<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, request: request.into_bytes(), ends })
    }

    /// Publishes one event, and waits for the answer.
    pub(super) async fn publish(&mut self) -> End {
        self.stream.write_all(&self.request).await?;
        let mut answer = Vec::with_capacity(1024);
        while !answer.ends_with(self.ends) {
            if self.stream.read_buf(&mut answer).await? == 0 {
                return Err("the publisher's connection ended".into());
            }
            if answer.starts_with(b"HTTP/1.1 4") || answer.starts_with(b"HTTP/1.1 5") || answer[0] == b'-' {
                return Err(format!("not published: {}", String::from_utf8_lossy(&answer)).into());
            }
        }
        Ok(())
    }
}
