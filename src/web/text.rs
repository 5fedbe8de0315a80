//! From the bytes of an answer to text.

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};

/// A page says its encoding within so many bytes, or not at all (HTML standard, section 13.2.3.2).
const HEAD: usize = 1024;

/// The text, by a byte order mark, by what the answer's head says, by what the page says, or by what it looks like.
pub(super) fn decode(bytes: &[u8], content_type: &str) -> String {
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        return encoding.decode_without_bom_handling(&bytes[mark..]).0.into_owned();
    }
    let said = label(content_type).or_else(|| {
        let head = String::from_utf8_lossy(&bytes[..bytes.len().min(HEAD)]).into_owned();
        label(&head)
    });
    let encoding = said.and_then(|label| Encoding::for_label(label.as_bytes()));
    let encoding = encoding.unwrap_or_else(|| if is_utf8(bytes) { UTF_8 } else { WINDOWS_1252 });
    encoding.decode_without_bom_handling(bytes).0.into_owned()
}

/// Whether it is UTF-8, as far as it goes: a page that was cut off may end inside a character.
pub(super) fn is_utf8(bytes: &[u8]) -> bool {
    match std::str::from_utf8(bytes) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    }
}

/// What stands after the first `charset=`.
fn label(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let rest = lower.split_once("charset")?.1.trim_start().strip_prefix('=')?.trim_start();
    let rest = rest.trim_start_matches(['"', '\'']);
    let label: String = rest
        .chars()
        .take_while(|letter| letter.is_ascii_alphanumeric() || "-_:.".contains(*letter))
        .collect();
    (!label.is_empty()).then_some(label)
}

/// A part of a text: where it begins, and where the next one does. Parts end with a line where that loses little.
pub(super) fn part(text: &str, start: usize, most: usize) -> (usize, usize) {
    let start = text.floor_char_boundary(start.min(text.len()));
    let end = text.floor_char_boundary(start.saturating_add(most).min(text.len()));
    if end == text.len() {
        return (start, end);
    }
    let window = &text[start..end];
    let line = window.rfind('\n').map(|at| at + 1).filter(|at| *at >= window.len() / 5 * 4);
    (start, line.map_or(end, |at| start + at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_found_wherever_they_are_said() {
        let cases: [(&[u8], &str); 7] = [
            (b"gr\xc3\xbc\xc3\x9fe", "text/plain"),
            (b"gr\xfc\xdfe", "text/plain; charset=ISO-8859-1"),
            (b"gr\xfc\xdfe", "text/plain"),
            (b"\xef\xbb\xbfgr\xc3\xbc\xc3\x9fe", "text/plain; charset=latin1"),
            (b"\xff\xfeg\0r\0\xfc\0\xdf\0e\0", ""),
            (b"<meta charset='windows-1252'>gr\xfc\xdfe", "text/html"),
            (
                b"<meta http-equiv=\"Content-Type\" content=\"text/html; CHARSET = iso-8859-15\">gr\xfc\xdfe",
                "text/html",
            ),
        ];
        for (bytes, content_type) in cases {
            let text = decode(bytes, content_type);
            assert!(text.ends_with("grüße"), "{text:?}");
        }
        assert!(decode(b"\x93\xfa\x96\x7b", "text/html; charset=\"Shift_JIS\"").contains("日本"));
        assert_eq!(decode(b"a", "text/plain; charset=no-such"), "a");
    }

    #[test]
    fn parts_make_up_the_whole() {
        let text = "zwölf Boxkämpfer\n".repeat(100);
        let (mut start, mut whole) = (0, String::new());
        while start < text.len() {
            let (begin, end) = part(&text, start, 77);
            assert!(begin == start && end > begin);
            whole.push_str(&text[begin..end]);
            start = end;
        }
        assert_eq!(whole, text);
        assert_eq!(part("äöü", 1, 100), (0, 6));
        assert_eq!(part("abc", 10, 5), (3, 3));
    }
}
