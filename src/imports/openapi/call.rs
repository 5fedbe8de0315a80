//! Serves operations of an imported service.

use std::{sync::Arc, time::Duration};

use alkhub_core::{
    Call, CallError, ItemStream,
    engine::{Answer, Output, Unchecked, handler::ErasedHandler},
    error::codes,
    import::openapi::{Head, Plan, Request as Planned},
    sse::Parser,
};
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::{StreamExt, stream};
use http::{HeaderName, HeaderValue};
use reqwest::{Request, Response, Url};

use super::auth::{Signer, Token};
use crate::{
    imports::refuse_key,
    outbound::{Outbound, Redirects, bounded, failure},
};

/// As much of a failed answer as is read.
const MOST_OF_FAILURE: usize = 64 * 1024;
/// Largest event of a stream.
const LARGEST_EVENT: usize = 4 * 1024 * 1024;

/// What the operations of a service have in common.
pub(super) struct Shared {
    pub(super) outbound: Outbound,
    /// For streams, which may be silent for long.
    pub(super) streams: Outbound,
    pub(super) signer: Signer,
    /// Longest time of a request; never longer than that of the way out.
    pub(super) timeout: Option<Duration>,
}

impl Shared {
    fn timeout(&self) -> Duration {
        let most = self.outbound.limits().timeout;
        self.timeout.map_or(most, |timeout| timeout.min(most))
    }
}

/// Serves one operation.
pub(super) struct Handler {
    pub(super) plan: Arc<Plan>,
    pub(super) shared: Arc<Shared>,
}

/// An answer whose body is still to come.
struct Begun {
    head: Head,
    response: Response,
    token: Option<Token>,
}

#[async_trait]
impl ErasedHandler for Handler {
    async fn serve(&self, call: &Call, input: Unchecked<'_>) -> Result<Answer, CallError> {
        let mut planned = self.plan.request(&input.value()?)?;
        if self.plan.takes_key() {
            if let Some(key) = call.idempotency_key() {
                planned.key(key.as_str());
            }
        } else {
            refuse_key(call)?;
        }
        if self.plan.streams {
            return self.stream(&planned).await.map(Answer::Stream);
        }
        let once = async {
            let begun = self.begin(&planned).await?;
            self.finish(begun).await
        };
        let patience = self.shared.timeout();
        match tokio::time::timeout(patience, once).await {
            Ok(answer) => answer.map(Answer::Once),
            Err(_) => {
                let within = patience.as_millis();
                let mut error = CallError::new(
                    codes::UNAVAILABLE,
                    format!("The service did not answer within {within} ms."),
                );
                error.retry_after = Some(1);
                Err(error)
            }
        }
    }
}

impl Handler {
    /// Sends the request; once more with a new token where the service refuses the one that was held.
    async fn begin(&self, planned: &Planned) -> Result<Begun, CallError> {
        let begun = self.send(planned).await?;
        match &begun.token {
            Some(token) if begun.head.status == 401 => {
                self.shared.signer.refused(token).await;
                self.send(planned).await
            }
            _ => Ok(begun),
        }
    }

    async fn send(&self, planned: &Planned) -> Result<Begun, CallError> {
        let mut request = request(planned)?;
        let token = self.shared.signer.sign(&mut request).await?;
        let response = if self.plan.streams {
            self.shared.streams.send(request, Redirects::None).await?
        } else {
            self.shared.outbound.send(request, Redirects::Any).await?
        };
        let head = self.head(&response, token.as_ref());
        Ok(Begun { head, response, token })
    }

    fn head(&self, response: &Response, token: Option<&Token>) -> Head {
        let headers = response.headers().iter().map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes());
            (name.as_str().to_owned(), self.shared.signer.hide(&value, token))
        });
        Head { status: response.status().as_u16(), headers: headers.collect() }
    }

    async fn finish(&self, begun: Begun) -> Result<Output, CallError> {
        let Begun { head, response, token } = begun;
        let body = if head.is_success() {
            bounded(response, self.shared.outbound.limits().response_bytes).await?
        } else {
            beginning(response).await
        };
        let body = self.shared.signer.hide_bytes(body, token.as_ref());
        self.plan.output(&head, &body)
    }

    async fn stream(&self, planned: &Planned) -> Result<ItemStream<Output, CallError>, CallError> {
        let begin = async {
            let begun = self.begin(planned).await?;
            if begun.head.is_success() && begun.head.is_event_stream() {
                return Ok(Ok(begun));
            }
            // Services that can stream need not always do so; and failures are no streams.
            self.finish(begun).await.map(Err)
        };
        let begun = tokio::time::timeout(self.shared.timeout(), begin).await;
        let late = |_| CallError::new(codes::UNAVAILABLE, "The service did not begin to answer in time.");
        let begun = match begun.map_err(late)?? {
            Ok(begun) => begun,
            Err(whole) => return Ok(stream::iter([Ok(whole)]).boxed()),
        };
        let most = LARGEST_EVENT.min(self.shared.outbound.limits().response_bytes);
        let (plan, shared) = (self.plan.clone(), self.shared.clone());
        let Begun { head, response, token } = begun;
        let state = (response.bytes_stream().boxed(), Parser::new(most), false);
        let items = stream::unfold(state, move |(mut body, mut parser, is_over)| {
            let (plan, shared, head, token) = (plan.clone(), shared.clone(), head.clone(), token.clone());
            async move {
                if is_over {
                    return None;
                }
                loop {
                    while let Some(mut event) = parser.next_event() {
                        event.data = shared.signer.hide(&event.data, token.as_ref());
                        match plan.item(&head, &event) {
                            Ok(Some(item)) => return Some((Ok(item), (body, parser, false))),
                            Ok(None) => {}
                            Err(error) => return Some((Err(error), (body, parser, true))),
                        }
                    }
                    let error = match body.next().await? {
                        Ok(chunk) => match parser.push(&chunk) {
                            Ok(()) => continue,
                            Err(large) => CallError::new(
                                codes::EXECUTION_ERROR,
                                format!("The service's stream was ended: {large}."),
                            ),
                        },
                        Err(error) => failure(&error),
                    };
                    return Some((Err(error), (body, parser, true)));
                }
            }
        });
        Ok(items.boxed())
    }
}

/// As much of a body as an error can use, however it ends.
async fn beginning(response: Response) -> Bytes {
    let mut body = BytesMut::new();
    let mut chunks = response.bytes_stream();
    while let Some(Ok(chunk)) = chunks.next().await {
        let room = MOST_OF_FAILURE - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if body.len() == MOST_OF_FAILURE {
            break;
        }
    }
    body.freeze()
}

fn request(planned: &Planned) -> Result<Request, CallError> {
    let wrong =
        |what: &str| CallError::new(codes::EXECUTION_ERROR, format!("The request cannot be built: {what}."));
    let url = Url::parse(&planned.url).map_err(|_| wrong("its URL is none"))?;
    let method = planned.method.parse().map_err(|_| wrong("its method is none"))?;
    let mut request = Request::new(method, url);
    for (name, value) in &planned.headers {
        let name: HeaderName = name.parse().map_err(|_| wrong("a header has no proper name"))?;
        let value =
            HeaderValue::from_bytes(value.as_bytes()).map_err(|_| wrong("a header has no proper value"))?;
        request.headers_mut().insert(name, value);
    }
    if let Some(body) = &planned.body {
        *request.body_mut() = Some(body.clone().into());
    }
    Ok(request)
}
