//! From text to nodes, with every fault of form reported.

use std::{borrow::Cow, collections::HashSet, sync::Arc};

use saphyr_parser::{Event, Parser, ScalarStyle, Span as RawSpan};

use crate::diagnostic::{Report, Span, codes};

use super::{Data, Entry, Node, scalar};

/// Largest source file. An operation file is a few kilobytes.
const MAX_BYTES: usize = 256 * 1024;
/// Deepest nesting.
const MAX_DEPTH: usize = 64;

/// Reads one file; `None` if it cannot be read at all. Faults go into the report.
#[must_use]
pub fn parse(file: &Arc<str>, bytes: &[u8], report: &mut Report) -> Option<Node> {
    if bytes.len() > MAX_BYTES {
        report
            .error(codes::UNREADABLE, &Span::file(file), format!("the file is larger than {MAX_BYTES} bytes"))
            .help("split it: one operation a file");
        return None;
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let place = format!("byte {} is not UTF-8", error.valid_up_to());
            report.error(codes::UNREADABLE, &Span::file(file), place).help("save the file as UTF-8");
            return None;
        }
    };
    Builder { file, report, stack: Vec::new(), root: None, documents: 0, broken: false }.run(text)
}

/// A container that is being filled.
enum Frame {
    Seq(Span, Vec<Node>),
    Map(Span, Vec<Entry>, HashSet<String>, Option<(String, Span)>),
}

struct Builder<'a> {
    file: &'a Arc<str>,
    report: &'a mut Report,
    stack: Vec<Frame>,
    root: Option<Node>,
    documents: usize,
    broken: bool,
}

impl Builder<'_> {
    fn run(mut self, text: &str) -> Option<Node> {
        for event in Parser::new_from_str(text) {
            let (event, raw) = match event {
                Ok(event) => event,
                Err(error) => {
                    let mark = error.marker();
                    let at = Span {
                        file: Arc::clone(self.file),
                        line: mark.line().max(1),
                        column: mark.col() + 1,
                        width: 1,
                    };
                    self.report.error(codes::SYNTAX, &at, error.info().to_owned());
                    return None;
                }
            };
            let at = self.span(&raw);
            if !self.event(event, at) {
                return None;
            }
        }
        if self.root.is_none() && !self.broken {
            self.report
                .error(codes::DOCUMENTS, &Span::file(self.file), "the file is empty")
                .help("see docs/operations.md for what an operation file holds");
        }
        self.root.filter(|_| !self.broken)
    }

    /// Takes one event; `false` ends the reading.
    fn event(&mut self, event: Event<'_>, at: Span) -> bool {
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    self.report
                        .error(codes::DOCUMENTS, &at, "a second document begins here")
                        .help("one operation a file: move it into a file of its own");
                    return false;
                }
            }
            Event::Alias(_) => {
                self.refuse(&at, "an alias", "write the value out, or make a shared type of it");
                self.value(Node { at, data: Data::Null });
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.decorations(&at, anchor, tag.is_some());
                self.scalar(text, style, at);
            }
            Event::SequenceStart(anchor, tag) => {
                self.decorations(&at, anchor, tag.is_some());
                return self.open(Frame::Seq(at, Vec::new()));
            }
            Event::MappingStart(anchor, tag) => {
                self.decorations(&at, anchor, tag.is_some());
                return self.open(Frame::Map(at, Vec::new(), HashSet::new(), None));
            }
            Event::SequenceEnd | Event::MappingEnd => match self.stack.pop() {
                Some(Frame::Seq(at, items)) => self.value(Node { at, data: Data::Seq(items) }),
                Some(Frame::Map(at, entries, ..)) => self.value(Node { at, data: Data::Map(entries) }),
                None => {}
            },
        }
        true
    }

    fn open(&mut self, frame: Frame) -> bool {
        let (Frame::Seq(at, _) | Frame::Map(at, ..)) = &frame;
        if self.stack.len() >= MAX_DEPTH {
            self.report
                .error(codes::DEPTH, at, format!("nested more than {MAX_DEPTH} levels deep"))
                .help("move the inner schema into a shared type");
            return false;
        }
        if let Some(Frame::Map(_, _, _, None)) = self.stack.last() {
            self.report.error(codes::KEY_TYPE, at, "a key is a list or a mapping").help("keys are strings");
            return false;
        }
        self.stack.push(frame);
        true
    }

    fn scalar(&mut self, text: Cow<'_, str>, style: ScalarStyle, at: Span) {
        let is_key = matches!(self.stack.last(), Some(Frame::Map(_, _, _, None)));
        let data = if style == ScalarStyle::Plain {
            scalar::resolve(&text)
        } else {
            Ok(Data::Str(text.to_string()))
        };
        let data = data.unwrap_or_else(|message| {
            self.broken = true;
            self.report.error(codes::NUMBER, &at, message).help("quote it if text is meant");
            Data::Null
        });
        if is_key { self.key(data, &text, at) } else { self.value(Node { at, data }) }
    }

    fn key(&mut self, data: Data, text: &str, at: Span) {
        let key = match data {
            Data::Str(key) if key == "<<" => {
                self.refuse(&at, "a merge key", "write the entries out");
                key
            }
            Data::Str(key) => key,
            _ => {
                self.broken = true;
                self.report
                    .error(codes::KEY_TYPE, &at, format!("the key `{text}` is not a string"))
                    .help(format!("quote it: \"{text}\""));
                text.to_owned()
            }
        };
        if let Some(Frame::Map(_, _, seen, pending)) = self.stack.last_mut() {
            if !seen.insert(key.clone()) {
                self.broken = true;
                self.report
                    .error(codes::DUPLICATE_KEY, &at, format!("the key `{key}` occurs twice"))
                    .help("remove one of the two");
            }
            *pending = Some((key, at));
        }
    }

    fn value(&mut self, node: Node) {
        match self.stack.last_mut() {
            None => self.root = Some(node),
            Some(Frame::Seq(_, items)) => items.push(node),
            Some(Frame::Map(_, entries, _, pending)) => {
                if let Some((key, key_at)) = pending.take() {
                    entries.push(Entry { key, key_at, value: node });
                }
            }
        }
    }

    fn decorations(&mut self, at: &Span, anchor: usize, tag: bool) {
        if anchor != 0 {
            self.refuse(at, "an anchor", "make a shared type of what is used twice");
        }
        if tag {
            self.refuse(at, "a tag", "write the plain value");
        }
    }

    fn refuse(&mut self, at: &Span, what: &str, help: &str) {
        self.broken = true;
        self.report.error(codes::ALIAS, at, format!("{what} cannot be used here")).help(help);
    }

    fn span(&self, raw: &RawSpan) -> Span {
        let same_line = raw.start.line() == raw.end.line();
        let width = if same_line { raw.end.col().saturating_sub(raw.start.col()) } else { 1 };
        Span {
            file: Arc::clone(self.file),
            line: raw.start.line().max(1),
            column: raw.start.col() + 1,
            width: width.max(1),
        }
    }
}
