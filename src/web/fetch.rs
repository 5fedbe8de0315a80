//! Fetching a page.

use alkhub_core::CallError;
use bytes::BytesMut;
use futures::StreamExt;
use http::{HeaderValue, Method, header};
use reqwest::{Request, Response, Url};

use super::{
    Web,
    page::{self, Page},
    text::{decode, is_utf8, part},
};
use crate::outbound::{Redirects, failure};

/// What is asked for first.
const ACCEPT: &str =
    "text/html,application/xhtml+xml,text/markdown,text/plain,application/json;q=0.9,*/*;q=0.5";

/// How a page is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Its main part.
    Article,
    /// All of it.
    Full,
    /// As it came.
    Raw,
}

/// A page, or a part of one.
#[derive(Debug)]
pub struct Fetched {
    /// Where it was in the end.
    pub url: String,
    /// Status of the answer.
    pub status: u16,
    /// Media type, as the server says.
    pub content_type: String,
    /// Title of the page.
    pub title: Option<String>,
    /// Who wrote it.
    pub author: Option<String>,
    /// When, as the page says.
    pub published: Option<String>,
    /// The part.
    pub content: String,
    /// Where the part begins, in bytes.
    pub start: usize,
    /// Length of the whole in bytes.
    pub length: usize,
    /// Where the next part begins.
    pub next: Option<usize>,
    /// Whether the page was larger than is read.
    pub truncated: bool,
}

/// Why there is nothing to read.
#[derive(Debug)]
pub enum Unreadable {
    /// The server says that it is not there.
    Status(u16),
    /// It is no text.
    Type(String),
    /// It is compressed, which was not asked for.
    Encoding,
    /// It is built so that reading it would take too much.
    Structure,
    /// The call itself failed.
    Call(CallError),
}

impl From<CallError> for Unreadable {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

impl Web {
    /// Fetches a page and gives at most so many bytes of it.
    ///
    /// # Errors
    /// Why there is nothing to read.
    pub async fn fetch(
        &self,
        url: &str,
        mode: Mode,
        start: usize,
        most: usize,
    ) -> Result<Fetched, Unreadable> {
        let url = Url::parse(url).map_err(|error| {
            CallError::fault("/url", format!("must be a URL with `http` or `https`: {error}"))
        })?;
        let mut request = Request::new(Method::GET, url);
        request.headers_mut().insert(header::ACCEPT, HeaderValue::from_static(ACCEPT));
        let response = self.outbound.send(request, Redirects::Any).await?;
        let mut at = response.url().clone();
        at.set_fragment(None);
        let status = response.status().as_u16();
        if !response.status().is_success() {
            return Err(Unreadable::Status(status));
        }
        let named =
            |name| response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !matches!(named(header::CONTENT_ENCODING), "" | "identity") {
            return Err(Unreadable::Encoding);
        }
        let content_type = named(header::CONTENT_TYPE).to_owned();
        let kind = Kind::of(&content_type);
        if kind == Kind::Other {
            return Err(Unreadable::Type(content_type));
        }
        let (bytes, truncated) = self.body(response).await?;
        let kind = kind.looked_at(&bytes).ok_or_else(|| Unreadable::Type(content_type.clone()))?;
        let text = decode(&bytes, &content_type);
        let page = if kind == Kind::Html && mode != Mode::Raw {
            self.read(text, at.to_string(), mode == Mode::Full).await?
        } else {
            Page { markdown: text, ..Page::default() }
        };
        let (begin, end) = part(&page.markdown, start, most);
        Ok(Fetched {
            url: at.into(),
            status,
            content_type,
            title: page.title,
            author: page.author,
            published: page.published,
            content: page.markdown[begin..end].to_owned(),
            start: begin,
            length: page.markdown.len(),
            next: (end < page.markdown.len()).then_some(end),
            truncated,
        })
    }

    /// The body, as much of it as is read.
    async fn body(&self, response: Response) -> Result<(BytesMut, bool), CallError> {
        let most = self.bytes.load(std::sync::atomic::Ordering::Relaxed);
        let mut body = BytesMut::new();
        let mut chunks = response.bytes_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|error| failure(&error))?;
            let room = most.saturating_sub(body.len());
            if chunk.len() > room {
                body.extend_from_slice(&chunk[..room]);
                return Ok((body, true));
            }
            body.extend_from_slice(&chunk);
        }
        Ok((body, false))
    }

    async fn read(&self, html: String, url: String, whole: bool) -> Result<Page, Unreadable> {
        let turn = self.turns.clone().acquire_owned().await;
        let turn = turn.map_err(|error| CallError::internal(&error))?;
        let read = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            page::read(&html, &url, whole)
        });
        read.await.map_err(|error| CallError::internal(&error))?.ok_or(Unreadable::Structure)
    }
}

/// What a page is, by its media type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Html,
    Text,
    /// Nothing was said.
    Unsaid,
    Other,
}

impl Kind {
    fn of(content_type: &str) -> Self {
        let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match kind.as_str() {
            "" => Self::Unsaid,
            "text/html" | "application/xhtml+xml" => Self::Html,
            "application/json"
            | "application/xml"
            | "application/javascript"
            | "application/ecmascript"
            | "application/yaml"
            | "application/x-yaml"
            | "application/toml"
            | "application/x-ndjson"
            | "application/x-sh"
            | "application/sql" => Self::Text,
            kind if kind.starts_with("text/") || kind.ends_with("+json") || kind.ends_with("+xml") => {
                Self::Text
            }
            _ => Self::Other,
        }
    }

    /// What it looks like, where nothing was said; `None` where it is no text.
    fn looked_at(self, bytes: &[u8]) -> Option<Self> {
        if self != Self::Unsaid {
            return Some(self);
        }
        if bytes.contains(&0) || !is_utf8(bytes) {
            return None;
        }
        let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
        Some(if first == Some(&b'<') { Self::Html } else { Self::Text })
    }
}

impl Unreadable {
    /// The words for it.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Status(status) => format!("The server answered with status {status}."),
            Self::Type(kind) if kind.is_empty() => "The answer is no text.".to_owned(),
            Self::Type(kind) => {
                let kind: String = kind.chars().take(100).collect();
                format!("The answer is of the type {kind:?}; only HTML, JSON and other text can be read.")
            }
            Self::Encoding => "The server sent the page compressed, though it was not asked to.".to_owned(),
            Self::Structure => "The page is nested too deep or has too many elements.".to_owned(),
            Self::Call(error) => error.message.clone(),
        }
    }
}
