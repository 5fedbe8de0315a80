//! Server-sent events as they come from providers: cut anywhere, and put together again within a bound.

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};

/// Cuts a stream of bytes into parts that end where an event ends. A part that came whole is not copied.
#[derive(Debug)]
pub struct Splitter {
    carry: BytesMut,
    most: usize,
}

/// An event is larger than may be held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event of the stream is larger than {0} bytes")]
pub struct TooLong(pub usize);

impl Splitter {
    /// Holds events of at most so many bytes.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { carry: BytesMut::new(), most }
    }

    /// Takes more of the stream and gives the events that are complete with it, if there are any.
    ///
    /// # Errors
    /// [`TooLong`].
    pub fn push(&mut self, mut chunk: Bytes) -> Result<Option<Bytes>, TooLong> {
        if self.carry.is_empty() {
            let Some(end) = last_boundary(&chunk, 0) else {
                return self.hold(&chunk).map(|()| None);
            };
            let whole = chunk.split_to(end);
            self.hold(&chunk)?;
            return Ok(Some(whole));
        }
        // A boundary is at most four bytes long; what was searched before is not searched again.
        let from = self.carry.len().saturating_sub(3);
        let held = self.carry.len();
        // Room for one event at the most; the chunk's own size is bounded by the transport.
        self.carry.extend_from_slice(&chunk);
        match last_boundary(&self.carry, from) {
            Some(end) => {
                let whole = self.carry.split_to(end).freeze();
                if self.carry.len() > self.most {
                    return Err(TooLong(self.most));
                }
                Ok(Some(whole))
            }
            None if held + chunk.len() > self.most => Err(TooLong(self.most)),
            None => Ok(None),
        }
    }

    /// Whether the stream has stopped in the middle of an event.
    #[must_use]
    pub fn is_inside(&self) -> bool {
        !self.carry.iter().all(u8::is_ascii_whitespace)
    }

    /// What has come of an event that is not complete.
    #[must_use]
    pub fn rest(&self) -> &[u8] {
        &self.carry
    }

    fn hold(&mut self, rest: &[u8]) -> Result<(), TooLong> {
        if rest.len() > self.most {
            return Err(TooLong(self.most));
        }
        self.carry.extend_from_slice(rest);
        Ok(())
    }
}

/// The end of the last empty line that ends at or after `from`.
fn last_boundary(bytes: &[u8], from: usize) -> Option<usize> {
    let mut end = bytes.len();
    while let Some(at) = memchr::memrchr(b'\n', &bytes[from..end]).map(|at| at + from) {
        let before = match at.checked_sub(1).map(|before| bytes[before]) {
            Some(b'\n') => true,
            Some(b'\r') => at >= 2 && bytes[at - 2] == b'\n',
            _ => false,
        };
        if before {
            return Some(at + 1);
        }
        end = at;
    }
    None
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// Of its `event:` line.
    pub name: &'a [u8],
    /// Of its `data:` lines.
    pub data: Cow<'a, [u8]>,
    /// The whole of it, with the empty line at its end.
    pub raw: &'a [u8],
}

/// The events of a part that [`Splitter`] gave; those without data are left out.
pub fn events(part: &[u8]) -> impl Iterator<Item = Event<'_>> {
    let mut rest = part;
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            let begun = rest;
            let mut event = Event { name: b"", data: Cow::Borrowed(b""), raw: b"" };
            let mut any = false;
            loop {
                let line_end = memchr::memchr(b'\n', rest);
                let line = &rest[..line_end.unwrap_or(rest.len())];
                rest = line_end.map_or(&[][..], |end| &rest[end + 1..]);
                let line = line.strip_suffix(b"\r").unwrap_or(line);
                if line.is_empty() {
                    break;
                }
                if let Some(data) = field(line, b"data") {
                    if any {
                        let mut joined = event.data.into_owned();
                        joined.push(b'\n');
                        joined.extend_from_slice(data);
                        event.data = Cow::Owned(joined);
                    } else {
                        event.data = Cow::Borrowed(data);
                    }
                    any = true;
                } else if let Some(name) = field(line, b"event") {
                    event.name = name;
                }
                if rest.is_empty() {
                    break;
                }
            }
            if any {
                event.raw = &begun[..begun.len() - rest.len()];
                return Some(event);
            }
        }
        None
    })
}

fn field<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let value = line.strip_prefix(name)?.strip_prefix(b":")?;
    Some(value.strip_prefix(b" ").unwrap_or(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str =
        "event: a\ndata: 1\n\n: ping\n\ndata: 2\ndata: 3\r\n\r\ndata:4\n\nid: x\ndata: {\"ü\":1}\n\n";

    fn whole(parts: &[Bytes]) -> Vec<(String, String)> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
        parts
            .iter()
            .flat_map(|part| {
                events(part).map(|event| (text(event.name), text(&event.data))).collect::<Vec<_>>()
            })
            .collect()
    }

    #[test]
    fn any_cut_gives_the_same_events() {
        let all = Bytes::from_static(STREAM.as_bytes());
        let expected = whole(std::slice::from_ref(&all));
        assert_eq!(expected.len(), 4);
        assert_eq!(expected[1].1, "2\n3");
        for first in 0..all.len() {
            for second in first..all.len() {
                let mut splitter = Splitter::new(100);
                let mut parts = Vec::new();
                for cut in [all.slice(..first), all.slice(first..second), all.slice(second..)] {
                    parts.extend(splitter.push(cut).expect("short"));
                }
                assert_eq!(whole(&parts), expected, "{first} {second}");
                let joined: Vec<u8> = parts.concat();
                assert_eq!(joined, STREAM.as_bytes());
                assert!(!splitter.is_inside());
            }
        }
    }

    #[test]
    fn a_giant_line_is_refused() {
        let mut splitter = Splitter::new(64);
        let mut refused = false;
        for _ in 0..100 {
            refused |= splitter.push(Bytes::from_static(b"data: xxxx")).is_err();
            assert!(splitter.rest().len() <= 64 + 10);
            if refused {
                break;
            }
        }
        assert!(refused);
        assert_eq!(Splitter::new(4).push(Bytes::from_static(b"data: xxxxxxxxx")), Err(TooLong(4)));
    }
}
