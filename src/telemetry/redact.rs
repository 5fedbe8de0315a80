//! The last line of defence: a key that slipped into a log line is taken out before the line is written.

use std::borrow::Cow;
use std::io::{self, Write};

use tracing_subscriber::fmt::MakeWriter;

const HIDDEN: &[u8] = b"[hidden]";
const KEY: &[u8] = b"alk_";
const BEARER: &[u8] = b"Bearer ";

/// Writes to another writer what is fit to be read.
#[derive(Clone)]
pub(super) struct Redacting<M>(pub(super) M);

impl<'a, M: MakeWriter<'a>> MakeWriter<'a> for Redacting<M> {
    type Writer = RedactingWriter<M::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        RedactingWriter(self.0.make_writer())
    }
}

/// One line on its way: the formatter hands over whole lines, so a key is never cut in two.
pub(super) struct RedactingWriter<W>(W);

impl<W: Write> Write for RedactingWriter<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.write_all(&redact(line))?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// The line with the secret half of every key, and every bearer token, replaced.
pub(crate) fn redact(line: &[u8]) -> Cow<'_, [u8]> {
    let mut clean: Vec<u8> = Vec::new();
    let (mut done, mut at) = (0, 0);
    while at < line.len() {
        let rest = &line[at..];
        let secret = if rest.starts_with(KEY) {
            key_secret(rest)
        } else if rest.len() >= BEARER.len() && rest[..BEARER.len()].eq_ignore_ascii_case(BEARER) {
            let token = rest[BEARER.len()..].iter().take_while(|byte| is_token(**byte)).count();
            (token > 0).then_some((BEARER.len(), BEARER.len() + token))
        } else {
            None
        };
        match secret {
            Some((from, to)) => {
                clean.extend_from_slice(&line[done..at + from]);
                clean.extend_from_slice(HIDDEN);
                at += to;
                done = at;
            }
            None => at += 1,
        }
    }
    if done == 0 {
        return Cow::Borrowed(line);
    }
    clean.extend_from_slice(&line[done..]);
    Cow::Owned(clean)
}

/// Where the secret of `alk_<id>_<secret>` begins and ends; the id may be seen.
fn key_secret(text: &[u8]) -> Option<(usize, usize)> {
    let id = text[KEY.len()..].iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    let from = KEY.len() + id + 1;
    if id == 0 || text.get(from - 1) != Some(&b'_') {
        return None;
    }
    let secret = text[from..].iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    (secret > 0).then_some((from, from + secret))
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean(line: &str) -> String {
        String::from_utf8(redact(line.as_bytes()).into_owned()).expect("UTF-8")
    }

    #[test]
    fn secrets_go_and_the_rest_stays() {
        let key = format!("alk_abcdefgh12345678_{}", "0f".repeat(32));
        assert_eq!(
            clean(&format!("a {key} b {key}")),
            "a alk_abcdefgh12345678_[hidden] b alk_abcdefgh12345678_[hidden]"
        );
        assert_eq!(clean(r#"{"h":"bearer eyJ.a-b_c=","x":1}"#), r#"{"h":"bearer [hidden]","x":1}"#);
        assert_eq!(clean("Bearer alk_a_b"), "Bearer [hidden]");
    }

    #[test]
    fn a_line_without_secrets_is_passed_on_untouched() {
        for line in ["", "alk_", "alk_id", "alk_id_", "Bearer", "Bearer ", "walk_home for grüße"] {
            assert!(
                matches!(redact(line.as_bytes()), Cow::Borrowed(same) if same == line.as_bytes()),
                "{line}"
            );
        }
    }
}
