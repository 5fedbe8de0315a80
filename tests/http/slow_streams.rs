//! Readers over HTTP/2 that keep their connection alive and do not take what one stream of it is sent.

use std::time::Duration;

use bytes::Bytes;
use h2::{Reason, RecvStream, client::SendRequest};
use serde_json::json;
use tokio::net::TcpStream;

use crate::support::{
    events::publish,
    hub::{ADMIN, TestHub, each_hub_with},
    until,
};

const PATIENCE: Duration = Duration::from_secs(30);
/// More than the window of a stream takes.
const LARGE: usize = 60_000;
const MANY: usize = 20;

/// A connection that answers pings and gives each stream a window of 64 KB, and all of them together more than they need.
async fn connect(hub: &TestHub) -> SendRequest<Bytes> {
    let address = hub.url.trim_start_matches("http://");
    let socket = TcpStream::connect(address).await.expect("connected");
    let mut builder = h2::client::Builder::new();
    builder.initial_connection_window_size(16 << 20);
    let (client, connection) = builder.handshake(socket).await.expect("HTTP/2");
    tokio::spawn(connection);
    client
}

async fn get(client: &SendRequest<Bytes>, hub: &TestHub, path: &str) -> RecvStream {
    let mut client = client.clone().ready().await.expect("room for a stream");
    let request = http::Request::get(format!("{}{path}", hub.url))
        .header("authorization", format!("Bearer {ADMIN}"))
        .body(())
        .expect("a request");
    let (answer, _) = client.send_request(request, true).expect("sent");
    let answer = answer.await.expect("an answer");
    assert_eq!(answer.status(), 200, "{path}");
    answer.into_body()
}

/// Takes what has come, without giving room for more, until the stream ends; why it did.
async fn reset(mut body: RecvStream) -> Option<Reason> {
    loop {
        match tokio::time::timeout(PATIENCE, body.data()).await.expect("an end")? {
            Ok(_) => {}
            Err(error) => return error.reason(),
        }
    }
}

#[tokio::test]
async fn a_stream_that_nobody_reads_ends_and_the_others_of_its_connection_go_on() {
    let hasty = |config: &mut alkhub::config::Config| config.limits.write_timeout = Duration::from_secs(3);
    each_hub_with(hasty, async |hub| {
        let client = connect(hub).await;
        let unread = get(&client, hub, "/api/events?since=0").await;
        let mut read = get(&client, hub, "/api/events?since=0&types=custom.large").await;
        let page = get(&client, hub, "/openapi.json").await;
        let large = "x".repeat(LARGE);
        // Reads while they come: it is to be told from the one that does not.
        let reading = tokio::spawn(async move {
            let mut length = 0;
            while length < LARGE * MANY {
                let data = tokio::time::timeout(PATIENCE, read.data()).await.expect("more");
                let data = data.expect("no end").expect("no error");
                length += data.len();
                read.flow_control().release_capacity(data.len()).expect("room");
            }
            read
        });
        for _ in 0..MANY {
            publish(hub, "custom.large", "", json!(large)).await;
        }
        let mut read = reading.await.expect("read");
        let readers = async |count: usize| {
            hub.get("/metrics").await.body.contains(&format!("\nalkhub_event_readers {count}\n"))
        };
        until("the one that does not read is gone", PATIENCE, async || readers(1).await).await;
        assert_eq!(reset(unread).await, Some(Reason::CANCEL));
        assert_eq!(reset(page).await, Some(Reason::CANCEL), "a long answer, too");
        publish(hub, "custom.large", "", json!("one more")).await;
        let data = tokio::time::timeout(PATIENCE, read.data()).await.expect("more");
        assert!(data.expect("no end").is_ok(), "who reads is left alone");
        drop(get(&client, hub, "/api/projects").await);
    })
    .await;
}
