//! One attempt with one key of one provider.

use std::time::{Duration, Instant};

use alkhub_core::CallError;
use bytes::Bytes;
use futures::{StreamExt, stream::BoxStream};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use reqwest::{Request, Response};

use super::{
    Llm,
    catalog::Candidate,
    dialect::{Dialect, Seen, Splitter, Watch, events, read_error},
    failure,
    provider::{Key, Kind, Provider},
};
use crate::outbound::{self, Redirects};

/// Most of an error answer that is read.
const ERROR_BYTES: usize = 64 * 1024;
/// Most bytes of a stream that are held before its first token.
const BEFORE_TOKEN: usize = 256 * 1024;
const ANTHROPIC_VERSION: HeaderValue = HeaderValue::from_static("2023-06-01");

/// An answer that has begun well.
pub(super) enum Answered {
    Whole(Bytes),
    Stream(Begun),
}

/// A stream up to its first token.
pub(super) struct Begun {
    pub(super) body: BoxStream<'static, reqwest::Result<Bytes>>,
    pub(super) splitter: Splitter,
    pub(super) watch: Watch,
    /// What has come, in whole events.
    pub(super) held: Vec<Bytes>,
}

/// An attempt that failed.
pub(super) struct Failed {
    pub(super) error: CallError,
    pub(super) next: Next,
    /// The provider's own error, for a caller of its dialect.
    pub(super) body: Option<Bytes>,
    pub(super) cause: String,
}

/// What may be done after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing: the request itself is at fault.
    Nothing,
    /// Another key, or the same after a pause.
    Again { after: Option<Duration> },
    /// Another provider.
    Elsewhere,
}

pub(super) struct Attempt<'a> {
    pub(super) candidate: &'a Candidate,
    pub(super) key: &'a Key,
    pub(super) dialect: Dialect,
    pub(super) body: Bytes,
    pub(super) stream: bool,
    pub(super) headers: &'a [(HeaderName, HeaderValue)],
    pub(super) timeout: Duration,
}

impl Attempt<'_> {
    pub(super) async fn run(self, llm: &Llm) -> Result<Answered, Failed> {
        let provider = &*self.candidate.provider;
        let timeout = self.timeout;
        match tokio::time::timeout(timeout, self.ask(llm)).await {
            Ok(answered) => answered,
            Err(_) => Err(Failed {
                error: failure::failed(
                    &provider.name,
                    None,
                    &format!("did not answer within {} s", timeout.as_secs()),
                ),
                next: Next::Elsewhere,
                body: None,
                cause: "timeout".to_owned(),
            }),
        }
    }

    async fn ask(self, llm: &Llm) -> Result<Answered, Failed> {
        let provider = &*self.candidate.provider;
        let request = self.request().map_err(|error| passing(error, "request"))?;
        let sent = llm.inner.outbound.send(request, Redirects::None).await;
        let response = sent.map_err(|error| unreached(provider, error))?;
        if response.status() != StatusCode::OK {
            return Err(refused(provider, response).await);
        }
        if !self.stream {
            let body = outbound::bounded(response, llm.inner.outbound.limits().response_bytes).await;
            let body = body.map_err(|error| passing(error, "connection"))?;
            return match serde_json::from_slice::<serde::de::IgnoredAny>(&body) {
                Ok(_) => Ok(Answered::Whole(body)),
                Err(_) => Err(passing(
                    failure::failed(&provider.name, None, "gave an answer that is not JSON"),
                    "malformed",
                )),
            };
        }
        let begun = Begun {
            body: response.bytes_stream().boxed(),
            splitter: Splitter::new(llm.inner.settings.event_bytes),
            watch: Watch::new(self.dialect),
            held: Vec::new(),
        };
        begun.until_token(provider).await.map(Answered::Stream)
    }

    fn request(&self) -> Result<Request, CallError> {
        let provider = &*self.candidate.provider;
        let mut request = Request::new(Method::POST, provider.url(self.dialect.path())?);
        let headers = request.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let accept = if self.stream { "text/event-stream" } else { "application/json" };
        headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
        headers.extend(self.headers.iter().cloned());
        credentials(headers, provider, self.key);
        *request.body_mut() = Some(self.body.clone().into());
        Ok(request)
    }
}

fn credentials(headers: &mut HeaderMap, provider: &Provider, key: &Key) {
    if provider.kind == Kind::Anthropic && !headers.contains_key("anthropic-version") {
        headers.insert("anthropic-version", ANTHROPIC_VERSION);
    }
    if let Some((name, value)) = &key.header {
        headers.insert(name.clone(), value.clone());
    }
}

impl Begun {
    async fn until_token(mut self, provider: &Provider) -> Result<Self, Failed> {
        let broken = |what: &str| passing(failure::failed(&provider.name, None, what), "stream");
        let mut size = 0;
        loop {
            let chunk = match self.body.next().await {
                Some(Ok(chunk)) => chunk,
                Some(Err(error)) => return Err(unreached(provider, outbound::failure(&error))),
                None => return Err(broken("ended its stream before it had said anything")),
            };
            let part = self
                .splitter
                .push(chunk)
                .map_err(|error| broken(&format!("sent too much at once: {error}")))?;
            let Some(part) = part else { continue };
            let mut ready = false;
            for event in events(&part) {
                match self.watch.event(&event) {
                    Seen::Token | Seen::End => ready = true,
                    Seen::Failed if !ready => {
                        let said = read_error(&event.data).map_or_else(String::new, |(message, ..)| {
                            format!(": {}", provider.scrub(&message))
                        });
                        return Err(broken(&format!("failed at the start of its stream{said}")));
                    }
                    _ => {}
                }
            }
            size += part.len();
            self.held.push(part);
            if ready || size > BEFORE_TOKEN {
                return Ok(self);
            }
        }
    }
}

