//! `web.fetch` and `web.search` against a small web of the test's own.

use std::{net::SocketAddr, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::RawQuery,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use serde_json::{Value, json};

use super::mcp::allow_loopback;
use crate::support::hub::{Answer, TestHub, each_hub, each_hub_with};

const PAGE: &str = "<html><head><title>On hubs</title><script>let a = '<div>'</script></head><body><nav>Menu</nav>\
    <article><h1>On hubs</h1><p>A hub has <b>spokes</b>, as wheels have, and this sentence goes on for a while so that \
    it counts as text, with commas, and more commas.</p><p>The second paragraph is as long as the first one, and says \
    nothing new, which is what second paragraphs are for, after all.</p></article></body></html>";

async fn web(internal: SocketAddr) -> SocketAddr {
    let typed =
        |kind: &'static str, body: &'static [u8]| get(async move || ([(header::CONTENT_TYPE, kind)], body));
    let to = |place: String| get(async move || Redirect::temporary(&place));
    let search = async |headers: HeaderMap, RawQuery(query): RawQuery| {
        let query = query.unwrap_or_default();
        let results = (0..30).map(|number| {
            json!({ "title": format!("Result {number}"), "url": format!("https://r.example/{number}"),
                    "content": format!("<b>{query}</b> &amp; more"), "publishedDate": null })
        });
        match headers.get("authorization").map(|value| value.as_bytes()) {
            Some(b"Bearer s3cret") => {
                axum::Json(json!({ "results": results.collect::<Vec<_>>() })).into_response()
            }
            _ => StatusCode::FORBIDDEN.into_response(),
        }
    };
    let endless = async || {
        let chunks = futures::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b'a'; 64 * 1024]));
        Response::builder()
            .header("content-type", "text/plain")
            .body(Body::from_stream(chunks))
            .expect("an answer")
    };
    let bomb = async || {
        ([(header::CONTENT_TYPE, "text/html"), (header::CONTENT_ENCODING, "gzip")], vec![0_u8; 1000])
    };
    let nested = async || ([(header::CONTENT_TYPE, "text/html")], "<div>".repeat(100_000));
    let long = async || ([(header::CONTENT_TYPE, "text/plain")], "zwölf Boxkämpfer\n".repeat(100));
    let router = Router::new()
        .route("/page", typed("text/html; charset=utf-8", PAGE.as_bytes()))
        .route("/latin", typed("text/html; charset=iso-8859-1", b"<p>gr\xfc\xdfe</p>"))
        .route("/data", typed("application/json", b"{\"a\": [1, 2]}"))
        .route("/paper", typed("application/pdf", b"%PDF-1.7"))
        .route("/untyped", get(async || Response::new(Body::from("plain words"))))
        .route("/endless", get(endless))
        .route("/bomb", get(bomb))
        .route("/nested", get(nested))
        .route("/long", get(long))
        .route("/moved", to("/page".to_owned()))
        .route("/inside", to(format!("http://{internal}/page")))
        .route("/metadata", to("http://169.254.169.254/latest/meta-data".to_owned()))
        .route("/file", to("file:///etc/passwd".to_owned()))
        .route("/round", to("/round".to_owned()))
        .route("/search", get(search));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// The web of the test, on a port that is allowed, and a place on one that is not.
async fn webs() -> (SocketAddr, SocketAddr) {
    let nowhere = ([127, 0, 0, 1], 9).into();
    let internal = web(nowhere).await;
    (web(internal).await, internal)
}

async fn fetch(hub: &TestHub, input: Value) -> Answer {
    hub.post("/api/call", json!({ "operationId": "web.fetch", "input": input })).await
}

async fn read(hub: &TestHub, url: String) -> Value {
    fetch(hub, json!({ "url": url })).await.ok()["data"].clone()
}

#[tokio::test]
async fn pages_are_read_as_markdown() {
    let (web, _) = webs().await;
    each_hub_with(allow_loopback, async |hub| {
        let page = read(hub, format!("http://{web}/moved#part")).await;
        assert_eq!((&page["title"], &page["url"]), (&json!("On hubs"), &json!(format!("http://{web}/page"))));
        let text = page["content"].as_str().expect("text");
        assert!(text.contains("**spokes**") && !text.contains("Menu") && !text.contains("let a"), "{text}");
        let whole = fetch(hub, json!({ "url": format!("http://{web}/page"), "mode": "full" })).await.ok();
        assert!(whole["data"]["content"].as_str().is_some_and(|text| text.contains("Menu")), "{whole}");
        let raw = fetch(hub, json!({ "url": format!("http://{web}/page"), "mode": "raw" })).await.ok();
        assert_eq!(raw["data"]["content"], PAGE);
        assert_eq!(read(hub, format!("http://{web}/latin")).await["content"], "grüße");
        assert_eq!(read(hub, format!("http://{web}/data")).await["content"], "{\"a\": [1, 2]}");
        assert_eq!(read(hub, format!("http://{web}/untyped")).await["content"], "plain words");

        let (mut start, mut whole) = (json!(0), String::new());
        loop {
            let input = json!({ "url": format!("http://{web}/long"), "maxTokens": 100, "startIndex": start });
            let part = fetch(hub, input).await.ok()["data"].clone();
            whole.push_str(part["content"].as_str().expect("text"));
            match part.get("nextIndex") {
                Some(next) => start = next.clone(),
                None => break,
            }
        }
        assert_eq!(whole, "zwölf Boxkämpfer\n".repeat(100));
        let key = hub.key(&["web:fetch"]).await;
        let rest = format!("/api/web/fetch?url=http%3A%2F%2F{web}%2Fdata&maxTokens=100");
        hub.get_as(&key, &rest).await.ok();
        hub.get_as(&key, "/api/web/search?query=x").await.problem(403, "ACCESS_DENIED");
    })
    .await;
}

