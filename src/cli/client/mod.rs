//! A client of a running hub, as the commands need it.

mod problem;
mod sse;

use std::path::PathBuf;
use std::time::Duration;

use alkhub_core::once::IdempotencyKey;
use clap::Args;
use futures::{Stream, StreamExt};
use reqwest::{RequestBuilder, Response, Url};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::exit::{Exit, Failure};
use crate::config::Secret;

const DEFAULT_HUB: &str = "http://127.0.0.1:8080";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Which hub, and as whom.
#[derive(Debug, Args)]
pub(super) struct HubArgs {
    /// The hub's URL [env: ALKHUB_HUB] [default: http://127.0.0.1:8080]
    #[arg(long, value_name = "URL")]
    hub: Option<String>,
    /// The API key. Everyone on this machine can read it in the process list: the variable ALKHUB_KEY or --key-file
    /// keep it private
    #[arg(long, value_name = "KEY", conflicts_with = "key_file")]
    key: Option<String>,
    /// A file that holds the API key [env: ALKHUB_KEY_FILE]
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

impl HubArgs {
    /// Flags before variables; an empty variable is not set, as in a unit file that lists all of them.
    pub(super) fn resolve(self) -> Result<(Url, Option<Secret>), Failure> {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
        let url = self.hub.or_else(|| variable("ALKHUB_HUB"));
        let url = base(url.as_deref().unwrap_or(DEFAULT_HUB))?;
        let key = match (self.key, self.key_file) {
            (Some(key), _) => Some(Secret::new(key.trim())),
            (None, Some(path)) => Some(read_key(&path)?),
            (None, None) => match (variable("ALKHUB_KEY"), variable("ALKHUB_KEY_FILE")) {
                (Some(key), _) => Some(Secret::new(key.trim())),
                (None, Some(path)) => Some(read_key(path.as_ref())?),
                (None, None) => None,
            },
        };
        let sendable = |key: &Secret| key.expose().bytes().all(|byte| byte.is_ascii_graphic());
        if !key.as_ref().is_none_or(sendable) {
            return Err(Failure::usage("the API key has characters that no key has")
                .help("a key is `alk_<id>_<secret>`, as `alkhub keys create` prints it"));
        }
        Ok((url, key))
    }
}

/// An envelope, with the data as the hub wrote it: numbers keep their digits.
#[derive(Debug, Deserialize)]
pub(super) struct Envelope {
    pub(super) data: Box<RawValue>,
}

/// A connection to a hub.
pub(super) struct Client {
    http: reqwest::Client,
    base: Url,
    key: Option<Secret>,
}

impl Client {
    /// Prepares a client; nothing is sent yet.
    pub(super) fn new(args: HubArgs) -> Result<Self, Failure> {
        let (base, key) = args.resolve()?;
        let mut builder = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .user_agent(concat!("alkhub/", env!("CARGO_PKG_VERSION")));
        // A proxy for the outside world cannot reach the hub on this machine.
        if base.host_str().is_some_and(|host| matches!(host, "localhost" | "127.0.0.1" | "[::1]")) {
            builder = builder.no_proxy();
        }
        let http = builder.build().map_err(|error| Failure::failed(format!("no HTTP client: {error}")))?;
        Ok(Self { http, base, key })
    }

    /// Calls a query or a mutation.
    pub(super) async fn call(
        &self,
        operation: &str,
        input: &RawValue,
        timeout: Duration,
        key: Option<&IdempotencyKey>,
    ) -> Result<Box<RawValue>, Failure> {
        let mut request = self.post("api/call", operation, input)?.timeout(timeout);
        if let Some(key) = key {
            // A string of RFC 9651: a key that begins with a quotation mark is not to be taken for one.
            let quoted = key.as_str().replace('\\', "\\\\").replace('"', "\\\"");
            request = request.header("idempotency-key", format!("\"{quoted}\""));
        }
        let body = self.send(request).await?.bytes().await.map_err(|error| self.lost(&error))?;
        let envelope: Envelope = serde_json::from_slice(&body).map_err(|_| self.not_a_hub())?;
        Ok(envelope.data)
    }

    /// Calls an operation of the hub itself, and reads the answer.
    pub(super) async fn ask(&self, operation: &str, input: &Value) -> Result<Value, Failure> {
        let input =
            serde_json::value::to_raw_value(input).map_err(|error| Failure::failed(error.to_string()))?;
        let data = self.call(operation, &input, Duration::from_secs(60), None).await?;
        serde_json::from_str(data.get()).map_err(|_| self.not_a_hub())
    }

    /// Asks a language model; the data of the stream's events come as the hub sends them.
    pub(super) async fn chat(
        &self,
        body: &Value,
    ) -> Result<impl Stream<Item = Result<String, Failure>> + use<'_>, Failure> {
        let url = self.base.join("v1/chat/completions").map_err(|error| Failure::usage(error.to_string()))?;
        let mut request = self.http.post(url).json(body);
        if let Some(key) = &self.key {
            request = request.bearer_auth(key.expose());
        }
        let response = request.send().await.map_err(|error| self.lost(&error))?;
        if !response.status().is_success() {
            let status = response.status();
            let told: Value = response.json().await.unwrap_or_default();
            let message = told["error"]["message"].as_str().map_or_else(|| status.to_string(), str::to_owned);
            return Err(Failure::failed(message));
        }
        Ok(sse::frames(response.bytes_stream())
            .map(move |frame| frame.map(|frame| frame.data).map_err(|error| self.broken(&error))))
    }

