//! What an OpenTelemetry collector is told of a request to a model.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    sync::Arc,
};

use parking_lot::Mutex;

use super::{PATIENCE, SECRETS, Upstream, chat, message, process::Process, streamed, upstream::Fault};
use crate::support::{database::Backend, hub::Answer, until};

const PROMPT: &str = "a prompt that is nobody's business";

/// A collector that takes whatever comes.
fn collector() -> (String, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let taken = Arc::new(Mutex::new(Vec::new()));
    let held = taken.clone();
    std::thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            let held = held.clone();
            std::thread::spawn(move || take(stream, &held));
        }
    });
    (url, taken)
}

fn take(mut stream: std::net::TcpStream, held: &Mutex<Vec<u8>>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let line = line.trim().to_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(bytes) = line.strip_prefix("content-length: ") {
                length = bytes.parse().ok()?;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        held.lock().extend(body);
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").ok()?;
    }
}

/// An attribute as OTLP writes it: `KeyValue { 1: key, 2: AnyValue { 1: text | 3: number } }`.
fn attribute(key: &str, value: Result<&str, u8>) -> Vec<u8> {
    let size = |bytes: usize| u8::try_from(bytes).expect("short");
    let mut wanted = key.as_bytes().to_vec();
    match value {
        Ok(text) => {
            wanted.extend([0x12, size(text.len() + 2), 0x0a, size(text.len())]);
            wanted.extend(text.as_bytes());
        }
        Err(number) => wanted.extend([0x12, 2, 0x18, number]),
    }
    wanted
}

fn has(body: &[u8], wanted: &[u8]) -> bool {
    body.windows(wanted.len()).any(|window| window == wanted)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_learns_what_the_conventions_name_and_no_more() {
    for backend in Backend::all().await {
        let (url, taken) = collector();
        let upstream = Upstream::start().await;
        let hub = Process::start_with(&backend, &[("OTEL_EXPORTER_OTLP_ENDPOINT", &url)]);
        hub.providers(&upstream).await;
        let said = |mut body: serde_json::Value| {
            body["messages"][0]["content"] = PROMPT.into();
            body
        };
        let asked = hub.request(reqwest::Method::POST, "/v1/chat/completions");
        let asked = asked.header("x-alkhub-session", "s-17").json(&said(streamed(chat("open/gpt-4o-mini"))));
        assert_eq!(Answer::of(asked).await.status, 200);
        hub.post("/v1/messages", &said(message("anth/claude-x"))).await.ok();
        upstream.fails([Fault::Status(400, None)]);
        let refused = hub.post("/v1/messages", &said(message("anth/claude-y"))).await;
        assert_eq!(refused.status, 400);
        let wanted = [
            attribute("gen_ai.operation.name", Ok("chat")),
            attribute("gen_ai.request.model", Ok("open/gpt-4o-mini")),
            attribute("gen_ai.response.model", Ok("gpt-4o-mini")),
            attribute("gen_ai.provider.name", Ok("openai")),
            attribute("gen_ai.conversation.id", Ok("s-17")),
            attribute("gen_ai.usage.input_tokens", Err(11)),
            attribute("gen_ai.usage.output_tokens", Err(4)),
            attribute("gen_ai.provider.name", Ok("anthropic")),
            attribute("gen_ai.response.model", Ok("claude-x")),
            attribute("gen_ai.request.model", Ok("anth/claude-y")),
            b"error.type".to_vec(),
        ];
        until("all is exported", PATIENCE, async || {
            let taken = taken.lock();
            wanted.iter().all(|one| has(&taken, one))
        })
        .await;
        let taken = taken.lock();
        for secret in SECRETS.into_iter().chain([PROMPT, crate::support::hub::ADMIN]) {
            assert!(!has(&taken, secret.as_bytes()), "{secret} is exported");
        }
    }
}
