//! A hub in a process of its own, which can be killed without a word, and whose log is read.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, Command, Stdio},
    sync::Arc,
};

use parking_lot::Mutex;
use reqwest::Method;
use serde_json::{Value, json};

use super::{SECRETS, Upstream};
use crate::support::{
    database::Backend,
    hub::{ADMIN, Answer},
};

pub(super) struct Process {
    child: Child,
    pub(super) url: String,
    pub(super) client: reqwest::Client,
    /// All that it has said.
    log: Arc<Mutex<String>>,
}

impl Process {
    pub(super) fn start(backend: &Backend) -> Self {
        Self::start_with(backend, &[])
    }

    /// With more variables.
    pub(super) fn start_with(backend: &Backend, more: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_alkhub"));
        command.args(["serve", "--listen", "127.0.0.1:0"]).current_dir(backend.data()).env_clear();
        command.env("ALKHUB_DATABASE_URL", backend.url()).env("ALKHUB_DATA", backend.data());
        command.env("ALKHUB_BOOTSTRAP_KEY", ADMIN).env("ALKHUB_LOG", "trace");
        command.env("ALKHUB_DATABASE__ACQUIRE_TIMEOUT", "30s").env("ALKHUB_MASTER_KEY", "a master key");
        command.env("ALKHUB_OUTBOUND__ALLOW", "127.0.0.0/8");
        command.envs(more.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the hub starts");
        let log = Arc::new(Mutex::new(String::new()));
        let (errors, held) = (child.stderr.take().expect("piped"), log.clone());
        std::thread::spawn(move || keep(errors, &held));
        let mut lines = BufReader::new(child.stdout.take().expect("piped"));
        let url = loop {
            let mut line = String::new();
            let read = lines.read_line(&mut line).expect("UTF-8");
            assert!(read > 0, "the hub does not serve:\n{}", log.lock());
            log.lock().push_str(&line);
            if let Some(at) = line.find("http://") {
                break line[at..].trim().to_owned();
            }
        };
        let held = log.clone();
        std::thread::spawn(move || keep(lines, &held));
        Self { child, url, client: reqwest::Client::new(), log }
    }

    pub(super) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url)).bearer_auth(ADMIN)
    }

    pub(super) async fn get(&self, path: &str) -> Value {
        Answer::of(self.request(Method::GET, path)).await.ok()
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Answer {
        Answer::of(self.request(Method::POST, path).json(body)).await
    }

    /// The same providers as of other tests.
    pub(super) async fn providers(&self, upstream: &Upstream) {
        for (name, kind, key) in [("open", "openai", SECRETS[0]), ("anth", "anthropic", SECRETS[1])] {
            let body = json!({ "name": name, "kind": kind, "baseUrl": upstream.url, "apiKey": key });
            self.post("/api/providers", &body).await.ok();
        }
    }

    /// kill -9.
    pub(super) fn kill(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }

    pub(super) fn log(&self) -> String {
        self.log.lock().clone()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn keep(from: impl Read, log: &Mutex<String>) {
    for line in BufReader::new(from).lines().map_while(Result::ok) {
        log.lock().push_str(&(line + "\n"));
    }
}
