//! Getting in and being put out: the upgrade, keys that end, heartbeats, the hub's own stop.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_tungstenite::{
    connect_async,
    tungstenite::{Error, client::IntoClientRequest, http::HeaderValue},
};

use crate::support::{
    hub::{ADMIN, each_hub, each_hub_with},
    until,
    wire::{Wire, operation},
};

fn status(error: &Error) -> Option<u16> {
    match error {
        Error::Http(response) => Some(response.status().as_u16()),
        _ => None,
    }
}

#[tokio::test]
async fn who_brings_no_valid_key_is_turned_away_at_the_upgrade() {
    each_hub(async |hub| {
        let address = format!("{}/ws", hub.url.replace("http", "ws"));
        let refused = Box::pin(connect_async(&address)).await.expect_err("no key");
        assert_eq!(status(&refused), Some(401));
        let wrong = ADMIN.replace("ff", "00");
        let refused = Wire::try_connect(&hub.url, &wrong).await.err().expect("a wrong key");
        assert_eq!(status(&refused), Some(401));
        // A key in the address would end up in logs.
        let refused = Box::pin(connect_async(format!("{address}?token={ADMIN}"))).await.expect_err("no key");
        assert_eq!(status(&refused), Some(401));
        hub.get("/ws").await.problem(400, "BAD_REQUEST");
    })
    .await;
}

#[tokio::test]
async fn a_browser_shows_its_key_as_a_subprotocol() {
    each_hub(async |hub| {
        let mut request =
            format!("{}/ws", hub.url.replace("http", "ws")).into_client_request().expect("an address");
        let offered = HeaderValue::from_str(&format!("alkhub.v1, bearer.{ADMIN}")).expect("a header");
        request.headers_mut().insert("sec-websocket-protocol", offered);
        let (socket, response) = Box::pin(connect_async(request)).await.expect("connected");
        // The key is not sent back.
        assert_eq!(response.headers()["sec-websocket-protocol"], "alkhub.v1");
        let mut wire = Wire { socket };
        assert_eq!(wire.call("a", "kit.live", json!({})).await["type"], "call.responded");
    })
    .await;
}

#[tokio::test]
async fn a_key_that_is_revoked_ends_the_connection() {
    each_hub_with(
        |config| config.spokes.heartbeat = Duration::from_secs(3600),
        async |hub| {
            let issued =
                hub.post("/api/keys", json!({ "name": "x", "scopes": ["spoke:connect"] })).await.ok();
            let key = issued["token"].as_str().expect("a token");
            let mut spoke = Wire::spoke(hub, key, "dev", &[operation("a", "b", "query")]).await;
            let id =
                issued["id"].as_str().or_else(|| issued["key"]["id"].as_str()).expect("an id").to_owned();
            Wire::spoke(hub, key, "second", &[]).await;
            assert!(
                hub.request(reqwest::Method::DELETE, &format!("/api/keys/{id}"))
                    .send()
                    .await
                    .expect("sent")
                    .status()
                    .is_success()
            );
            // Without a word from the spoke and long before a heartbeat: the hub looks when a key changes.
            assert_eq!(spoke.closed().await, Some(4401));
        },
    )
    .await;
}

/// Forwards one connection, until it is told to swallow everything without closing anything: no FIN, as when a cable
/// is cut.
async fn deaf_proxy(target: String, deaf: Arc<AtomicBool>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((inner, _)) = listener.accept().await {
            let outer = TcpStream::connect(&target).await.expect("connected");
            let ((inner_read, inner_write), (outer_read, outer_write)) =
                (inner.into_split(), outer.into_split());
            for (mut from, mut to) in [(inner_read, outer_write), (outer_read, inner_write)] {
                let deaf = deaf.clone();
                tokio::spawn(async move {
                    let mut buffer = [0; 4096];
                    while let Ok(read) = from.read(&mut buffer).await {
                        if read == 0 {
                            // The other direction must not end by this.
                            return std::future::pending::<()>().await;
                        }
                        if !deaf.load(Ordering::Relaxed) && to.write_all(&buffer[..read]).await.is_err() {
                            return;
                        }
                    }
                });
            }
        }
    });
    format!("http://{address}")
}

#[tokio::test]
async fn a_half_open_connection_is_noticed_within_two_heartbeats() {
    const BEAT: Duration = Duration::from_millis(500);
    each_hub_with(
        |config| config.spokes.heartbeat = BEAT,
        async |hub| {
            let deaf = Arc::new(AtomicBool::new(false));
            let url = deaf_proxy(hub.url.replace("http://", ""), deaf.clone()).await;
            let mut spoke = Wire::try_connect(&url, ADMIN).await.expect("connected");
            spoke.register("dev", &[operation("a", "b", "query")]).await;
            deaf.store(true, Ordering::Relaxed);
            let begun = Instant::now();
            until("it is gone", Duration::from_secs(30), async || {
                hub.get("/api/spokes/dev").await.status == 404
            })
            .await;
            // Not before it could be known; how soon after two heartbeats is up to the machine's load.
            assert!(begun.elapsed() > BEAT, "{:?}", begun.elapsed());
        },
    )
    .await;
}

#[tokio::test]
async fn a_quiet_spoke_that_answers_pings_stays() {
    each_hub_with(
        |config| config.spokes.heartbeat = Duration::from_millis(200),
        async |hub| {
            let mut spoke = Wire::spoke(hub, ADMIN, "dev", &[operation("a", "b", "query")]).await;
            // Reading answers pings. Ten heartbeats long nothing is said.
            let silence = tokio::time::timeout(Duration::from_secs(2), spoke.try_next()).await;
            assert!(silence.is_err(), "{silence:?}");
            hub.get("/api/spokes/dev").await.ok();
        },
    )
    .await;
}

#[tokio::test]
async fn a_hub_that_stops_lets_calls_finish_and_says_goodbye() {
    each_hub(async |hub| {
        let mut client = Wire::connect(hub).await;
        client.request("last", "kit.slow", json!({ "ms": 300 })).await;
        until("it runs", Duration::from_secs(30), async || hub.get("/api/kit/live").await.ok()["slow"] == 1)
            .await;
        assert!(hub.stop().await, "in time");
        assert_eq!(client.expect("call.responded").await["requestId"], "last");
        assert_eq!(client.closed().await, Some(1001));
    })
    .await;
}

#[tokio::test]
async fn there_are_only_so_many_connections() {
    each_hub_with(
        |config| config.spokes.connections = 2,
        async |hub| {
            let first = Wire::connect(hub).await;
            let _second = Wire::connect(hub).await;
            let refused = Wire::try_connect(&hub.url, ADMIN).await.err().expect("no place");
            assert_eq!(status(&refused), Some(503));
            drop(first);
            until("there is a place", Duration::from_secs(30), async || {
                Wire::try_connect(&hub.url, ADMIN).await.is_ok()
            })
            .await;
        },
    )
    .await;
}
