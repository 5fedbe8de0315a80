//! Tokens by OAuth 2 client credentials (RFC 6749, section 4.4).

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use alkhub_core::{CallError, error::codes};
use http::{HeaderValue, Method, header};
use reqwest::{Request, Url};
use serde::Deserialize;
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use super::auth::{basic, sensitive};
use crate::outbound::{Outbound, Redirects, bounded};

/// Largest answer of a token endpoint.
const LARGEST: usize = 64 * 1024;
/// How long a token holds of which nothing is said.
const USUAL: u64 = 300;
/// How much sooner than it expires a token is replaced, at most.
const EARLY: u64 = 60;

/// Gets tokens and keeps the newest.
pub(super) struct Tokens {
    pub(super) outbound: Outbound,
    pub(super) url: Url,
    pub(super) client_id: String,
    pub(super) client_secret: Zeroizing<String>,
    pub(super) scopes: Vec<String>,
    pub(super) audience: Option<String>,
    pub(super) in_body: bool,
    pub(super) held: Mutex<Option<Held>>,
}

pub(super) struct Held {
    token: Arc<Zeroizing<String>>,
    until: Instant,
}

#[derive(Deserialize)]
struct Answer {
    access_token: String,
    expires_in: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
}

impl Tokens {
    /// A token that holds; of several calls that need a new one, one asks for it.
    pub(super) async fn get(&self) -> Result<Arc<Zeroizing<String>>, CallError> {
        let mut held = self.held.lock().await;
        if let Some(known) = held.as_ref().filter(|known| known.until > Instant::now()) {
            return Ok(known.token.clone());
        }
        let asked = tokio::time::timeout(self.outbound.limits().timeout, self.ask()).await;
        let new = asked.map_err(|_| CallError::unavailable("token endpoint of the service"))??;
        let token = new.token.clone();
        *held = Some(new);
        Ok(token)
    }

    /// The service does not take this one any more.
    pub(super) async fn forget(&self, token: &str) {
        let mut held = self.held.lock().await;
        if held.as_ref().is_some_and(|known| known.token.as_str() == token) {
            *held = None;
        }
    }

    fn form(&self) -> String {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        if !self.scopes.is_empty() {
            form.append_pair("scope", &self.scopes.join(" "));
        }
        if let Some(audience) = &self.audience {
            form.append_pair("audience", audience);
        }
        if self.in_body {
            form.append_pair("client_id", &self.client_id);
            form.append_pair("client_secret", &self.client_secret);
        }
        form.finish()
    }

    async fn ask(&self) -> Result<Held, CallError> {
        let form = self.form();
        let mut request = Request::new(Method::POST, self.url.clone());
        let headers = request.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        if !self.in_body {
            // Both are form-encoded first (RFC 6749, section 2.3.1).
            let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            let value = basic(&encode(&self.client_id), &encode(&self.client_secret));
            headers.insert(header::AUTHORIZATION, sensitive(&value)?);
        }
        *request.body_mut() = Some(form.into());
        let begun = Instant::now();
        let response = self.outbound.send(request, Redirects::None).await?;
        let status = response.status();
        let body = bounded(response, LARGEST).await?;
        if !status.is_success() {
            let error =
                serde_json::from_slice::<Refusal>(&body).map(|refusal| refusal.error).unwrap_or_default();
            let fits = |letter: char| letter.is_ascii_lowercase() || letter == '_';
            let said: String = error.chars().filter(|letter| fits(*letter)).take(60).collect();
            let code = if status.is_server_error() { codes::UNAVAILABLE } else { codes::EXECUTION_ERROR };
            let said = if said.is_empty() { String::new() } else { format!(": {said}") };
            let message =
                format!("The service's token endpoint answered with HTTP {}{said}.", status.as_u16());
            return Err(CallError::new(code, message));
        }
        let answer: Answer = serde_json::from_slice(&body).map_err(|_| {
            CallError::new(
                codes::EXECUTION_ERROR,
                "The service's token endpoint did not answer with a token.",
            )
        })?;
        // Some write the number as text.
        let seconds =
            answer.expires_in.and_then(|value| value.as_u64().or_else(|| value.as_str()?.parse().ok()));
        let seconds = seconds.unwrap_or(USUAL).clamp(1, 365 * 24 * 3600);
        let until = begun + Duration::from_secs(seconds - (seconds / 5).min(EARLY));
        Ok(Held { token: Arc::new(Zeroizing::new(answer.access_token)), until })
    }
}
