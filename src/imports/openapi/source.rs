//! Documents of a service: fetched or given, stored, read again.

use std::io::Read;

use alkhub_core::{
    AccessControl, CallError,
    import::openapi::{Documents, Imported, Options, import, read},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use flate2::read::GzDecoder;
use http::{Method, StatusCode, header};
use reqwest::{Request, Url};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::auth::Signer;
use crate::outbound::{Outbound, Redirects, bounded};

/// Largest document.
const LARGEST: usize = 32 * 1024 * 1024;
/// Most bytes of all documents of a service.
const LARGEST_ALL: usize = 48 * 1024 * 1024;
/// Most documents that one refers to.
const MOST: usize = 50;
/// Rounds of following references.
const ROUNDS: usize = 8;

/// What may help where a document is not for everybody.
const UNSIGNED: &str = "; credentials are shown for it only where `baseUrl`, or the service as it is stored, has the same origin";

/// A document that is given, and not fetched.
#[derive(Clone, Debug)]
pub enum Given {
    /// As an object, or as text.
    Value(Value),
    /// As text, gzip and base64.
    Compressed(String),
}

/// The main document and those that it refers to, with the URLs that they were found under.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Source {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    main: Value,
    #[serde(default)]
    others: Vec<(String, Value)>,
}

/// OPENAPI_INVALID with its reason.
#[must_use]
pub(super) fn invalid(reason: &str) -> CallError {
    CallError::new("OPENAPI_INVALID", format!("The OpenAPI document cannot be imported: {reason}"))
        .with_details(serde_json::json!({ "reason": reason }))
}

/// Runs what takes long away from what must not wait.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, CallError> + Send + 'static,
) -> Result<T, CallError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| CallError::internal(&error))?
}

impl Source {
    /// Reads a document that is given.
    ///
    /// # Errors
    /// OPENAPI_INVALID, or VALIDATION_ERROR.
    pub async fn given(given: Given) -> Result<Self, CallError> {
        let main = aside(move || match given {
            Given::Value(Value::String(text)) => read(&text).map_err(|reason| invalid(&reason)),
            Given::Value(main) if main.is_object() => Ok(main),
            Given::Value(_) => Err(CallError::fault("/document", "must be an object, or the text of one")),
            Given::Compressed(text) => {
                let wrong = |what: String| CallError::fault("/compressed", what);
                let bytes = BASE64_STANDARD
                    .decode(text)
                    .map_err(|error| wrong(format!("must be base64: {error}")))?;
                let mut text = String::new();
                let mut decoder = GzDecoder::new(bytes.as_slice()).take(LARGEST as u64 + 1);
                decoder
                    .read_to_string(&mut text)
                    .map_err(|error| wrong(format!("must be gzip of UTF-8: {error}")))?;
                if text.len() > LARGEST {
                    return Err(wrong(format!("must hold at most {LARGEST} bytes")));
                }
                read(&text).map_err(|reason| invalid(&reason))
            }
        });
        Ok(Self { url: None, main: main.await?, others: Vec::new() })
    }

    /// Fetches a document, and those of its origin that it refers to. One of these that cannot be had is left out: the report
    /// says what it is missed for. What goes to the signer's origin shows the service's credentials.
    ///
    /// # Errors
    /// OPENAPI_INVALID, OUTBOUND_REFUSED or UNAVAILABLE.
    pub(super) async fn fetch(
        outbound: &Outbound,
        signer: Option<&Signer>,
        url: &Url,
    ) -> Result<Self, CallError> {
        let (found, main, mut size) = fetch(outbound, signer, url.clone()).await?;
        let mut documents = Documents::new(main.clone(), Some(found.clone()));
        let mut others: Vec<(String, Value)> = Vec::new();
        let mut tried: Vec<Url> = Vec::new();
        for _ in 0..ROUNDS {
            let missing: Vec<Url> = documents
                .missing()
                .into_iter()
                .filter(|url| !tried.contains(url))
                .take(MOST - tried.len())
                .collect();
            if missing.is_empty() {
                break;
            }
            for url in missing {
                tried.push(url.clone());
                let Ok((at, value, bytes)) = fetch(outbound, signer, url.clone()).await else { continue };
                size += bytes;
                if size > LARGEST_ALL || at.origin() != found.origin() {
                    continue;
                }
                documents.add(url.clone(), value.clone());
                others.push((url.into(), value));
            }
        }
        Ok(Self { url: Some(found.into()), main, others })
    }

