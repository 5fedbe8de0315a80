//! Server-sent events, as a client reads them.

use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt, stream};

/// One event.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) event: Option<String>,
    pub(super) data: String,
}

#[derive(Default)]
struct Reader {
    buffer: BytesMut,
    event: Option<String>,
    data: Option<String>,
}

impl Reader {
    /// The next event that the buffer holds whole.
    fn next(&mut self) -> Option<Frame> {
        while let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
            let line = self.buffer.split_to(end + 1);
            let line = String::from_utf8_lossy(&line[..end]).into_owned();
            if let Some(frame) = self.line(line.strip_suffix('\r').unwrap_or(&line)) {
                return Some(frame);
            }
        }
        None
    }

    /// Takes a line; the empty one ends an event.
    fn line(&mut self, line: &str) -> Option<Frame> {
        if line.is_empty() {
            let event = self.event.take();
            return self.data.take().map(|data| Frame { event, data });
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => self.event = Some(value.to_owned()),
            "data" => match &mut self.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.data = Some(value.to_owned()),
            },
            // A comment, or a field that no command needs.
            _ => {}
        }
        None
    }
}

/// The events of a body; an event that the end cuts off is dropped, as the standard asks.
pub(super) fn frames<E>(
    body: impl Stream<Item = Result<Bytes, E>> + Send + 'static,
) -> impl Stream<Item = Result<Frame, E>> {
    stream::unfold((Box::pin(body), Reader::default()), |(mut body, mut reader)| async move {
        loop {
            if let Some(frame) = reader.next() {
                return Some((Ok(frame), (body, reader)));
            }
            match body.next().await? {
                Ok(bytes) => reader.buffer.extend_from_slice(&bytes),
                Err(error) => return Some((Err(error), (body, reader))),
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(body: &str, size: usize) -> Vec<Frame> {
        let chunks: Vec<Result<Bytes, ()>> =
            body.as_bytes().chunks(size).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
        frames(stream::iter(chunks)).map(|frame| frame.expect("no error")).collect().await
    }

    #[tokio::test]
    async fn events_are_whole_however_they_are_cut() {
        let body =
            ":\n\ndata: {\"a\":\"grüße\"}\n\nevent: error\r\ndata: x\r\ndata:y\r\n\r\nid: 3\n\ndata: lost";
        let frame = |event: Option<&str>, data: &str| Frame {
            event: event.map(str::to_owned),
            data: data.to_owned(),
        };
        for size in 1..20 {
            assert_eq!(
                read(body, size).await,
                [frame(None, "{\"a\":\"grüße\"}"), frame(Some("error"), "x\ny")],
                "chunks of {size}"
            );
        }
    }
}
