//! A provider that answers at once: as long as it was asked, or with a stream whose chunks are sent one by one.

use std::sync::LazyLock;

use axum::{
    Router,
    body::{Body, Bytes},
    http::header,
    response::{IntoResponse, Response},
    routing,
};
use futures::stream;

use super::{
    End,
    work::{CHUNKS, MODEL, text},
};

static SHORT: LazyLock<Bytes> = LazyLock::new(|| whole(2 * 1024));
static LONG: LazyLock<Bytes> = LazyLock::new(|| whole(100 * 1024));
static CHUNK: LazyLock<Bytes> = LazyLock::new(|| chunk(&format!("{{\"content\":{:?}}}", " word"), ""));
static LAST: LazyLock<Bytes> = LazyLock::new(|| {
    let mut last = chunk("{}", ",\"finish_reason\":\"stop\"").to_vec();
    last.extend_from_slice(b"data: [DONE]\n\n");
    last.into()
});
static USED: LazyLock<Bytes> = LazyLock::new(|| {
    let mut last = chunk("{}", ",\"finish_reason\":\"stop\"").to_vec();
    last.extend_from_slice(
        format!(
            "data: {{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"{MODEL}\",\"choices\":[],\"usage\":{{\"prompt_tokens\":500,\"completion_tokens\":{CHUNKS},\"total_tokens\":{}}}}}\n\n",
            500 + CHUNKS
        )
        .as_bytes(),
    );
    last.extend_from_slice(b"data: [DONE]\n\n");
    last.into()
});

fn chunk(delta: &str, more: &str) -> Bytes {
    format!(
        "data: {{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"{MODEL}\",\"choices\":[{{\"index\":0,\"delta\":{delta}{more}}}],\"usage\":null}}\n\n"
    )
    .into()
}

fn whole(length: usize) -> Bytes {
    let head = format!(
        "{{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"{MODEL}\",\"choices\":[{{\"index\":0,\"message\":{{\"role\":\"assistant\",\"content\":\""
    );
    let tail = "\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":500,\"completion_tokens\":500,\"total_tokens\":1000}}";
    format!("{head}{}{tail}", text(length - head.len() - tail.len())).into()
}

/// Whether a body has one of these texts near its beginning or its end: long prompts stand between.
fn contains(body: &[u8], texts: &[&str]) -> bool {
    let edges = [&body[..body.len().min(512)], &body[body.len().saturating_sub(512)..]];
    let has = |text: &&str| {
        edges.iter().any(|edge| edge.windows(text.len()).any(|window| window == text.as_bytes()))
    };
    texts.iter().any(has)
}

async fn answer(body: Bytes) -> Response {
    if !contains(&body, &["\"stream\":true", "\"stream\": true"]) {
        let answer = if body.len() > 50 * 1024 { &LONG } else { &SHORT };
        return ([(header::CONTENT_TYPE, "application/json")], Bytes::clone(answer)).into_response();
    }
    let last = if contains(&body, &["include_usage"]) { &USED } else { &LAST };
    let chunks = stream::unfold(0, move |count| async move {
        // Gives the connection a chance to send each by itself, as they come from a model.
        tokio::task::yield_now().await;
        match count {
            CHUNKS => Some((Ok::<_, std::io::Error>(Bytes::clone(last)), count + 1)),
            count if count < CHUNKS => Some((Ok(Bytes::clone(&CHUNK)), count + 1)),
            _ => None,
        }
    });
    ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(chunks)).into_response()
}

/// Serves until it is killed.
pub(crate) async fn serve() -> End {
    let routes = Router::new()
        .route("/v1/chat/completions", routing::post(answer))
        .layer(axum::extract::DefaultBodyLimit::max(1024 * 1024));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    crate::servers::announce(listener.local_addr()?)?;
    axum::serve(
        axum::serve::ListenerExt::tap_io(listener, |socket| {
            // A chunk must not wait for the acknowledgement of the one before; the socket may be gone already.
            let _ = socket.set_nodelay(true);
        }),
        routes,
    )
    .await?;
    Ok(())
}
