//! Server-sent events as they arrive: an incremental parser of `text/event-stream` (HTML Standard, section 9.2.6).

use std::collections::VecDeque;

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// Its type, where it says one; the standard's default is `message`.
    pub event: Option<String>,
    /// Its data lines, joined by line feeds.
    pub data: String,
    /// The id that was last said, by this event or by one before it.
    pub id: Option<String>,
    /// Milliseconds after which to connect again, where this event says so.
    pub retry: Option<u64>,
}

/// An event grew beyond the parser's bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event is larger than {limit} bytes")]
pub struct TooLarge {
    /// The bound.
    pub limit: usize,
}

/// Takes bytes as they come, in pieces of any size, and gives whole events. An event that the end of the stream cuts off is
/// never given, as the standard asks.
#[derive(Debug)]
pub struct Parser {
    limit: usize,
    /// The line that is being read, without its end.
    line: Vec<u8>,
    /// A byte order mark may stand before the first line alone.
    at_start: bool,
    /// The last line ended with a carriage return, whose line feed may still come.
    after_return: bool,
    event: Option<String>,
    data: Option<String>,
    last_id: Option<String>,
    retry: Option<u64>,
    ready: VecDeque<Event>,
}

impl Parser {
    /// A parser of a new stream, which fails at events of more than `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            line: Vec::new(),
            at_start: true,
            after_return: false,
            event: None,
            data: None,
            last_id: None,
            retry: None,
            ready: VecDeque::new(),
        }
    }

    /// Takes the next bytes of the stream.
    ///
    /// # Errors
    /// An event is larger than the bound; the stream cannot be read on.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<(), TooLarge> {
        while let Some(first) = bytes.first() {
            if std::mem::take(&mut self.after_return) && *first == b'\n' {
                bytes = &bytes[1..];
                continue;
            }
            let end = bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
            let part = &bytes[..end.unwrap_or(bytes.len())];
            if self.held() + part.len() > self.limit {
                return Err(TooLarge { limit: self.limit });
            }
            self.line.extend_from_slice(part);
            let Some(end) = end else { break };
            self.after_return = bytes[end] == b'\r';
            bytes = &bytes[end + 1..];
            let line = std::mem::take(&mut self.line);
            let text = if std::mem::take(&mut self.at_start) {
                line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&line)
            } else {
                &line
            };
            self.take(&String::from_utf8_lossy(text));
            self.line = line;
            self.line.clear();
        }
        Ok(())
    }

    /// The next event that is whole; `None` until more bytes come.
    pub fn next_event(&mut self) -> Option<Event> {
        self.ready.pop_front()
    }

    fn held(&self) -> usize {
        self.line.len() + self.data.as_ref().map_or(0, String::len)
    }

    /// Takes a line; the empty one ends an event.
    fn take(&mut self, line: &str) {
        if line.is_empty() {
            let event = self.event.take();
            let retry = self.retry.take();
            if let Some(data) = self.data.take() {
                self.ready.push_back(Event { event, data, id: self.last_id.clone(), retry });
            }
            return;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => self.event = Some(value.to_owned()).filter(|event| !event.is_empty()),
            "data" => match &mut self.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.data = Some(value.to_owned()),
            },
            "id" if !value.contains('\0') => self.last_id = Some(value.to_owned()),
            "retry" if value.bytes().all(|byte| byte.is_ascii_digit()) => self.retry = value.parse().ok(),
            // A comment, or a field that the standard does not know.
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(pieces: &[&[u8]]) -> Vec<Event> {
        let mut parser = Parser::new(1 << 16);
        let mut events = Vec::new();
        for piece in pieces {
            parser.push(piece).expect("small events");
            while let Some(event) = parser.next_event() {
                events.push(event);
            }
        }
        events
    }

    fn data(text: &str) -> Event {
        Event { data: text.to_owned(), ..Event::default() }
    }

    #[test]
    fn as_the_standard_says() {
        let named = |event: &str, text: &str| Event { event: Some(event.to_owned()), ..data(text) };
        let cases: &[(&str, Vec<Event>)] = &[
            ("data: a\n\n", vec![data("a")]),
            ("data:a\n\n", vec![data("a")]),
            ("data:  a\n\n", vec![data(" a")]),
            ("\u{feff}data: a\n\n", vec![data("a")]),
            ("data: a\n\n\u{feff}data: b\n\n", vec![data("a")]),
            ("data: a\r\n\r\n", vec![data("a")]),
            ("data: a\r\rdata: b\r\r", vec![data("a"), data("b")]),
            ("data: a\ndata: b\n\n", vec![data("a\nb")]),
            ("data\n\n", vec![data("")]),
            ("data: a\ndata\n\n", vec![data("a\n")]),
            (": a comment\n\ndata: a\n\n", vec![data("a")]),
            ("event: x\n\ndata: a\n\n", vec![data("a")]),
            ("event: x\ndata: a\n\ndata: b\n\n", vec![named("x", "a"), data("b")]),
            ("unknown: x\ndata: a\n\n", vec![data("a")]),
            ("data: cut off", vec![]),
            ("data: cut off\n", vec![]),
            ("retry: 5x\ndata: a\n\n", vec![data("a")]),
            ("retry: 50\ndata: a\n\n", vec![Event { retry: Some(50), ..data("a") }]),
            (
                "id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n",
                vec![
                    Event { id: Some("1".to_owned()), ..data("a") },
                    Event { id: Some("1".to_owned()), ..data("b") },
                    Event { id: Some(String::new()), ..data("c") },
                ],
            ),
            ("id: a\0b\ndata: a\n\n", vec![data("a")]),
        ];
        for (body, expected) in cases {
            assert_eq!(&read(&[body.as_bytes()]), expected, "{body:?}");
        }
    }

    #[test]
    fn large_events_are_refused() {
        let mut parser = Parser::new(10);
        assert_eq!(parser.push(b"data: 0123456789"), Err(TooLarge { limit: 10 }));
        let mut parser = Parser::new(10);
        parser.push(b"data: 1\n").expect("small");
        parser.push(b"data: 2\n").expect("small");
        parser.push(b"data: 3\n").expect("small");
        assert!(parser.push(b"data: 456\n").is_err(), "lines of one event count together");
    }

    proptest! {
        #[test]
        fn events_are_the_same_however_they_are_cut(
            lines in prop::collection::vec("(data|event|id|retry|: |x)?:? ?[a-zäß€\u{1f600}0-9:]{0,6}", 0..12),
            ends in prop::collection::vec(prop::sample::select(vec!["\n", "\r", "\r\n", "\n\n", "\r\r", "\r\n\r\n", "\r\n\n"]), 12),
            mark in any::<bool>(),
            mut cuts in prop::collection::vec(0usize..200, 0..8),
        ) {
            let mut body = if mark { "\u{feff}".to_owned() } else { String::new() };
            for (line, end) in lines.iter().zip(&ends) {
                body.push_str(line);
                body.push_str(end);
            }
            let body = body.into_bytes();
            let whole = read(&[&body]);
            cuts.retain(|cut| *cut <= body.len());
            cuts.sort_unstable();
            let mut pieces = Vec::new();
            let mut from = 0;
            for cut in cuts {
                pieces.push(&body[from..cut]);
                from = cut;
            }
            pieces.push(&body[from..]);
            prop_assert_eq!(&read(&pieces), &whole);
            let single: Vec<&[u8]> = body.chunks(1).collect();
            prop_assert_eq!(read(&single), whole);
        }
    }
}