#[tokio::test]
async fn what_is_no_text_or_too_much_is_refused() {
    let (web, _) = webs().await;
    let small = |config: &mut alkhub::config::Config| {
        allow_loopback(config);
        config.web.fetch_bytes = 512 * 1024;
    };
    each_hub_with(small, async |hub| {
        for (path, reason) in
            [("none", "status"), ("paper", "type"), ("bomb", "encoding"), ("nested", "structure")]
        {
            let refused = fetch(hub, json!({ "url": format!("http://{web}/{path}") })).await;
            assert_eq!(refused.problem(422, "WEB_UNREADABLE")["details"]["reason"], reason, "{path}");
        }
        let endless = read(hub, format!("http://{web}/endless")).await;
        assert_eq!((&endless["truncated"], &endless["length"]), (&json!(true), &json!(512 * 1024)));
        fetch(hub, json!({ "url": format!("http://{web}/round") })).await.problem(500, "EXECUTION_ERROR");
        assert_eq!(fetch(hub, json!({ "url": "not a url" })).await.faults(), ["/url"]);
    })
    .await;
}

#[tokio::test]
async fn no_way_leads_into_private_networks() {
    let (web, internal) = webs().await;
    let one_port = |config: &mut alkhub::config::Config| {
        config.outbound.allow = vec![web.to_string().parse().expect("a place")];
        config.outbound.connect_timeout = Duration::from_secs(2);
    };
    each_hub_with(one_port, async |hub| {
        read(hub, format!("http://{web}/page")).await;
        let port = internal.port();
        for url in [
            format!("http://{internal}/page"),
            format!("http://localhost:{port}/page"),
            format!("http://2130706433:{port}/page"),
            format!("http://0x7f000001:{port}/page"),
            format!("http://0177.0.0.1:{port}/page"),
            format!("http://127.1:{port}/page"),
            format!("http://0:{port}/page"),
            format!("http://[::1]:{port}/page"),
            format!("http://[::ffff:127.0.0.1]:{port}/page"),
            format!("http://[64:ff9b::7f00:1]:{port}/page"),
            "http://10.0.0.1/".to_owned(),
            "http://192.168.0.1/".to_owned(),
            "http://100.100.100.200/".to_owned(),
            "http://169.254.169.254/latest/meta-data".to_owned(),
            "http://[fd00:ec2::254]/latest/meta-data".to_owned(),
            "http://[fe80::1]/".to_owned(),
            format!("http://user:secret@{web}/page"),
            "ftp://example.org/".to_owned(),
            "file:///etc/passwd".to_owned(),
            "gopher://example.org/".to_owned(),
            // By way of a place that is allowed.
            format!("http://{web}/inside"),
            format!("http://{web}/metadata"),
            format!("http://{web}/file"),
        ] {
            let answer = fetch(hub, json!({ "url": url })).await;
            assert_eq!(answer.status.as_u16(), 403, "{url}: {answer:?}");
            let refused = answer.problem(403, "OUTBOUND_REFUSED");
            assert!(!refused.to_string().contains("secret"), "{refused}");
        }
    })
    .await;
}

#[tokio::test]
async fn searches_go_to_the_configured_service() {
    let (web, _) = webs().await;
    // The operator's own service needs no further permission.
    let configured = |config: &mut alkhub::config::Config| {
        config.web.provider = alkhub::config::Provider::Searxng;
        config.web.url = Some(format!("http://{web}/"));
        config.web.api_key = Some("s3cret".into());
    };
    each_hub_with(configured, async |hub| {
        let found = hub.get("/api/web/search?query=hub%20and&count=3").await.ok();
        assert_eq!((&found["provider"], found["results"].as_array().map(Vec::len)), (&json!("searxng"), Some(3)));
        assert_eq!(
            found["results"][0],
            json!({ "title": "Result 0", "url": "https://r.example/0", "snippet": "q=hub+and&format=json&pageno=1 & more" })
        );
        // Which does not open it for anybody else.
        fetch(hub, json!({ "url": format!("http://{web}/page") })).await.problem(403, "OUTBOUND_REFUSED");
    })
    .await;
    each_hub(async |hub| {
        hub.get("/api/web/search?query=x").await.problem(501, "WEB_SEARCH_NOT_CONFIGURED");
    })
    .await;
}
