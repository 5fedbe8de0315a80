//! Idempotency keys of hubs that die in the middle.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::{StreamExt, stream};
use reqwest::Method;
use serde_json::json;

use super::once::{is_replayed, post};
use crate::support::{
    database::Backend,
    hub::{ADMIN, Answer, TestHub},
    until,
};

const BOUND: Duration = Duration::from_secs(60);
const PROJECTS: usize = 80;

/// A hub in a process of its own, killed without a word.
struct Process {
    child: Child,
    url: String,
    _lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Process {
    fn start(backend: &Backend) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_alkhub"));
        command.args(["serve", "--listen", "127.0.0.1:0"]).current_dir(backend.data()).env_clear();
        command.env("ALKHUB_DATABASE_URL", backend.url()).env("ALKHUB_DATA", backend.data());
        command.env("ALKHUB_BOOTSTRAP_KEY", ADMIN).env("ALKHUB_LOG", "warn");
        command.env("ALKHUB_IDEMPOTENCY__LEASE", "1s").env("ALKHUB_DATABASE__ACQUIRE_TIMEOUT", "30s");
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("the hub starts");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let url = loop {
            let line = lines.next().expect("the hub says where it serves").expect("UTF-8");
            if let Some(at) = line.find("http://") {
                break line[at..].trim().to_owned();
            }
        };
        Self { child, url, _lines: lines }
    }

    /// Makes a project under a key of its own; `None` where the hub went away meanwhile.
    async fn create(&self, client: &reqwest::Client, number: usize) -> Option<Answer> {
        let body = json!({ "name": format!("p{number}"), "repository": "https://git.example/p" });
        let request = client.post(format!("{}/api/projects", self.url)).bearer_auth(ADMIN);
        let request = request.header("idempotency-key", format!("k{number}")).json(&body);
        let response = request.send().await.ok()?;
        let (status, headers) = (response.status(), response.headers().clone());
        Some(Answer { status, headers, body: response.text().await.ok()? })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

/// The name of a project is unique: an effect whose answer was lost, or one that was had twice, would show as
/// PROJECT_EXISTS.
#[tokio::test(flavor = "multi_thread")]
async fn after_kill_9_every_repetition_gets_the_answer_to_the_one_effect() {
    for backend in Backend::all().await {
        println!("-- on {}", backend.name());
        let client = reqwest::Client::new();
        let mut acknowledged = vec![None; PROJECTS];
        // Killed at another point each time, while more calls run.
        for killed_after in [3, 11, 26] {
            let hub = Process::start(&backend);
            let (done, pid) = (AtomicUsize::new(0), hub.child.id().to_string());
            let answers = stream::iter(0..PROJECTS).map(|number| {
                let (hub, client, done, pid) = (&hub, &client, &done, &pid);
                async move {
                    let answer = hub.create(client, number).await;
                    if answer.is_some() && done.fetch_add(1, Ordering::SeqCst) + 1 == killed_after {
                        Command::new("kill").args(["-9", pid]).status().expect("kill runs");
                    }
                    (number, answer)
                }
            });
            let answers: Vec<_> = answers.buffer_unordered(8).collect().await;
            assert!(answers.iter().any(|(_, answer)| answer.is_none()), "the hub outlived its work");
            for (number, answer) in answers {
                let Some(project) = answer.map(|answer| answer.ok()) else { continue };
                let known = acknowledged[number].get_or_insert_with(|| project.clone());
                assert_eq!(*known, project);
            }
        }
        let hub = Process::start(&backend);
        let mut ids = BTreeSet::new();
        for (number, known) in acknowledged.iter().enumerate() {
            let project = hub.create(&client, number).await.expect("an answer").ok();
            assert!(known.as_ref().is_none_or(|known| *known == project), "{known:?} and then {project}");
            ids.insert(project["id"].to_string());
        }
        assert_eq!(ids.len(), PROJECTS);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_effect_outside_of_transactions_is_not_had_twice_in_silence() {
    for backend in Backend::all().await {
        println!("-- on {}", backend.name());
        let backend = Arc::new(backend);
        let lease = |config: &mut alkhub::config::Config| {
            config.idempotency.lease = Duration::from_millis(600);
        };
        // A runtime of its own, so that everything of the hub ends where it is when that is dropped.
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let started = runtime.spawn({
            let backend = backend.clone();
            async move { TestHub::start(backend, lease).await }
        });
        let doomed = started.await.expect("started");
        let url = doomed.url.clone();
        let client = reqwest::Client::new();
        let body = json!({ "ms": 600_000 });
        let request = client.post(format!("{url}/api/kit/spend")).bearer_auth(ADMIN);
        let waiting = tokio::spawn(request.header("idempotency-key", "k").json(&body).send());
        until("the effect is had", BOUND, async || {
            let live = client.get(format!("{url}/api/kit/live")).bearer_auth(ADMIN);
            Answer::of(live).await.ok()["spending"] == 1
        })
        .await;
        runtime.shutdown_background();
        assert!(waiting.await.expect("joined").is_err(), "the dead do not answer");
        drop(doomed);
        let mut hub = TestHub::start(backend, |config| {
            config.bootstrap_key = None;
            lease(config);
        })
        .await;
        for _ in 0..2 {
            let answer = post(&hub, "/api/kit/spend", "k", &body).await;
            answer.problem(409, "IDEMPOTENCY_UNKNOWN_OUTCOME");
            assert!(!is_replayed(&answer));
        }
        post(&hub, "/api/kit/spend", "k", &json!({})).await.problem(422, "IDEMPOTENCY_KEY_REUSED");
        assert_eq!(hub.get("/api/kit/live").await.ok()["spent"], 0);
        // Another key is another intention.
        let other = hub.request(Method::POST, "/api/kit/spend").header("idempotency-key", "k2");
        Answer::of(other.json(&json!({}))).await.ok();
        hub.stop().await;
    }
}
