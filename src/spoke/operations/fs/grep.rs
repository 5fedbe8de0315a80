//! `fs.grep`

use alkhub_api::fs::grep::{Error, Grep, Input, Output, OutputMatchesItem};
use alkhub_core::{Call, Handle};
use grep_regex::RegexMatcherBuilder;
use grep_searcher::{BinaryDetection, Searcher, SearcherBuilder, Sink, SinkContext, SinkContextKind, SinkMatch};

use crate::spoke::{
    Spoke, pattern,
    sandbox::{Fail, LARGEST_TEXT, Root, Walk, blocking},
};

/// Letters of a line that are shown.
const LONGEST_LINE: usize = 2000;
/// Bytes of all lines that are shown.
const MOST_BYTES: usize = 2 * 1024 * 1024;

impl Handle<Grep> for Spoke {
    async fn handle(&self, cx: &Call, input: Input) -> Result<Output, Error> {
        let (root, cancel) = (self.root.clone(), cx.cancelled().clone());
        Ok(blocking(move || {
            let matcher = RegexMatcherBuilder::new()
                .case_insensitive(input.ignore_case)
                .fixed_strings(input.literal)
                .line_terminator(Some(b'\n'))
                .size_limit(10 * 1024 * 1024)
                .dfa_size_limit(10 * 1024 * 1024)
                .build(&input.pattern)
                .map_err(|error| Fail::Pattern(input.pattern.clone(), error.to_string()))?;
            let glob = input.glob.as_deref().map(pattern::glob).transpose()?;
            let context = usize::try_from(input.context).unwrap_or_default();
            let mut searcher = SearcherBuilder::new()
                .line_number(true)
                .before_context(context)
                .after_context(context)
                .binary_detection(BinaryDetection::quit(0))
                .heap_limit(Some(16 * 1024 * 1024))
                .build();
            let limit = usize::try_from(input.limit).unwrap_or(200);
            let mut lines = Lines { found: Vec::new(), path: String::new(), limit, bytes: 0, full: false, before: Vec::new(), binary: false };
            let (mut searched, mut skipped) = (0, 0);
            let walk = Walk { depth: usize::MAX, ignored: input.ignored, cancel: &cancel };
            walk.run(&root, &input.path, |found| {
                if !found.kind.is_file() || glob.as_ref().is_some_and(|glob| !glob.is_match(found.inside)) {
                    return Ok(true);
                }
                found.path.clone_into(&mut lines.path);
                if search(&root, &mut searcher, &matcher, &mut lines) {
                    searched += 1;
                } else {
                    skipped += 1;
                }
                Ok(!lines.full)
            })?;
            Ok(Output { matches: lines.found, truncated: lines.full, files_searched: searched, files_skipped: skipped })
        })
        .await?)
    }
}

/// Whether the file could be searched.
fn search(
    root: &Root,
    searcher: &mut Searcher,
    matcher: &grep_regex::RegexMatcher,
    lines: &mut Lines,
) -> bool {
    let path = lines.path.clone();
    let Ok((file, size)) = root.regular(&path) else { return false };
    if size > LARGEST_TEXT {
        return false;
    }
    let before = lines.found.len();
    lines.binary = false;
    let done = searcher.search_reader(matcher, std::io::Read::take(file, LARGEST_TEXT), &mut *lines).is_ok();
    if lines.binary {
        lines.found.truncate(before);
    }
    done && !lines.binary
}

/// Collects lines that match, up to a limit.
struct Lines {
    found: Vec<OutputMatchesItem>,
    path: String,
    limit: usize,
    bytes: usize,
    full: bool,
    before: Vec<String>,
    binary: bool,
}

impl Lines {
    fn text(&mut self, bytes: &[u8]) -> String {
        let text = String::from_utf8_lossy(bytes);
        let text: String = text.trim_end_matches(['\n', '\r']).chars().take(LONGEST_LINE).collect();
        self.bytes += text.len();
        text
    }
}

impl Sink for &mut Lines {
    type Error = std::io::Error;

    fn matched(&mut self, _searcher: &Searcher, matched: &SinkMatch<'_>) -> Result<bool, Self::Error> {
        if self.found.len() == self.limit || self.bytes > MOST_BYTES {
            self.full = true;
            return Ok(false);
        }
        let text = self.text(matched.bytes());
        let before = std::mem::take(&mut self.before);
        let line = matched.line_number().and_then(|line| i64::try_from(line).ok()).unwrap_or(1);
        let path = self.path.clone();
        let before = (!before.is_empty()).then_some(before);
        self.found.push(OutputMatchesItem { path, line, text, before, after: None });
        Ok(true)
    }

    fn context(&mut self, _searcher: &Searcher, context: &SinkContext<'_>) -> Result<bool, Self::Error> {
        let text = self.text(context.bytes());
        match context.kind() {
            SinkContextKind::After => {
                if let Some(last) = self.found.last_mut() {
                    last.after.get_or_insert_default().push(text);
                }
            }
            _ => self.before.push(text),
        }
        Ok(true)
    }

    fn context_break(&mut self, _searcher: &Searcher) -> Result<bool, Self::Error> {
        self.before.clear();
        Ok(true)
    }

    fn binary_data(&mut self, _searcher: &Searcher, _offset: u64) -> Result<bool, Self::Error> {
        self.binary = true;
        Ok(false)
    }
}
