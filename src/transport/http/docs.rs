//! The document, the page that shows it, and a page for each error code.

use std::{marker::PhantomData, sync::OnceLock};

use bytes::Bytes;
use poem::{Endpoint, Request, Response, error::NotFoundError, http::StatusCode};
use rust_embed::RustEmbed;

use super::{OperationSet, compress::Compressible, endpoint, openapi};

/// A text made at first use and kept.
pub(super) struct Lazy<S> {
    content_type: &'static str,
    enabled: bool,
    make: fn() -> String,
    text: OnceLock<Bytes>,
    set: PhantomData<fn() -> S>,
}

/// `/openapi.json`.
#[must_use]
pub(super) fn document<S: OperationSet>() -> Lazy<S> {
    lazy("application/json", true, openapi::document_json::<S>)
}

/// `/docs`.
#[must_use]
pub(super) fn page<S: OperationSet>(enabled: bool) -> Lazy<S> {
    lazy("text/html; charset=utf-8", enabled, openapi::page_html::<S>)
}

fn lazy<S>(content_type: &'static str, enabled: bool, make: fn() -> String) -> Lazy<S> {
    Lazy { content_type, enabled, make, text: OnceLock::new(), set: PhantomData }
}

impl<S: OperationSet> Endpoint for Lazy<S> {
    type Output = Response;

    async fn call(&self, _request: Request) -> poem::Result<Response> {
        if !self.enabled {
            return Err(NotFoundError.into());
        }
        let text = self.text.get_or_init(|| Bytes::from((self.make)())).clone();
        Ok(endpoint::json(text).set_content_type(self.content_type))
    }
}

#[derive(RustEmbed)]
#[folder = "docs/errors"]
#[include = "*.md"]
struct Pages;

/// `/docs/errors/{CODE}`, which problem documents name as their type.
pub(super) struct ErrorPage;

impl Endpoint for ErrorPage {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let code = request.raw_path_param("code").unwrap_or_default();
        let page = Pages::get(&format!("{code}.md")).ok_or(NotFoundError)?;
        let text = page.data.into_owned();
        let length = text.len();
        let mut response = Response::builder().content_type("text/markdown; charset=utf-8").body(text);
        response.extensions_mut().insert(Compressible(length));
        Ok(response)
    }
}

/// `/` leads to the page of operations.
pub(super) struct Home;

impl Endpoint for Home {
    type Output = Response;

    async fn call(&self, _request: Request) -> poem::Result<Response> {
        Ok(Response::builder().status(StatusCode::SEE_OTHER).header("location", "/docs").finish())
    }
}
