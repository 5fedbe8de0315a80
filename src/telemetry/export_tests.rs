//! What is exported, and what happens when nobody takes it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc;

use alkhub_core::trace::TraceContext;
use tracing_subscriber::layer::SubscriberExt;

use super::*;
use crate::config::Secret;

/// A collector that takes one request and hands out its head and body.
fn collector() -> (String, mpsc::Receiver<(String, Vec<u8>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a connection");
        let mut reader = BufReader::new(stream.try_clone().expect("a clone"));
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            reader.read_line(&mut head).expect("a line");
        }
        let length = head.to_lowercase();
        let length = length.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
        let mut body = vec![0; length.expect("a length").parse().expect("a number")];
        reader.read_exact(&mut body).expect("a body");
        (&stream).write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").expect("answered");
        send.send((head, body)).expect("wanted");
    });
    (url, receive)
}

fn telemetry(endpoint: String) -> Telemetry {
    Telemetry {
        otlp_endpoint: Some(endpoint),
        otlp_headers: Some(Secret::new("x-token=abc")),
        ..Telemetry::default()
    }
}

fn contains(body: &[u8], wanted: &[u8]) -> bool {
    body.windows(wanted.len()).any(|window| window == wanted)
}

#[test]
fn spans_reach_the_collector_under_their_remote_parent_when_the_guard_is_dropped() {
    let (url, received) = collector();
    let pipeline = Pipeline::start(&telemetry(url)).expect("starts").expect("configured");
    let remote =
        TraceContext::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").expect("valid");
    tracing::subscriber::with_default(tracing_subscriber::registry().with(pipeline.layer()), || {
        let span = tracing::info_span!(target: "alkhub::test", "the-span");
        crate::telemetry::adopt(&span, &remote);
        assert_eq!(crate::telemetry::current(&span).expect("exported").trace_id, remote.trace_id);
        tracing::info_span!(target: "hyper", "not-ours").in_scope(|| {});
    });
    drop(pipeline);
    let (head, body) = received.recv_timeout(Duration::from_secs(5)).expect("exported");
    assert!(head.starts_with("POST /v1/traces HTTP/1.1"), "{head}");
    assert!(head.contains("x-token: abc"), "{head}");
    assert!(contains(&body, b"the-span") && contains(&body, b"alkhub") && !contains(&body, b"not-ours"));
    assert!(
        contains(&body, &remote.trace_id.to_be_bytes()) && contains(&body, &remote.span_id.to_be_bytes())
    );
}

#[test]
fn a_collector_that_is_not_there_holds_nothing_up() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let gone = listener.local_addr().expect("an address");
    drop(listener);
    let pipeline =
        Pipeline::start(&telemetry(format!("http://{gone}"))).expect("starts").expect("configured");
    let started = std::time::Instant::now();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(pipeline.layer()), || {
        for _ in 0..10_000 {
            tracing::info_span!(target: "alkhub::test", "lost").in_scope(|| {});
        }
    });
    drop(pipeline);
    assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
}

#[test]
fn nothing_starts_without_an_endpoint() {
    assert!(Pipeline::start(&Telemetry::default()).expect("starts").is_none());
}