    /// As it is stored.
    ///
    /// # Errors
    /// EXECUTION_ERROR.
    pub async fn store(&self) -> Result<String, CallError> {
        let source = self.clone();
        aside(move || serde_json::to_string(&source).map_err(|error| CallError::internal(&error))).await
    }

    /// Reads what was stored.
    ///
    /// # Errors
    /// EXECUTION_ERROR.
    pub async fn load(stored: String) -> Result<Self, CallError> {
        aside(move || serde_json::from_str(&stored).map_err(|error| CallError::internal(&error))).await
    }

    /// Makes operations of it.
    ///
    /// # Errors
    /// OPENAPI_INVALID.
    pub async fn import(
        self,
        name: &str,
        base_url: Option<Url>,
        required_scopes: &[String],
    ) -> Result<Imported, CallError> {
        let access = AccessControl { required_scopes: required_scopes.to_vec(), ..AccessControl::default() };
        let options = Options { namespace: name.to_owned(), base_url, access, ..Options::default() };
        aside(move || {
            let url = |text: &str| Url::parse(text).map_err(|error| CallError::internal(&error));
            let mut documents = Documents::new(self.main, self.url.as_deref().map(url).transpose()?);
            for (at, value) in self.others {
                documents.add(url(&at)?, value);
            }
            import(&documents, &options).map_err(|reason| invalid(&reason))
        })
        .await
    }
}

/// A document, where it was found in the end, and its size.
async fn fetch(
    outbound: &Outbound,
    signer: Option<&Signer>,
    url: Url,
) -> Result<(Url, Value, usize), CallError> {
    let host = url.host_str().unwrap_or_default().to_owned();
    let mut request = Request::new(Method::GET, url.clone());
    let accept = "application/json, application/yaml;q=0.9, text/yaml;q=0.9, */*;q=0.5";
    request.headers_mut().insert(header::ACCEPT, http::HeaderValue::from_static(accept));
    let answer = async {
        let token = match signer {
            Some(signer) => signer.sign(&mut request).await?,
            None => None,
        };
        // A key in the query must neither be stored with the place of the document nor come back in a redirect.
        let in_query = *request.url() != url;
        let redirects = if in_query { Redirects::None } else { Redirects::Any };
        let response = outbound.send(request, redirects).await?;
        let status = response.status();
        if !status.is_success() {
            if let (Some(signer), Some(token)) = (signer, &token) {
                signer.refused(token).await;
            }
            let hint = match (status, signer) {
                (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, None) => UNSIGNED,
                _ => "",
            };
            return Err(invalid(&format!("{host} answered with HTTP {}{hint}", status.as_u16())));
        }
        let found = if in_query { url } else { response.url().clone() };
        Ok((found, bounded(response, LARGEST).await?))
    };
    let late = || {
        let mut error = CallError::unavailable("document");
        error.message = format!("{host} did not send the document in time.");
        error
    };
    let (found, bytes) =
        tokio::time::timeout(outbound.limits().timeout, answer).await.map_err(|_| late())??;
    let size = bytes.len();
    let value = aside(move || {
        let text = std::str::from_utf8(&bytes).map_err(|_| invalid("the document is not UTF-8"))?;
        read(text).map_err(|reason| invalid(&reason))
    });
    Ok((found, value.await?, size))
}
