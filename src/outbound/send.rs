//! One request: each hop of its redirects judged, its answer bounded, its failure told without the inside.

use alkhub_core::{CallError, error::codes};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use http::{Method, StatusCode, header};
use reqwest::{Request, Response, Url};

use super::{Outbound, guard::Private};

/// Most hops of one request.
const HOPS: usize = 5;

/// Which redirects are followed. Only requests without a body are sent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redirects {
    /// None: the redirect is the answer.
    None,
    /// Those that stay with scheme, host and port, so that credentials stay where they belong.
    SameOrigin,
    /// All; from another origin on without the headers that may hold credentials.
    Any,
}

impl Outbound {
    /// Sends a request and follows its redirects. Each URL is judged here and nowhere else need be: a request that was
    /// built of parts keeps its URL, user name and all, where the library's builder would take those out unseen.
    ///
    /// # Errors
    /// OUTBOUND_REFUSED, UNAVAILABLE or TIMEOUT.
    pub async fn send(&self, request: Request, redirects: Redirects) -> Result<Response, CallError> {
        let mut request = request;
        for _ in 0..=HOPS {
            self.guard().check(request.url())?;
            let again = if redirects == Redirects::None { None } else { request.try_clone() };
            let response = self.client.execute(request).await.map_err(|error| failure(&error))?;
            let Some(next) = again.and_then(|again| follow(&response, again, redirects)) else {
                return Ok(response);
            };
            request = next;
        }
        Err(CallError::new(
            codes::EXECUTION_ERROR,
            format!("The server redirected the request more than {HOPS} times."),
        ))
    }
}

/// The request after this answer; `None` where the answer is the last one.
fn follow(response: &Response, mut request: Request, redirects: Redirects) -> Option<Request> {
    let see_other = match response.status() {
        StatusCode::SEE_OTHER => true,
        StatusCode::MOVED_PERMANENTLY
        | StatusCode::FOUND
        | StatusCode::TEMPORARY_REDIRECT
        | StatusCode::PERMANENT_REDIRECT => false,
        _ => return None,
    };
    let safe = matches!(*request.method(), Method::GET | Method::HEAD);
    if !safe && !see_other {
        return None;
    }
    let place = response.headers().get(header::LOCATION)?.to_str().ok()?;
    let next = response.url().join(place).ok()?;
    if !same_origin(request.url(), &next) {
        if redirects == Redirects::SameOrigin {
            return None;
        }
        let kept = [header::ACCEPT, header::ACCEPT_LANGUAGE, header::USER_AGENT];
        let headers = std::mem::take(request.headers_mut());
        request.headers_mut().extend(kept.into_iter().filter_map(|name| {
            let value = headers.get(&name)?.clone();
            Some((name, value))
        }));
    }
    if !safe {
        *request.method_mut() = Method::GET;
        *request.body_mut() = None;
        for name in [header::CONTENT_TYPE, header::CONTENT_LENGTH] {
            request.headers_mut().remove(name);
        }
    }
    *request.url_mut() = next;
    Some(request)
}

fn same_origin(one: &Url, other: &Url) -> bool {
    one.origin() == other.origin()
}

/// The whole body of an answer, up to a size.
///
/// # Errors
/// EXECUTION_ERROR where it is larger, else as [`Outbound::send`].
pub async fn bounded(response: Response, most: usize) -> Result<Bytes, CallError> {
    let too_large = || {
        CallError::new(codes::EXECUTION_ERROR, format!("The server's answer is larger than {most} bytes."))
    };
    if response.content_length().is_some_and(|length| length > most as u64) {
        return Err(too_large());
    }
    let mut body = BytesMut::new();
    let mut chunks = response.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| failure(&error))?;
        if body.len() + chunk.len() > most {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// Why a request failed, for the caller. The URL is left out: its query may hold what is not for everyone.
#[must_use]
pub fn failure(error: &reqwest::Error) -> CallError {
    let mut source = std::error::Error::source(error);
    let mut causes = Vec::new();
    while let Some(inner) = source {
        if let Some(private) = inner.downcast_ref::<Private>() {
            return private.refusal();
        }
        causes.push(inner.to_string());
        source = inner.source();
    }
    let host = error.url().and_then(Url::host_str).unwrap_or("the server").to_owned();
    let (code, message) = if error.is_timeout() {
        (codes::UNAVAILABLE, format!("{host} did not answer in time."))
    } else if error.is_connect() {
        (codes::UNAVAILABLE, format!("{host} cannot be reached."))
    } else if error.is_builder() {
        (codes::EXECUTION_ERROR, "The request cannot be built.".to_owned())
    } else {
        (codes::UNAVAILABLE, format!("The connection to {host} was lost before the answer was complete."))
    };
    let mut failed = CallError::new(code, message);
    failed.cause = Some(causes.join(": "));
    if failed.code == codes::UNAVAILABLE {
        failed.retry_after = Some(1);
    }
    failed
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::outbound::{Guard, Limits};

    fn outbound() -> Outbound {
        let second = Duration::from_secs(1);
        let limits =
            Limits { connect_timeout: second, read_timeout: second, timeout: second, response_bytes: 1024 };
        Outbound::new(Guard::default(), limits).expect("a way out")
    }

    #[tokio::test]
    async fn nothing_is_sent_past_the_guard() {
        let outbound = outbound();
        for ways in [outbound.clone(), outbound.with_silence(Duration::from_secs(9)).expect("another")] {
            for url in ["http://user:secret@example.org/", "http://user@example.org/", "http://127.0.0.1:1/"]
            {
                let url = Url::parse(url).expect("a URL");
                let request = Request::new(Method::GET, url.clone());
                let refused = ways.send(request, Redirects::Any).await.expect_err("refused");
                assert_eq!(refused.code, codes::OUTBOUND_REFUSED, "{url}");
                let refused = ways.client_for(&url, Duration::from_secs(1), 1).expect_err("refused");
                assert_eq!(refused.code, codes::OUTBOUND_REFUSED, "{url}");
            }
        }
    }
}
