//! From HTML to Markdown.

use dom_query::Document;
use dom_smoothie::{Config, Readability};

use super::weigh::is_bearable;

/// Most elements in which the main part of a page is looked for; of a larger one everything is given.
const MOST_JUDGED: usize = 50_000;
/// Parts of a page that are no text of it.
const LEFT_OUT: [&str; 10] =
    ["script", "style", "meta", "head", "noscript", "template", "svg", "iframe", "object", "canvas"];

/// A page as text.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) title: Option<String>,
    pub(super) author: Option<String>,
    pub(super) published: Option<String>,
    pub(super) markdown: String,
}

/// The main part of a page, or all of it where none stands out. `None` where the page is built to harm. Takes a while
/// for large pages: not for a thread that others wait for.
pub(super) fn read(html: &str, url: &str, whole: bool) -> Option<Page> {
    if !is_bearable(html) {
        return None;
    }
    let mut page = Page::default();
    if !whole {
        let config = Config { max_elements_to_parse: MOST_JUDGED, ..Config::default() };
        let article = Readability::new(html, Some(url), Some(config)).and_then(|mut page| page.parse());
        if let Ok(article) = article {
            let content: &str = &article.content;
            page.markdown = if is_bearable(content) { markdown(content) } else { String::new() };
            page.title = Some(article.title).filter(|title| !title.is_empty());
            (page.author, page.published) = (article.byline, article.published_time);
        }
    }
    if page.markdown.trim().is_empty() {
        page.markdown = markdown(html);
    }
    if page.title.is_none() {
        let document = Document::from(html);
        let title = document.select_single("title").text().trim().to_owned();
        page.title = Some(title).filter(|title| !title.is_empty());
    }
    Some(page)
}

fn markdown(html: &str) -> String {
    let document = Document::from(html);
    // Pictures that stand in the page itself are long, and no text.
    document.select("img[src^=\"data:\"]").remove();
    document.md(Some(&LEFT_OUT)).trim().to_owned()
}

/// The text of a piece of HTML.
pub(super) fn plain(html: &str) -> String {
    if !html.contains(['<', '&']) || !is_bearable(html) {
        return html.to_owned();
    }
    Document::fragment(html).text().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "<!doctype html><html><head><title>On hubs</title><style>p{}</style></head><body>\
        <nav><a href='/'>Home</a> <a href='/shop'>Shop</a></nav>\
        <article><h1>On hubs</h1><p>A hub has <b>spokes</b>, as wheels have, and this sentence goes on for a while so \
        that it counts as text, with commas, and more commas, and a <a href='/more'>link</a>.</p>\
        <p>The second paragraph is as long as the first one, and says nothing new, which is what second paragraphs are \
        for, after all, in examples such as this.</p><ul><li>one</li><li>two</li></ul>\
        <pre><code>let a = 1;</code></pre></article>\
        <script>alert('no')</script><footer>Imprint</footer></body></html>";

    #[test]
    fn an_article_is_found_and_the_rest_left_out() {
        let page = read(PAGE, "https://example.org/on-hubs", false).expect("a page");
        assert_eq!(page.title.as_deref(), Some("On hubs"));
        let text = &page.markdown;
        assert!(text.contains("**spokes**") && text.contains("one") && text.contains("let a = 1;"), "{text}");
        assert!(text.contains("https://example.org/more"), "{text}");
        assert!(!text.contains("alert") && !text.contains("Shop"), "{text}");
    }

    #[test]
    fn all_of_a_page_has_no_scripts() {
        let page = read(PAGE, "https://example.org/", true).expect("a page");
        assert!(page.markdown.contains("Shop") && page.markdown.contains("Imprint"), "{}", page.markdown);
        assert!(!page.markdown.contains("alert") && !page.markdown.contains("p{}"), "{}", page.markdown);
    }

    #[test]
    fn odd_pages_are_read_too() {
        assert_eq!(read("", "https://example.org/", false).expect("a page").markdown, "");
        assert!(
            read("just words", "https://example.org/", false)
                .expect("a page")
                .markdown
                .contains("just words")
        );
        assert!(read(&"<div>".repeat(5000), "https://example.org/", false).is_none());
        // As deep as is borne, through everything that looks at it.
        let deep = format!("{}deep{}", "<div>".repeat(500), "</div>".repeat(500));
        assert!(read(&deep, "https://example.org/", false).expect("a page").markdown.contains("deep"));
        assert_eq!(plain("a <strong>b</strong> &amp; c"), "a b & c");
    }
}
