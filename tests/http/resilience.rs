//! What the hub does when its database goes away, and when two hubs begin at once.

use std::{sync::Arc, time::Duration};

use alkhub::{
    server::{Server, StartError},
    transport::http::HubOperations,
};
use reqwest::Method;
use serde_json::json;

use crate::support::{
    database::Backend,
    hub::{TestHub, plain_config},
    proxy::Proxy,
    until,
};

/// `postgres://user@host:port/name` as `(host:port, the same by way of another port)`.
fn rerouted(url: &str, port: impl Fn(&str) -> u16) -> (String, String) {
    let (scheme, rest) = url.split_once("://").expect("an URL");
    let (authority, path) = rest.split_once('/').expect("a path");
    let (user, place) = authority.rsplit_once('@').map_or(("", authority), |(user, place)| (user, place));
    let credentials = if user.is_empty() { String::new() } else { format!("{user}@") };
    (place.to_owned(), format!("{scheme}://{credentials}127.0.0.1:{}/{path}", port(place)))
}

#[tokio::test]
async fn a_lost_database_is_told_and_found_again() {
    for backend in Backend::all().await {
        if backend.name() != "Postgres" {
            continue;
        }
        let (target, _) = rerouted(&backend.url(), |_| 0);
        let proxy = Proxy::start(target).await;
        let (_, url) = rerouted(&backend.url(), |_| proxy.address.port());
        let mut hub = TestHub::start(Arc::new(backend), |config| {
            config.database.url = Some(url.clone().into());
            config.database.acquire_timeout = Duration::from_secs(2);
        })
        .await;
        let project = |name: &str| json!({ "name": name, "repository": "https://git.example/p" });
        hub.post("/api/projects", project("before")).await.ok();
        proxy.cut();
        // Keys cannot be verified for long either: a revocation could not be seen.
        let refused = hub.post("/api/projects", project("lost")).await;
        refused.problem(503, "UNAVAILABLE");
        assert_eq!(refused.headers["retry-after"], "1");
        assert_eq!(hub.anonymous(Method::GET, "/readyz").await.status, 503);
        assert_eq!(hub.anonymous(Method::GET, "/healthz").await.status, 200);
        proxy.mend();
        let waited = until("the hub serves again", Duration::from_secs(30), async || {
            hub.get("/api/projects").await.status == 200
        })
        .await;
        println!("back after {waited:?}");
        hub.post("/api/projects", project("after")).await.ok();
        let listed = hub.get("/api/projects").await.ok();
        let names: Vec<_> =
            listed["items"].as_array().expect("items").iter().map(|item| item["name"].clone()).collect();
        assert_eq!(names, ["before", "after"]);
        hub.stop().await;
    }
}

#[tokio::test]
async fn of_many_hubs_that_begin_at_once_one_makes_the_key() {
    for backend in Backend::all().await {
        let starts = (0..4).map(|_| Server::start::<HubOperations>(plain_config(&backend)));
        let servers: Vec<Server> = futures::future::join_all(starts)
            .await
            .into_iter()
            .map(|started| started.unwrap_or_else(|error| panic!("{}: {error}", backend.name())))
            .collect();
        let keys: Vec<String> =
            servers.iter().filter_map(|server| server.first_key().map(str::to_owned)).collect();
        assert_eq!(keys.len(), 1, "{}", backend.name());
        let client = reqwest::Client::new();
        for server in servers {
            let request = client.get(format!("http://{}/api/keys", server.address())).bearer_auth(&keys[0]);
            assert_eq!(request.send().await.expect("an answer").status(), 200);
            server.stop().await;
        }
        // A later start finds the key and shows none.
        let again = Server::start::<HubOperations>(plain_config(&backend)).await.expect("started");
        assert!(again.first_key().is_none());
        again.stop().await;
    }
}

#[tokio::test]
async fn a_hub_that_may_not_migrate_says_so() {
    for backend in Backend::all().await {
        let mut config = plain_config(&backend);
        config.database.migrate = false;
        let refused = Server::start::<HubOperations>(config).await;
        assert!(matches!(refused, Err(StartError::Unmigrated)), "{}", backend.name());
    }
}

#[tokio::test]
async fn a_database_of_a_newer_hub_is_left_alone() {
    for backend in Backend::all().await {
        Server::start::<HubOperations>(plain_config(&backend)).await.expect("started").stop().await;
        backend
            .execute(
                "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m30000101_000001_later', 1)",
            )
            .await;
        let refused =
            Server::start::<HubOperations>(plain_config(&backend)).await.err().map(|error| error.to_string());
        assert!(refused.as_deref().is_some_and(|text| text.contains("newer alkhub")), "{refused:?}");
    }
}

#[tokio::test]
async fn a_taken_port_is_told_before_anything_is_touched() {
    for backend in Backend::all().await {
        let first = Server::start::<HubOperations>(plain_config(&backend)).await.expect("started");
        let mut second = plain_config(&backend);
        second.server.listen = first.address();
        let refused = Server::start::<HubOperations>(second).await.err().map(|error| error.to_string());
        assert!(refused.as_deref().is_some_and(|text| text.contains("--listen")), "{refused:?}");
        first.stop().await;
    }
}
