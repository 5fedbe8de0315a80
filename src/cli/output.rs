//! Writing to standard output and standard error. A reader who has left (`| head`) is no fault.

use std::io::{self, ErrorKind, IsTerminal, Write};

use owo_colors::{OwoColorize, Style};
use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
};
use serde::Serialize;

use super::exit::{Exit, Failure};

/// Writes text to standard output, as it is.
pub(super) fn text(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(unwritten)
}

/// Writes a line to standard output.
pub(super) fn line(line: &str) -> Result<(), Failure> {
    text(&format!("{line}\n"))
}

/// Writes a value: indented for people, on one line for programs.
pub(super) fn value(value: &impl Serialize, indented: bool) -> Result<(), Failure> {
    let json = if indented { serde_json::to_string_pretty(value) } else { serde_json::to_string(value) };
    line(&json.map_err(|error| Failure::failed(error.to_string()))?)
}

/// Writes a line to standard error; there is nowhere to tell that it failed.
pub(super) fn error_line(line: &str) {
    let _unread = writeln!(io::stderr(), "{line}");
}

/// Whether a person reads standard output.
pub(super) fn for_people() -> bool {
    io::stdout().is_terminal()
}

/// Waits until nobody reads standard output any more, which writing alone would tell only with the next line. Where that
/// cannot be known, as of a file, it waits for ever.
pub(super) async fn unread() {
    let (left, told) = tokio::sync::oneshot::channel();
    // A thread of its own, which ends with the program: the runtime's own way to watch a descriptor would have to own it.
    std::thread::spawn(move || {
        let out = io::stdout();
        // Asked for nothing, it answers with what is told unasked: an error or a hang-up at the other end.
        let mut watched = [PollFd::new(&out, PollFlags::empty())];
        loop {
            match poll(&mut watched, None) {
                Ok(_) if watched[0].revents().intersects(PollFlags::ERR | PollFlags::HUP) => break,
                Err(Errno::INTR) => {}
                // Nothing that can be watched, such as a closed one.
                _ => return,
            }
        }
        let _ = left.send(());
    });
    if told.await.is_err() {
        std::future::pending().await
    }
}

/// Colours text for standard output, if a person reads it who has nothing against colours (<https://no-color.org>).
pub(super) fn paint(text: &str, style: Style) -> String {
    coloured(text, style, for_people())
}

/// Colours text for standard error.
pub(super) fn paint_error(text: &str, style: Style) -> String {
    coloured(text, style, io::stderr().is_terminal())
}

fn coloured(text: &str, style: Style, terminal: bool) -> String {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
    if terminal && !refused && !dumb { text.style(style).to_string() } else { text.to_owned() }
}

/// The reader has left: the command ends quietly, having done what was wanted of it.
pub(super) fn reader_left(failure: &Failure) -> bool {
    failure.exit == Exit::Done
}

fn unwritten(error: io::Error) -> Failure {
    if error.kind() == ErrorKind::BrokenPipe {
        return Failure::new(Exit::Done, "");
    }
    error.into()
}

/// Columns of text, padded to line up; the last one is left as it is.
/// What others have written: it must not move the cursor or colour the terminal.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|char| if char.is_control() { '\u{fffd}' } else { char }).collect()
}

pub(super) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let width = |text: &str| text.chars().count();
    let mut widths: Vec<usize> = head.iter().map(|name| width(name)).collect();
    for row in rows {
        for (at, cell) in row.iter().enumerate() {
            widths[at] = widths[at].max(width(cell));
        }
    }
    let mut out = String::new();
    let head: Vec<String> = head.iter().map(|name| (*name).to_owned()).collect();
    for row in std::iter::once(&head).chain(rows) {
        let mut line = String::new();
        for (at, cell) in row.iter().enumerate() {
            line.push_str(cell);
            line.push_str(&" ".repeat(widths[at] - width(cell) + 2));
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn columns_line_up() {
        let rows = [
            vec!["a".to_owned(), "grün".to_owned(), "x".to_owned()],
            vec!["long".into(), "b".into(), "y".into()],
        ];
        assert_eq!(
            super::table(&["ID", "NAME", "Z"], &rows),
            "ID    NAME  Z\na     grün  x\nlong  b     y\n"
        );
    }
}
