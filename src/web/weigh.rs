//! How much a page would be once it is parsed. HTML may nest as deep as it is long, and formatting that is not closed is
//! repeated in every paragraph that follows; a page made to harm is refused before a parser sees it.

/// Deepest nesting; browsers have the same bound.
const DEEPEST: usize = 512;
/// Most elements.
const MOST: usize = 400_000;

/// Elements that have no end.
const VOID: [&str; 14] = [
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track",
    "wbr",
];
/// Elements whose end may be left out: the next one, or the end of their parent, ends them.
const OPTIONAL: [&str; 16] = [
    "body", "colgroup", "dd", "dt", "head", "html", "li", "optgroup", "option", "p", "rp", "rt", "tbody",
    "td", "tr", "th",
];
/// Elements that a parser opens anew in every block that follows, until they are closed.
const REPEATED: [&str; 14] =
    ["a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u"];
/// Elements whose content is no markup.
const RAW: [&str; 6] = ["script", "style", "textarea", "title", "noscript", "xmp"];

/// Whether a page can be parsed without harm. Counts more rather than less.
pub(super) fn is_bearable(html: &str) -> bool {
    let (mut depth, mut repeated, mut elements) = (0_usize, 0_usize, 0_usize);
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix("!--") {
            rest = after.find("-->").map_or("", |end| &after[end..]);
            continue;
        }
        let closing = rest.starts_with('/');
        let named = rest.trim_start_matches('/');
        if !named.starts_with(|letter: char| letter.is_ascii_alphabetic()) {
            continue;
        }
        let end = named
            .find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-')
            .unwrap_or(named.len());
        let name = named[..end.min(32)].to_ascii_lowercase();
        let name = name.as_str();
        rest = &named[end..];
        if closing {
            if !OPTIONAL.contains(&name) && !VOID.contains(&name) {
                depth = depth.saturating_sub(1);
            }
            if REPEATED.contains(&name) {
                repeated = repeated.saturating_sub(1);
            }
            continue;
        }
        elements = elements.saturating_add(1);
        if REPEATED.contains(&name) {
            repeated += 1;
        } else {
            elements = elements.saturating_add(repeated);
        }
        if !VOID.contains(&name) && !OPTIONAL.contains(&name) {
            depth += 1;
        }
        if depth > DEEPEST || elements > MOST {
            return false;
        }
        if RAW.contains(&name) {
            // What looks like markup in there is none. An end that never comes ends the page.
            let close = format!("</{name}");
            let lower = rest
                .as_bytes()
                .windows(close.len())
                .position(|part| part.eq_ignore_ascii_case(close.as_bytes()));
            rest = lower.map_or("", |at| &rest[at..]);
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_pages_are_bearable() {
        let rows = "<tr><td>a<td>b<br><p>c<p>d<li>e<img src=x><b>f</b>".repeat(20_000);
        assert!(is_bearable(&format!("<!doctype html><html><body><table>{rows}")));
        let nested = format!("{}{}", "<div>".repeat(300), "</div>".repeat(300));
        assert!(is_bearable(&nested.repeat(100)));
        assert!(is_bearable(&format!("<script>{}</script>", "if (a<b) '<div>';".repeat(10_000))));
        assert!(is_bearable(&format!("<!-- {} --><p>x", "<div>".repeat(10_000))));
        assert!(is_bearable("a < b, 1<2, <3, </ >, <"));
    }

    #[test]
    fn pages_made_to_harm_are_not() {
        assert!(!is_bearable(&"<div>".repeat(100_000)));
        assert!(!is_bearable(&format!("{}{}", "<b><i>".repeat(200), "<p>x".repeat(10_000))));
        assert!(!is_bearable(&"<i/><u>".repeat(2000)));
        assert!(!is_bearable(&"<br>".repeat(500_000)));
        assert!(!is_bearable(&"<x-y>".repeat(1000)));
    }
}
