//! How requests show the service who the hub is.

use std::sync::Arc;

use alkhub_api::shared::{ApiAuth, ApiAuthApiKeyIn};
use alkhub_core::CallError;
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, header};
use reqwest::{Request, Url};
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use super::{config::Credentials, redact::Secrets, token::Tokens};
use crate::outbound::Outbound;

/// Signs requests to one origin.
pub(super) struct Signer {
    origin: String,
    way: Way,
    headers: Vec<(HeaderName, HeaderValue)>,
    secrets: Secrets,
}

enum Way {
    Nothing,
    Header(HeaderName, HeaderValue),
    Query(String, Zeroizing<String>),
    Cookie(String, Zeroizing<String>),
    Tokens(Box<Tokens>),
}

/// A token that a request was signed with.
pub(super) type Token = Arc<Zeroizing<String>>;

/// A header value that is not shown.
pub(super) fn sensitive(text: &str) -> Result<HeaderValue, CallError> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|_| CallError::internal(&"a credential cannot stand in a header"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// `Basic` credentials.
pub(super) fn basic(username: &str, password: &str) -> Zeroizing<String> {
    let pair = Zeroizing::new(format!("{username}:{password}"));
    Zeroizing::new(format!("Basic {}", BASE64_STANDARD.encode(pair.as_bytes())))
}

impl Signer {
    /// A signer of requests to `origin` alone.
    pub(super) fn new(
        credentials: &Credentials,
        origin: &str,
        outbound: &Outbound,
    ) -> Result<Self, CallError> {
        let mut secrets = Secrets::default();
        let mut headers = Vec::new();
        for (name, value) in &credentials.headers {
            secrets.add(&value.0);
            let name =
                name.parse().map_err(|_| CallError::internal(&"a stored header has no proper name"))?;
            headers.push((name, sensitive(&value.0)?));
        }
        let way = match &credentials.auth {
            ApiAuth::None => Way::Nothing,
            ApiAuth::Bearer { token } => {
                secrets.add(token);
                Way::Header(header::AUTHORIZATION, sensitive(&Zeroizing::new(format!("Bearer {token}")))?)
            }
            ApiAuth::Basic { username, password } => {
                let value = basic(username, password);
                secrets.add(password);
                secrets.add(value.trim_start_matches("Basic "));
                Way::Header(header::AUTHORIZATION, sensitive(&value)?)
            }
            ApiAuth::ApiKey { in_, name, prefix, value } => {
                secrets.add(value);
                let text = Zeroizing::new(format!("{}{value}", prefix.as_deref().unwrap_or_default()));
                let name = name.clone().unwrap_or_else(|| "X-API-Key".to_owned());
                match in_ {
                    Some(ApiAuthApiKeyIn::Query) => Way::Query(name, text),
                    Some(ApiAuthApiKeyIn::Cookie) => Way::Cookie(name, text),
                    _ => {
                        let wrong = |_| CallError::internal(&"a stored key is for no proper header");
                        Way::Header(name.parse().map_err(wrong)?, sensitive(&text)?)
                    }
                }
            }
            ApiAuth::ClientCredentials { audience, client_id, client_secret, in_body, scopes, token_url } => {
                secrets.add(client_secret);
                let url = token_url.as_deref().and_then(|url| Url::parse(url).ok());
                Way::Tokens(Box::new(Tokens {
                    outbound: outbound.clone(),
                    url: url.ok_or_else(|| CallError::internal(&"a stored token URL is none"))?,
                    client_id: client_id.clone(),
                    client_secret: Zeroizing::new(client_secret.clone()),
                    scopes: scopes.clone().unwrap_or_default(),
                    audience: audience.clone(),
                    in_body: *in_body,
                    held: Mutex::default(),
                }))
            }
        };
        Ok(Self { origin: origin.to_owned(), way, headers, secrets })
    }

    /// Adds what shows who the hub is, if the request goes where that is for; the token, if one was needed.
    pub(super) async fn sign(&self, request: &mut Request) -> Result<Option<Token>, CallError> {
        if request.url().origin().ascii_serialization() != self.origin {
            return Ok(None);
        }
        for (name, value) in &self.headers {
            request.headers_mut().insert(name, value.clone());
        }
        match &self.way {
            Way::Nothing => {}
            Way::Header(name, value) => {
                request.headers_mut().insert(name, value.clone());
            }
            Way::Query(name, value) => set_query(request.url_mut(), name, value),
            Way::Cookie(name, value) => {
                let pair = Zeroizing::new(format!("{name}={}", *encoded(value)));
                let known = request.headers().get(header::COOKIE).and_then(|cookie| cookie.to_str().ok());
                let whole =
                    known.map_or_else(|| pair.clone(), |known| Zeroizing::new(format!("{known}; {}", *pair)));
                let value = sensitive(&whole)?;
                request.headers_mut().insert(header::COOKIE, value);
            }
            Way::Tokens(tokens) => {
                let token = tokens.get().await?;
                let value = sensitive(&Zeroizing::new(format!("Bearer {}", token.as_str())))?;
                request.headers_mut().insert(header::AUTHORIZATION, value);
                return Ok(Some(token));
            }
        }
        Ok(None)
    }

    /// The service refused this token.
    pub(super) async fn refused(&self, token: &Token) {
        if let Way::Tokens(tokens) = &self.way {
            tokens.forget(token).await;
        }
    }

    /// A text without the credentials.
    pub(super) fn hide(&self, text: &str, token: Option<&Token>) -> String {
        self.secrets.hide(text, token.map(|token| token.as_str())).into_owned()
    }

    /// Bytes without the credentials.
    pub(super) fn hide_bytes(&self, bytes: Bytes, token: Option<&Token>) -> Bytes {
        self.secrets.hide_bytes(bytes, token.map(|token| token.as_str()))
    }
}

fn encoded(text: &str) -> Zeroizing<String> {
    Zeroizing::new(form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20"))
}

/// Sets one parameter and leaves the others as they are written.
fn set_query(url: &mut Url, name: &str, value: &str) {
    let name = encoded(name);
    let pair = Zeroizing::new(format!("{}={}", *name, *encoded(value)));
    let others = url.query().unwrap_or_default().split('&');
    let others = others.filter(|other| !other.is_empty() && other.split('=').next() != Some(name.as_str()));
    let query = others.chain([pair.as_str()]).collect::<Vec<_>>().join("&");
    url.set_query(Some(&query));
}
