//! The ways to the provider: directly, through nginx, through the hub, through LiteLLM.

use std::{
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::{
    End,
    work::{MODEL, Work},
};
use crate::{
    drive::{Load, Served, wrk},
    servers::KEY,
};

/// Longest wait for a server to listen; Python takes a while.
const PATIENCE: Duration = Duration::from_secs(120);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Direct,
    Nginx,
    Hub,
    LiteLlm,
}

impl Way {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Nginx => "nginx",
            Self::Hub => "hub",
            Self::LiteLlm => "litellm",
        }
    }
}

/// Whom to ask, and how.
pub(crate) struct Target {
    pub(crate) address: String,
    pub(crate) key: String,
    pub(crate) model: String,
}

impl Target {
    /// Loads it with wrk.
    pub(crate) fn load(&self, work: Work, connections: u32, seconds: u32) -> End<Load> {
        let script = format!(
            "wrk.method = 'POST'\nwrk.headers['authorization'] = 'Bearer {}'\nwrk.headers['content-type'] = 'application/json'\nwrk.body = [[{}]]\n",
            self.key,
            work.body(&self.model)
        );
        wrk(&format!("http://{}/v1/chat/completions", self.address), &script, connections, seconds)
    }
}

/// A program of others, which ends what it has started when it is told to end.
struct Program {
    child: Child,
    address: String,
    _data: tempfile::TempDir,
}

impl Drop for Program {
    fn drop(&mut self) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // Gone already is as good.
            let _ = kill_process(pid, Signal::TERM);
        }
        let _ = self.child.wait();
    }
}

/// All servers, which run beside each other; who is not asked does nothing.
pub(crate) struct Ways {
    upstream: Served,
    nginx: Program,
    hub: Served,
    key: String,
    litellm: Option<Program>,
}

impl Ways {
    pub(crate) fn start(litellm: Option<&Path>) -> End<Self> {
        let upstream = Served::start("llm-upstream")?;
        let nginx = nginx(upstream.address())?;
        let hub = Served::start("hub-alone")?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let key = runtime.block_on(prepare(hub.address(), upstream.address()))?;
        let litellm = litellm.map(|python| self::litellm(python, upstream.address())).transpose()?;
        Ok(Self { upstream, nginx, hub, key, litellm })
    }

    pub(crate) fn target(&self, way: Way) -> End<Target> {
        let (address, key, model) = match way {
            Way::Direct => (self.upstream.address(), "none", MODEL.to_owned()),
            Way::Nginx => (&*self.nginx.address, "none", MODEL.to_owned()),
            Way::Hub => (self.hub.address(), &*self.key, format!("bench/{MODEL}")),
            Way::LiteLlm => {
                let program = self.litellm.as_ref().ok_or("LiteLLM was not started")?;
                (&*program.address, LITELLM_KEY, MODEL.to_owned())
            }
        };
        Ok(Target { address: address.to_owned(), key: key.to_owned(), model })
    }

    pub(crate) fn hub_pid(&self) -> u32 {
        self.hub.pid()
    }
}

/// A provider, and a key with all that costs something: limits of requests and tokens, and a budget.
async fn prepare(hub: &str, upstream: &str) -> End<String> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let send = async |method: reqwest::Method, path: &str, body: Value| -> End<Value> {
        let url = format!("http://{hub}{path}");
        let answer = client.request(method, url).bearer_auth(KEY).json(&body).send().await?;
        if !answer.status().is_success() {
            return Err(format!("{path}: {}", answer.text().await?).into());
        }
        Ok(answer.json().await?)
    };
    let provider = json!({ "name": "bench", "kind": "openai", "baseUrl": format!("http://{upstream}/v1"), "apiKey": "sk-bench", "models": [MODEL] });
    send(reqwest::Method::POST, "/api/providers", provider).await?;
    let issued =
        send(reqwest::Method::POST, "/api/keys", json!({ "name": "bench", "scopes": ["llm:invoke"] }))
            .await?;
    let text = |value: &Value| value.as_str().map(str::to_owned).ok_or("no text");
    let (key, id) = (text(&issued["token"])?, text(&issued["key"]["id"])?);
    let much = json!({ "count": 10_000_000_000_u64, "seconds": 3600 });
    let policy = json!({ "policy": { "models": ["bench/*"], "requests": much, "tokens": much } });
    send(reqwest::Method::PUT, &format!("/api/llm/keys/{id}"), policy).await?;
    let budget = json!({ "period": "month", "limitUsd": 1_000_000 });
    send(reqwest::Method::PUT, &format!("/api/budgets/key/{id}"), budget).await?;
    Ok(key)
}

