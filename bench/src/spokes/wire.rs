//! Peers that do as little as a peer can, so that the server is what is measured.

use futures::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest, http::HeaderValue},
};

use super::End;
use crate::servers::KEY;

/// What is sent to be echoed, about as large as a small call.
pub(super) const PAYLOAD: &str =
    r#"{"text":"hello, this is a call of about a hundred bytes, which is what a small question has","n":7}"#;

/// A connection.
pub(super) struct Wire(pub(super) WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Wire {
    pub(super) async fn connect(address: &str) -> End<Self> {
        let mut request = format!("ws://{address}/ws").into_client_request()?;
        request.headers_mut().insert("authorization", HeaderValue::from_str(&format!("Bearer {KEY}"))?);
        let (socket, _) = connect_async(request).await?;
        if let MaybeTlsStream::Plain(stream) = socket.get_ref() {
            stream.set_nodelay(true)?;
        }
        Ok(Self(socket))
    }

    pub(super) async fn send(&mut self, text: String) -> End {
        Ok(self.0.send(Message::text(text)).await?)
    }

    /// The next text; anything else is skipped.
    pub(super) async fn next(&mut self) -> End<String> {
        loop {
            match self.0.next().await.ok_or("the connection ended")?? {
                Message::Text(text) => return Ok(text.as_str().to_owned()),
                Message::Close(close) => return Err(format!("closed: {close:?}").into()),
                _ => {}
            }
        }
    }

    /// Registers so many operations `bench.echo`, `bench.echo1` and so on.
    pub(super) async fn register(&mut self, id: &str, operations: usize) -> End {
        let operations: Vec<String> = (0..operations)
            .map(|number| {
                let name = if number == 0 { "echo".to_owned() } else { format!("echo{number}") };
                format!(
                    r#"{{"namespace":"bench","name":"{name}","version":"1.0.0","type":"query","description":"Answers with its input.","inputSchema":{{"type":"object","required":["text"],"properties":{{"text":{{"type":"string","maxLength":1000}},"n":{{"type":"integer"}}}}}},"outputSchema":{{"type":"object"}},"accessControl":{{"requiredScopes":["bench:use"]}}}}"#
                )
            })
            .collect();
        let operations = operations.join(",");
        self.send(format!(
            r#"{{"type":"call.requested","id":"","payload":{{"requestId":"r","operationId":"hub.register","input":{{"spokeId":"{id}","spokeType":"bench","operations":[{operations}]}}}}}}"#
        ))
        .await?;
        let answer = self.next().await?;
        if answer.contains("call.responded") && answer.contains(r#""rejected":[]"#) {
            Ok(())
        } else {
            Err(answer.into())
        }
    }

    /// Answers calls with their input until the connection ends.
    pub(super) async fn serve(mut self) -> End {
        loop {
            let text = self.next().await?;
            if let (true, Some(id), Some(input)) =
                (text.contains("call.requested"), between(&text, r#""requestId":""#, "\""), input(&text))
            {
                let answer = format!(
                    r#"{{"type":"call.responded","id":"","payload":{{"requestId":"{id}","output":{{"data":{input},"meta":{{"source":"local","operationId":"bench.echo","timestamp":1}}}}}}}}"#
                );
                self.send(answer).await?;
            }
        }
    }
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let from = text.find(before)? + before.len();
    let length = text[from..].find(after)?;
    Some(&text[from..from + length])
}

/// The input, which the hub writes as it came.
fn input(text: &str) -> Option<&str> {
    let from = text.find(PAYLOAD)?;
    Some(&text[from..from + PAYLOAD.len()])
}
