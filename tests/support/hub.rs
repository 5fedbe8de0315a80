//! Hubs that run inside the test process and are called through their sockets.

use std::{sync::Arc, time::Duration};

use alkhub::{
    config::Config,
    hub::Hub,
    server::Server,
    transport::http::{HubOperations, OperationSet},
};
use alkhub_core::{Descriptor, Registry};
use alkhub_testkit::Kit;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

use super::database::Backend;

/// The admin key of every test hub.
pub(crate) const ADMIN: &str =
    "alk_testadmintestadmin_00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// The kit's operations beside the hub's.
pub(crate) struct KitOperations;

impl OperationSet for KitOperations {
    fn operations() -> Vec<&'static Descriptor> {
        alkhub_testkit::api::OPERATIONS.to_vec()
    }

    fn register(_hub: &Arc<Hub>, registry: &mut Registry) {
        alkhub_testkit::api::register(&Arc::new(Kit::default()), registry);
    }
}

/// A running hub and a client for it.
pub(crate) struct TestHub {
    server: Option<Server>,
    pub url: String,
    pub client: Client,
    pub backend: Arc<Backend>,
}

/// Runs a test on a fresh hub over every database, one after the other.
pub(crate) async fn each_hub(test: impl AsyncFn(&mut TestHub)) {
    each_hub_with(|_| {}, test).await;
}

/// The same with a changed configuration.
pub(crate) async fn each_hub_with(change: impl Fn(&mut Config), test: impl AsyncFn(&mut TestHub)) {
    for backend in Backend::all().await {
        println!("-- on {}", backend.name());
        let mut hub = TestHub::start(Arc::new(backend), &change).await;
        test(&mut hub).await;
        hub.stop().await;
    }
}

impl TestHub {
    pub(crate) async fn start(backend: Arc<Backend>, change: impl Fn(&mut Config)) -> Self {
        let config = config(&backend, &change);
        let start = Box::pin(Server::start::<(HubOperations, KitOperations)>(config));
        let server = start.await.expect("the hub starts");
        let url = format!("http://{}", server.address());
        Self { server: Some(server), url, client: Client::new(), backend }
    }

    pub(crate) async fn stop(&mut self) -> bool {
        match self.server.take() {
            Some(server) => server.stop().await,
            None => true,
        }
    }

    /// A request with the admin key.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.request_as(ADMIN, method, path)
    }

    pub(crate) fn request_as(&self, key: &str, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url)).bearer_auth(key)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path)).await
    }

    pub(crate) async fn get_as(&self, key: &str, path: &str) -> Answer {
        Answer::of(self.request_as(key, Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        Answer::of(self.request(Method::POST, path).json(&body)).await
    }

    pub(crate) async fn post_as(&self, key: &str, path: &str, body: Value) -> Answer {
        Answer::of(self.request_as(key, Method::POST, path).json(&body)).await
    }

    /// A call without credentials.
    pub(crate) async fn anonymous(&self, method: Method, path: &str) -> Answer {
        Answer::of(self.client.request(method, format!("{}{path}", self.url))).await
    }

    /// Makes a key with these scopes and gives its token.
    pub(crate) async fn key(&self, scopes: &[&str]) -> String {
        let issued = self.post("/api/keys", json!({ "name": "test", "scopes": scopes })).await.ok();
        issued["token"].as_str().expect("a token").to_owned()
    }
}

fn config(backend: &Backend, change: &impl Fn(&mut Config)) -> Config {
    let mut config = plain_config(backend);
    config.bootstrap_key = Some(ADMIN.to_owned().into());
    change(&mut config);
    config
}

/// What a hub needs to start on this database, with time for a loaded machine.
pub(crate) fn plain_config(backend: &Backend) -> Config {
    let mut config = Config::default();
    config.server.listen = ([127, 0, 0, 1], 0).into();
    config.data = backend.data().to_owned();
    config.database.url = Some(backend.url().into());
    config.database.acquire_timeout = Duration::from_secs(30);
    config
}

/// An answer that was read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub status: StatusCode,
    pub headers: reqwest::header::HeaderMap,
    pub body: String,
}

impl Answer {
    pub(crate) async fn of(request: RequestBuilder) -> Self {
        Self::read(request.send().await.expect("an answer")).await
    }

    pub(crate) async fn read(response: Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        Self { status, headers, body: response.text().await.expect("a body") }
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    #[track_caller]
    pub(crate) fn ok(&self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{self:?}");
        self.json()
    }

    /// Checks that this is a problem document of a code, with all that each must have.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        assert_eq!(self.headers["content-type"], "application/problem+json", "{self:?}");
        let problem = self.json();
        assert_eq!(problem["code"], code, "{self:?}");
        assert_eq!(problem["status"], status);
        assert_eq!(problem["type"], format!("/docs/errors/{code}"));
        assert_eq!(problem["requestId"].as_str(), self.headers["x-request-id"].to_str().ok(), "{self:?}");
        assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()));
        problem
    }

    /// The pointers of a VALIDATION_ERROR.
    #[track_caller]
    pub(crate) fn faults(&self) -> Vec<String> {
        let problem = self.problem(422, "VALIDATION_ERROR");
        let faults = problem["details"]["faults"].as_array().expect("faults").clone();
        faults.iter().map(|fault| fault["pointer"].as_str().expect("a pointer").to_owned()).collect()
    }
}
