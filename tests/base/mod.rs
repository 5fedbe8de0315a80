//! The base spoke, as the program that users start, called through a hub.

mod files;
mod repository;
mod shell;

use std::{
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{
    database::Backend,
    hub::{ADMIN, Answer, TestHub},
    until,
    wire::events,
};

/// A hub with the spoke `dev` of a directory.
struct Base {
    hub: TestHub,
    /// Holds the served directory `root` and what is beside it.
    place: TempDir,
    spoke: Child,
}

impl Base {
    /// Starts both. What the spoke serves depends on no database, so one is enough.
    async fn start() -> Self {
        let backend = Backend::all().await.swap_remove(0);
        let hub = TestHub::start(Arc::new(backend), |_| {}).await;
        let place = tempfile::tempdir().expect("a directory");
        std::fs::create_dir(place.path().join("root")).expect("made");
        let key = hub.key(&["spoke:connect"]).await;
        let spoke = Command::new(env!("CARGO_BIN_EXE_alkhub"))
            .args(["spoke", "--root", "root", "--hub", &hub.url])
            .current_dir(place.path())
            .env("ALKHUB_KEY", key)
            .env("A_SECRET_OF_THE_SPOKE", "5ecret")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the spoke starts");
        let base = Self { hub, place, spoke };
        until("the spoke is there", Duration::from_secs(60), async || {
            base.hub.get("/api/spokes/dev").await.status == 200
        })
        .await;
        base
    }

    fn root(&self) -> std::path::PathBuf {
        self.place.path().join("root")
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.root().join(path);
        std::fs::create_dir_all(path.parent().unwrap_or_else(|| Path::new("."))).expect("made");
        std::fs::write(path, text).expect("written");
    }

    fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.root().join(path)).expect("readable")
    }

    async fn answer(&self, operation: &str, input: Value) -> Answer {
        self.hub.post("/api/call", json!({ "operationId": format!("dev.{operation}"), "input": input })).await
    }

    /// The data of a call that succeeds.
    #[track_caller]
    fn call<'a>(&'a self, operation: &'a str, input: Value) -> impl Future<Output = Value> + 'a {
        let (place, answer) = (std::panic::Location::caller(), self.answer(operation, input));
        async move {
            let answer = answer.await;
            assert_eq!(answer.status, 200, "{place}: {answer:?}");
            answer.json()["data"].clone()
        }
    }

    /// The code of a call that fails.
    async fn code(&self, operation: &str, input: Value) -> String {
        let answer = self.answer(operation, input).await;
        answer.json()["code"].as_str().unwrap_or_else(|| panic!("no failure: {answer:?}")).to_owned()
    }

    /// The items of a subscription that ends.
    async fn items(&self, operation: &str, input: Value) -> Vec<Value> {
        let body = json!({ "operationId": format!("dev.{operation}"), "input": input });
        let answer = self.hub.post("/api/subscribe", body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        events(&answer.body).into_iter().map(|(_, envelope)| envelope["data"].clone()).collect()
    }
}

impl Drop for Base {
    fn drop(&mut self) {
        let _gone = self.spoke.kill();
        let _gone = self.spoke.wait();
    }
}

#[tokio::test]
async fn all_that_it_offers_is_listed_with_its_demands() {
    let base = Base::start().await;
    let listed = base.hub.get("/api/operations?spoke=dev&limit=100").await.ok();
    let mut ids: Vec<_> = listed["items"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|item| item["id"].as_str())
        .filter_map(|id| id.strip_prefix("dev."))
        .collect();
    ids.sort_unstable();
    assert_eq!(
        ids,
        [
            "fs.edit",
            "fs.glob",
            "fs.grep",
            "fs.list",
            "fs.read",
            "fs.stat",
            "fs.watch",
            "fs.write",
            "git.branch",
            "git.commit",
            "git.diff",
            "git.log",
            "git.show",
            "git.status",
            "shell.exec",
            "worktree.create",
            "worktree.list",
            "worktree.remove",
        ]
    );
    // Each demands a scope: a key without one sees and reaches nothing of it.
    let key = base.hub.key(&["project:read"]).await;
    for id in ids {
        let body = json!({ "operationId": format!("dev.{id}"), "input": {} });
        base.hub.post_as(&key, "/api/call", body).await.problem(403, "ACCESS_DENIED");
    }
}

#[tokio::test]
async fn it_comes_back_when_the_hub_does() {
    let mut base = Base::start().await;
    let address = base.hub.url.replace("http://", "");
    base.hub.stop().await;
    let address = address.parse().expect("an address");
    base.hub = TestHub::start(base.hub.backend.clone(), |config| {
        config.server.listen = address;
        config.bootstrap_key = Some(ADMIN.to_owned().into());
    })
    .await;
    until("it is back", Duration::from_secs(60), async || {
        base.hub.get("/api/spokes/dev").await.status == 200
    })
    .await;
    base.write("a.txt", "a");
    assert_eq!(base.call("fs.read", json!({ "path": "a.txt" })).await["content"], "a");
}