fn passing(error: CallError, cause: &str) -> Failed {
    Failed { error, next: Next::Again { after: None }, body: None, cause: cause.to_owned() }
}

fn unreached(provider: &Provider, mut error: CallError) -> Failed {
    if &*error.code == alkhub_core::error::codes::OUTBOUND_REFUSED {
        return Failed { next: Next::Elsewhere, ..passing(error, "refused") };
    }
    let mut failed = failure::failed(&provider.name, None, "cannot be reached");
    failed.cause = error.cause.take();
    passing(failed, "connection")
}

/// Reads why a provider refused, and judges whether asking again may help.
async fn refused(provider: &Provider, response: Response) -> Failed {
    let status = response.status();
    let after = retry_after(response.headers());
    let body = outbound::bounded(response, ERROR_BYTES).await.unwrap_or_default();
    let said = String::from_utf8_lossy(&body);
    let scrubbed = provider.scrub(&said);
    let message = read_error(scrubbed.as_bytes()).map(|(message, ..)| message);
    let code = status.as_u16();
    let cause = code.to_string();
    match code {
        401 | 403 => {
            // Not the caller's credentials are at fault.
            let error = failure::failed(&provider.name, Some(code), "does not accept the hub's key for it");
            Failed { error, next: Next::Again { after: None }, body: None, cause }
        }
        408 | 409 | 425 | 429 | 500.. => {
            let what = match &message {
                Some(message) => format!("answered {code}: {message}"),
                None => format!("answered {code}"),
            };
            let mut error = failure::failed(&provider.name, Some(code), what.trim_end_matches('.'));
            if code == 429 {
                error.http_status = Some(429);
                error.retry_after =
                    after.map(|after| u32::try_from(after.as_secs()).unwrap_or(u32::MAX).max(1));
            }
            Failed { error, next: Next::Again { after }, body: None, cause }
        }
        404 => Failed {
            error: failure::rejected(
                &provider.name,
                code,
                message.unwrap_or_else(|| "The provider does not have this.".to_owned()),
            ),
            next: Next::Elsewhere,
            body: Some(scrubbed.into_bytes().into()),
            cause,
        },
        300..=399 => Failed {
            error: failure::failed(
                &provider.name,
                Some(code),
                "redirects requests elsewhere; set its base URL to that place",
            ),
            next: Next::Elsewhere,
            body: None,
            cause,
        },
        _ => Failed {
            error: failure::rejected(
                &provider.name,
                code,
                message.unwrap_or_else(|| format!("The provider answered {code}.")),
            ),
            next: Next::Nothing,
            body: Some(scrubbed.into_bytes().into()),
            cause,
        },
    }
}

/// Seconds, or the milliseconds that OpenAI writes beside them; dates are not worth reading.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let number = |name: &str| {
        headers.get(name)?.to_str().ok()?.trim().parse::<f64>().ok().filter(|value| *value >= 0.0)
    };
    let ms = number("retry-after-ms").map(|ms| ms / 1000.0).or_else(|| number("retry-after"))?;
    Duration::try_from_secs_f64(ms).ok()
}

/// What came of asking for the models with one key.
#[derive(Clone, Debug, Default)]
pub struct Probe {
    /// Whether the provider has answered well.
    pub ok: bool,
    /// HTTP status.
    pub status: Option<u16>,
    /// Why not, for people.
    pub error: Option<String>,
    /// How long it took.
    pub latency_ms: u64,
    /// Some of its models.
    pub models: Vec<String>,
}

impl Llm {
    /// Asks a provider for its models, with each of its keys; `None` where there is no such provider.
    ///
    /// # Errors
    /// EXECUTION_ERROR.
    pub async fn probe(&self, name: &str) -> Result<Option<Vec<Probe>>, CallError> {
        let Some(provider) = self.catalog().providers.get(name).cloned() else { return Ok(None) };
        let mut probes = Vec::with_capacity(provider.keys.len());
        for key in &provider.keys {
            probes.push(self.probe_one(&provider, key).await?);
        }
        Ok(Some(probes))
    }

    async fn probe_one(&self, provider: &Provider, key: &Key) -> Result<Probe, CallError> {
        let mut request = Request::new(Method::GET, provider.url("models")?);
        credentials(request.headers_mut(), provider, key);
        let begun = Instant::now();
        let asked = async {
            let response = self.inner.outbound.send(request, Redirects::None).await?;
            let status = response.status();
            Ok::<_, CallError>((status, outbound::bounded(response, 4 * 1024 * 1024).await?))
        };
        let asked = tokio::time::timeout(Duration::from_secs(15), asked).await;
        let mut probe = Probe::default();
        match asked {
            Err(_) => probe.error = Some("no answer within 15 s".to_owned()),
            Ok(Err(error)) => probe.error = Some(error.message),
            Ok(Ok((status, body))) => {
                probe.status = Some(status.as_u16());
                probe.ok = status.is_success();
                if probe.ok {
                    key.succeeded();
                    let list: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
                    let ids = list["data"]
                        .as_array()
                        .into_iter()
                        .flatten()
                        .filter_map(|model| model["id"].as_str());
                    probe.models = ids.take(100).map(str::to_owned).collect();
                } else {
                    let said = provider.scrub(&String::from_utf8_lossy(&body));
                    probe.error = read_error(said.as_bytes())
                        .map(|(message, ..)| message)
                        .or_else(|| Some(format!("the provider answered {status}")));
                }
            }
        }
        probe.latency_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(probe)
    }
}
