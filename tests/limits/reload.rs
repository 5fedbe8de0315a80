//! Configuration that changes while hubs run.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, SystemTime},
};

use parking_lot::Mutex;
use reqwest::{Method, header::HeaderMap};
use serde_json::{Value, json};

use super::rates::header;
use crate::support::{
    database::Backend,
    hub::{ADMIN, Answer},
    redis::{RedisServer, prefix},
    until,
};

/// The hub says within a second; a loaded machine makes a test only wait longer.
const BOUND: Duration = Duration::from_secs(60);

/// A hub in a process of its own, with a file.
struct Process {
    child: Child,
    url: String,
    client: reqwest::Client,
    /// What it has logged.
    log: Arc<Mutex<String>>,
}

impl Process {
    fn start(backend: &Backend, file: &Path, redis: Option<(&RedisServer, &str)>) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_alkhub"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--config"]).arg(file);
        command.current_dir(backend.data()).env_clear();
        command.env("ALKHUB_DATABASE_URL", backend.url()).env("ALKHUB_DATA", backend.data());
        command.env("ALKHUB_BOOTSTRAP_KEY", ADMIN).env("ALKHUB_DATABASE__ACQUIRE_TIMEOUT", "30s");
        command.env("ALKHUB_LOG__FORMAT", "json").env("ALKHUB_RATE__PATIENCE", "20s");
        if let Some((redis, prefix)) = redis {
            command.env("ALKHUB_REDIS_URL", redis.url()).env("ALKHUB_REDIS__PREFIX", prefix);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the hub starts");
        let log = Arc::new(Mutex::new(String::new()));
        let (errors, lines) = (child.stderr.take().expect("piped"), log.clone());
        std::thread::spawn(move || {
            for line in BufReader::new(errors).lines().map_while(Result::ok) {
                lines.lock().push_str(&(line + "\n"));
            }
        });
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let url = loop {
            let Some(Ok(line)) = lines.next() else { panic!("the hub does not serve:\n{}", log.lock()) };
            if let Some(at) = line.find("http://") {
                break line[at..].trim().to_owned();
            }
        };
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, url, client: reqwest::Client::new(), log }
    }

    async fn ask(&self, method: Method, path: &str) -> Answer {
        let request = self.client.request(method, format!("{}{path}", self.url)).bearer_auth(ADMIN);
        Answer::of(request.json(&json!({}))).await
    }

    /// The limit that a call is held to, in words.
    async fn policy(&self) -> String {
        let answer = self.ask(Method::GET, "/api/projects").await;
        answer.ok();
        header(&answer, "ratelimit-policy").to_owned()
    }

    async fn has_policy(&self, policy: &str) {
        until("the limit is another", BOUND, async || self.policy().await == policy).await;
    }

    async fn reload(&self) -> Value {
        self.ask(Method::POST, "/api/reload").await.ok()
    }

    async fn logs(&self, text: &str) {
        until(text, BOUND, async || self.log.lock().contains(text)).await;
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

/// Writes the file as editors do: another one in its place.
fn replace(file: &Path, text: &str) {
    let beside = file.with_extension("new");
    std::fs::write(&beside, text).expect("written");
    std::fs::rename(beside, file).expect("replaced");
}

/// Writes other text of the same length, of which the file system tells nothing.
fn slip_in(file: &Path, text: &str) {
    let before = std::fs::metadata(file).expect("a file");
    assert_eq!(before.len(), text.len() as u64);
    std::fs::write(file, text).expect("written");
    let again = std::fs::File::options().write(true).open(file).expect("opened");
    again.set_modified(before.modified().expect("a time")).expect("set back");
}

fn file(backend: &Backend, text: &str) -> PathBuf {
    let file = backend.data().join("hub.toml");
    std::fs::write(&file, text).expect("written");
    // Long ago: nobody is in the middle of writing it.
    let long_ago = SystemTime::now() - Duration::from_secs(3600);
    std::fs::File::options()
        .write(true)
        .open(&file)
        .and_then(|file| file.set_modified(long_ago))
        .expect("set");
    file
}

fn keys(report: &Value, what: &str) -> Vec<String> {
    let changes = report[what].as_array().unwrap_or_else(|| panic!("{report}"));
    changes.iter().map(|change| change["key"].as_str().expect("a key").to_owned()).collect()
}

#[tokio::test]
async fn a_changed_file_counts_in_every_process_without_a_restart() {
    for backend in Backend::all().await {
        println!("-- on {}", backend.name());
        let file = file(&backend, "[rate]\nkey = \"100/1h\"\n");
        let (one, two) = (Process::start(&backend, &file, None), Process::start(&backend, &file, None));
        for hub in [&one, &two] {
            hub.has_policy("\"key\";q=100;w=3600").await;
        }
        replace(&file, "[rate]\nkey = \"200/1h\"\n");
        for hub in [&one, &two] {
            hub.has_policy("\"key\";q=200;w=3600").await;
            hub.logs("the configuration has changed").await;
        }
        // What is taken out is as if it had never been said.
        replace(&file, "[rate]\noperations = [\"project.list=7/1h\"]\n");
        for hub in [&one, &two] {
            hub.has_policy("\"project.list\";q=7;w=3600").await;
        }
        std::fs::remove_file(&file).expect("removed");
        one.logs("the configuration file is gone").await;
        let report = one.reload().await;
        assert!(report["problems"][0]["message"].as_str().is_some_and(|said| said.contains("cannot read")));
        assert_eq!(one.policy().await, "\"project.list\";q=7;w=3600");
    }
}

/// As in Kubernetes: the file is a link into a folder that is a link, and that one is turned.
#[tokio::test]
async fn a_link_that_is_turned_is_a_change() {
    let backend = Backend::all().await.swap_remove(0);
    let root = backend.data();
    for (folder, calls) in [("first", 100), ("second", 200)] {
        std::fs::create_dir(root.join(folder)).expect("made");
        std::fs::write(root.join(folder).join("hub.toml"), format!("[rate]\nkey = \"{calls}/1h\"\n"))
            .expect("written");
    }
    std::os::unix::fs::symlink("first", root.join("data")).expect("linked");
    let file = root.join("hub.toml");
    std::os::unix::fs::symlink("data/hub.toml", &file).expect("linked");
    let hub = Process::start(&backend, &file, None);
    hub.has_policy("\"key\";q=100;w=3600").await;
    std::os::unix::fs::symlink("second", root.join("next")).expect("linked");
    std::fs::rename(root.join("next"), root.join("data")).expect("turned");
    hub.has_policy("\"key\";q=200;w=3600").await;
}

#[tokio::test]
async fn a_file_with_faults_changes_nothing_and_says_where() {
    let backend = Backend::all().await.swap_remove(0);
    let path = file(&backend, "[rate]\nkey = \"100/1h\"\n");
    let hub = Process::start(&backend, &path, None);
    hub.has_policy("\"key\";q=100;w=3600").await;
    replace(&path, "[rate]\nkey = \"200/1h\"\nkeys = 1\n[limits]\nbody_bytes = \"2 potatoes\"\n");
    hub.logs("unknown key `rate.keys`").await;
    hub.logs("hub.toml:5:14").await;
    let report = hub.reload().await;
    let problems = report["problems"].as_array().expect("problems");
    assert_eq!(problems.len(), 2, "{report}");
    assert!(problems[0]["at"].as_str().is_some_and(|at| at.ends_with("hub.toml:3:1")), "{report}");
    assert_eq!(problems[0]["help"], "did you mean `rate.key`?");
    assert_eq!(problems[1]["key"], "limits.body_bytes");
    assert_eq!((report["changed"].clone(), report["restart"].clone()), (json!([]), json!([])));
    assert_eq!(hub.ask(Method::GET, "/readyz").await.status, 200);
    assert_eq!(hub.policy().await, "\"key\";q=100;w=3600");
    replace(&path, "[rate]\nkey = \"300/1h\"\n");
    hub.has_policy("\"key\";q=300;w=3600").await;
}

#[tokio::test]
async fn what_needs_a_restart_is_said_and_secrets_are_not() {
    let backend = Backend::all().await.swap_remove(0);
    let text = |grace: &str, token: &str| {
        format!(
            "[server]\nshutdown_grace = \"{grace}\"\n[telemetry]\notlp_headers = \"a={token}\"\n[rate]\nkey = \"100/1h\"\n"
        )
    };
    let path = file(&backend, &text("15s", "hunter2"));
    let hub = Process::start(&backend, &path, None);
    hub.has_policy("\"key\";q=100;w=3600").await;
    slip_in(&path, &text("16s", "hunter3"));
    let report = hub.reload().await;
    assert_eq!(keys(&report, "restart"), ["server.shutdown_grace", "telemetry.otlp_headers"], "{report}");
    assert_eq!(report["restart"][0], json!({ "key": "server.shutdown_grace", "from": "15s", "to": "16s" }));
    assert_eq!(report["restart"][1], json!({ "key": "telemetry.otlp_headers" }));
    assert_eq!(keys(&report, "changed"), [""; 0]);
    assert_eq!((report["othersTold"].clone(), report["problems"].clone()), (json!(true), json!([])));
    assert!(report["file"].as_str().is_some_and(|file| file.ends_with("hub.toml")), "{report}");
    hub.logs("counts after a restart").await;
    assert!(!hub.log.lock().contains("hunter"), "{}", hub.log.lock());
    // Until it is started again.
    assert_eq!(keys(&hub.reload().await, "restart").len(), 2);
    slip_in(&path, &text("15s", "hunter2"));
    assert_eq!(keys(&hub.reload().await, "restart").len(), 0);
}

#[tokio::test]
async fn a_hangup_makes_a_process_read_again() {
    let backend = Backend::all().await.swap_remove(0);
    let path = file(&backend, "[rate]\nkey = \"100/1h\"\n");
    let hub = Process::start(&backend, &path, None);
    hub.has_policy("\"key\";q=100;w=3600").await;
    slip_in(&path, "[rate]\nkey = \"200/1h\"\n");
    let sent = Command::new("kill").args(["-HUP", &hub.child.id().to_string()]).status();
    assert!(sent.expect("kill runs").success());
    hub.has_policy("\"key\";q=200;w=3600").await;
    hub.logs("SIGHUP").await;
}

#[tokio::test]
async fn one_process_makes_all_of_them_read_again() {
    let Some(redis) = RedisServer::start(None).await else { return };
    for backend in Backend::all().await {
        println!("-- on {}", backend.name());
        let path = file(&backend, "[rate]\nkey = \"100/1h\"\n");
        let prefix = prefix();
        let start = || Process::start(&backend, &path, Some((&redis, &prefix)));
        let (one, two) = (start(), start());
        for hub in [&one, &two] {
            until("the bus is there", BOUND, async || {
                hub.ask(Method::GET, "/readyz").await.json()["bus"] == "ok"
            })
            .await;
            hub.has_policy("\"key\";q=100;w=3600").await;
        }
        // A process reads by itself when its bus has come about, which may fall between the writing and the asking; then
        // there is nothing to report. That is once, so the next change is the asked one's.
        let (mut count, mut report) = (100, json!({}));
        while count < 300 && report["changed"].as_array().is_none_or(Vec::is_empty) {
            count += 100;
            slip_in(&path, &format!("[rate]\nkey = \"{count}/1h\"\n"));
            report = one.reload().await;
        }
        let change = json!({ "key": "rate.key", "from": format!("{}/60m", count - 100), "to": format!("{count}/60m") });
        assert_eq!(report["changed"], json!([change]), "{report}");
        assert_eq!(report["othersTold"], true);
        let policy = format!("\"key\";q={count};w=3600");
        assert_eq!(one.policy().await, policy);
        two.has_policy(&policy).await;
    }
}

#[tokio::test]
async fn what_may_change_while_the_hub_runs_does() {
    let backend = Backend::all().await.swap_remove(0);
    let path = file(&backend, "");
    let hub = Process::start(&backend, &path, None);
    let origin = async || -> HeaderMap {
        let request = hub.client.get(format!("{}/healthz", hub.url)).header("origin", "https://app.example");
        request.send().await.expect("an answer").headers().clone()
    };
    assert!(!origin().await.contains_key("access-control-allow-origin"));
    replace(
        &path,
        "[cors]\nallowed_origins = [\"https://app.example\"]\nmax_age = \"7s\"\n[limits]\nbody_bytes = 1024\n\
         [log]\nfilter = \"info,alkhub::http=debug\"\n[events]\ncustom = [\"build.*\"]\n[metrics]\npublic = true\n\
         [compression]\nenabled = false\n",
    );
    until("the origin is allowed", BOUND, async || {
        origin()
            .await
            .get("access-control-allow-origin")
            .is_some_and(|origin| origin == "https://app.example")
    })
    .await;
    let preflight = hub.client.request(Method::OPTIONS, format!("{}/api/info", hub.url));
    let preflight =
        preflight.header("origin", "https://app.example").header("access-control-request-method", "GET");
    let preflight = preflight.send().await.expect("an answer");
    assert_eq!(preflight.headers()["access-control-max-age"], "7");
    let post = async |path: &str, body: &Value| {
        let request = hub.client.post(format!("{}{path}", hub.url)).bearer_auth(ADMIN);
        Answer::of(request.json(body)).await
    };
    let large = json!({ "name": "a".repeat(2000), "repository": "https://git.example/p" });
    post("/api/projects", &large).await.problem(413, "PAYLOAD_TOO_LARGE");
    post("/api/events", &json!({ "type": "build.done", "payload": {} })).await.ok();
    post("/api/events", &json!({ "type": "custom.done", "payload": {} }))
        .await
        .problem(422, "EVENT_TYPE_UNKNOWN");
    assert_eq!(Answer::of(hub.client.get(format!("{}/metrics", hub.url))).await.status, 200);
    let page = hub.client.get(format!("{}/openapi.json", hub.url)).header("accept-encoding", "gzip");
    assert!(!page.send().await.expect("an answer").headers().contains_key("content-encoding"));
    // The line of a request, which only the new filter lets through.
    hub.logs("\"path\":\"/openapi.json\"").await;
}

#[tokio::test]
async fn what_may_be_asked_of_others_changes_while_the_hub_runs() {
    let backend = Backend::all().await.swap_remove(0);
    let path = file(&backend, "");
    let hub = Process::start(&backend, &path, None);
    let fetch = async || {
        let url = format!("{}/api/web/fetch", hub.url);
        Answer::of(
            hub.client.get(url).bearer_auth(ADMIN).query(&[("url", format!("{}/openapi.json", hub.url))]),
        )
        .await
    };
    fetch().await.problem(403, "OUTBOUND_REFUSED");
    replace(&path, "[outbound]\nallow = [\"127.0.0.1\"]\n");
    until("it may be reached", BOUND, async || fetch().await.status.is_success()).await;
    replace(&path, "[outbound]\nallow = [\"127.0.0.1\"]\n[web.fetch]\nbytes = 2048\n");
    until("less is read", BOUND, async || fetch().await.ok()["truncated"] == true).await;
    replace(&path, "[web.fetch]\nbytes = 2048\n");
    until("it may not be reached", BOUND, async || fetch().await.status == 403).await;
}