    /// Subscribes; the items come as the hub sends them.
    pub(super) async fn subscribe(
        &self,
        operation: &str,
        input: &RawValue,
    ) -> Result<impl Stream<Item = Result<Box<RawValue>, Failure>> + use<'_>, Failure> {
        let response = self.send(self.post("api/subscribe", operation, input)?).await?;
        let frames = sse::frames(response.bytes_stream());
        Ok(frames.map(move |frame| {
            let frame = frame.map_err(|error| self.broken(&error))?;
            if frame.event.as_deref() == Some("error") {
                return Err(problem::read(None, frame.data.as_bytes()).unwrap_or_else(|| self.not_a_hub()));
            }
            let envelope: Envelope = serde_json::from_str(&frame.data).map_err(|_| self.not_a_hub())?;
            Ok(envelope.data)
        }))
    }

    fn broken(&self, error: &sse::Broken<reqwest::Error>) -> Failure {
        match error {
            sse::Broken::Lost(error) => self.lost(error),
            sse::Broken::TooLarge(error) => Failure::failed(format!("the hub sent too much: {error}")),
        }
    }

    /// Whether an operation is a query, a mutation or a subscription; `None` where the hub does not say. It describes
    /// no operation to somebody who may not call it; the call itself is then refused with the true reason.
    pub(super) async fn kind(&self, operation: &str) -> Result<Option<String>, Failure> {
        let mut url = self.url("api/operations")?;
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.push(operation);
        }
        let response = match self.send(self.http.get(url).timeout(Duration::from_secs(30))).await {
            Ok(response) => response,
            Err(failure) if matches!(failure.exit, Exit::Denied | Exit::Invalid | Exit::NotFound) => {
                return Ok(None);
            }
            Err(failure) => return Err(failure),
        };
        let body = response.bytes().await.map_err(|error| self.lost(&error))?;
        let described: Value = serde_json::from_slice(&body).map_err(|_| self.not_a_hub())?;
        Ok(described["type"].as_str().map(str::to_owned))
    }

    fn url(&self, path: &str) -> Result<Url, Failure> {
        self.base.join(path).map_err(|error| Failure::usage(format!("--hub: {error}")))
    }

    fn post(&self, path: &str, operation: &str, input: &RawValue) -> Result<RequestBuilder, Failure> {
        let body = json!({ "operationId": operation, "input": null }).to_string();
        // The input goes out as it was typed, without being read and printed again.
        let body = body.replacen("\"input\":null", &format!("\"input\":{}", input.get()), 1);
        Ok(self.http.post(self.url(path)?).header("content-type", "application/json").body(body))
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, Failure> {
        let request = match &self.key {
            Some(key) => request.bearer_auth(key.expose()),
            None => request,
        };
        let response = request.send().await.map_err(|error| self.lost(&error))?;
        let status = response.status().as_u16();
        if (200..300).contains(&status) {
            return Ok(response);
        }
        let body = response.bytes().await.map_err(|error| self.lost(&error))?;
        let failure = problem::read(Some(status), &body).unwrap_or_else(|| {
            Failure::new(Exit::of_status(status), format!("{} answered with status {status}", self.base))
                .help("this does not look like a hub; check --hub")
        });
        Err(if status == 401 && self.key.is_none() {
            failure.help("no key was sent: set ALKHUB_KEY, or ALKHUB_KEY_FILE to a file that holds the key")
        } else {
            failure
        })
    }

    fn lost(&self, error: &reqwest::Error) -> Failure {
        if error.is_timeout() && !error.is_connect() {
            return Failure::failed("the hub did not answer in time").help("--timeout allows it more");
        }
        let cause = deepest(error);
        if error.is_connect() {
            return Failure::new(
                Exit::Unreachable,
                format!("cannot reach the hub at {}: {cause}", self.base),
            )
            .help("start one with `alkhub serve`, or name another one with --hub or ALKHUB_HUB");
        }
        Failure::new(Exit::Unreachable, format!("the connection to {} was lost: {cause}", self.base))
    }

    fn not_a_hub(&self) -> Failure {
        Failure::failed(format!("the answer of {} is not a hub's", self.base)).help("check --hub")
    }
}

fn base(text: &str) -> Result<Url, Failure> {
    let wrong = |why: String| {
        Failure::usage(format!("--hub: {why}")).help("expected a URL such as http://127.0.0.1:8080")
    };
    let mut url = Url::parse(text).map_err(|error| wrong(format!("`{text}`: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(wrong(format!("`{text}` is not an http or https URL")));
    }
    // Without the slash, joining a path would replace the last part of it.
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    Ok(url)
}

fn read_key(path: &std::path::Path) -> Result<Secret, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("cannot read the key file {}: {error}", path.display())))?;
    Ok(Secret::new(text.trim()))
}

/// reqwest's own words name the URL and hide the cause.
fn deepest(error: &dyn std::error::Error) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hub_under_a_path_keeps_it() {
        let url = base("https://example.org/hub").expect("a URL");
        assert_eq!(url.join("api/call").expect("joins").as_str(), "https://example.org/hub/api/call");
        for wrong in ["", "127.0.0.1:8080", "ftp://x", "localhost"] {
            assert_eq!(base(wrong).expect_err(wrong).exit, Exit::Usage);
        }
    }
}