fn free() -> End<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// A plain reverse proxy that keeps its connections, and buffers no stream.
fn nginx(upstream: &str) -> End<Program> {
    let data = tempfile::tempdir()?;
    let (folder, port) = (data.path().display(), free()?);
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|kind| format!("{kind}_temp_path {folder}/{kind};\n"))
        .collect();
    let text = format!(
        "daemon off;\npid {folder}/pid;\nerror_log stderr warn;\nworker_processes 2;\nevents {{ worker_connections 1024; }}\n\
         http {{\naccess_log off;\n{temporary}keepalive_requests 1000000000;\nclient_body_buffer_size 1m;\nclient_max_body_size 2m;\n\
         upstream model {{ server {upstream}; keepalive 256; keepalive_requests 1000000000; }}\n\
         server {{\nlisten 127.0.0.1:{port};\nlocation / {{\nproxy_pass http://model;\nproxy_http_version 1.1;\n\
         proxy_set_header Connection \"\";\nproxy_buffering off;\nproxy_buffer_size 16k;\nproxy_buffers 8 16k;\n}}\n}}\n}}\n"
    );
    let file = data.path().join("nginx.conf");
    std::fs::write(&file, text)?;
    let path = format!("{}:/usr/sbin:/usr/local/sbin", std::env::var("PATH").unwrap_or_default());
    let child = Command::new("nginx")
        .env("PATH", path)
        .args(["-e", "stderr", "-p"])
        .arg(data.path())
        .arg("-c")
        .arg(&file)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("nginx (Debian's package) cannot be started: {error}"))?;
    listening(Program { child, address: format!("127.0.0.1:{port}"), _data: data })
}

const LITELLM_KEY: &str = "sk-bench-master";

/// LiteLLM's proxy with a process for each core, its key check, and nothing else.
fn litellm(python: &Path, upstream: &str) -> End<Program> {
    let data = tempfile::tempdir()?;
    let port = free()?;
    let file = data.path().join("config.yaml");
    std::fs::write(
        &file,
        format!(
            "model_list:\n  - model_name: {MODEL}\n    litellm_params:\n      model: openai/{MODEL}\n      api_base: http://{upstream}/v1\n      api_key: sk-bench\n\
             general_settings:\n  master_key: {LITELLM_KEY}\n"
        ),
    )?;
    let program = python.with_file_name("litellm");
    let child = Command::new(&program)
        .args(["--host", "127.0.0.1", "--port", &port.to_string(), "--num_workers", "2", "--config"])
        .arg(&file)
        .env("LITELLM_LOCAL_MODEL_COST_MAP", "True")
        .env("LITELLM_LOG", "ERROR")
        // It takes a hundred equal chunks for a model that has lost its way, and ends the stream.
        .env("REPEATED_STREAMING_CHUNK_LIMIT", "1000000")
        .current_dir(data.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("{} cannot be started: {error}", program.display()))?;
    let started = listening(Program { child, address: format!("127.0.0.1:{port}"), _data: data })?;
    // It listens before it can answer.
    let target =
        Target { address: started.address.clone(), key: LITELLM_KEY.to_owned(), model: MODEL.to_owned() };
    let begun = Instant::now();
    while let Err(error) = target.load(Work::Short, 1, 1) {
        if begun.elapsed() > PATIENCE {
            return Err(format!("LiteLLM does not answer: {error}").into());
        }
        #[expect(clippy::disallowed_methods, reason = "no runtime waits for this thread")]
        std::thread::sleep(Duration::from_secs(1));
    }
    Ok(started)
}

fn listening(mut program: Program) -> End<Program> {
    let begun = Instant::now();
    while TcpStream::connect(&program.address).is_err() {
        if let Some(status) = program.child.try_wait()? {
            return Err(format!("{} ended at once: {status}", program.address).into());
        }
        if begun.elapsed() > PATIENCE {
            return Err(format!("nobody listens at {}", program.address).into());
        }
        #[expect(clippy::disallowed_methods, reason = "no runtime waits for this thread")]
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(program)
}
