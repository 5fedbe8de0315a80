//! `alkhub dev`: a hub and a base spoke in one process, for trying out and for development.

use std::{
    fs, io,
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use alkhub_core::peer;
use clap::Args;
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::End;
use super::args::{Global, flag};
use super::exit::Failure;
use super::spoke;
use crate::{
    config::{self, Secret},
    keys::Token,
    server::{Server, StopSignals},
    spoke::Settings,
    telemetry,
    transport::http::HubOperations,
};

/// The id of the spoke.
const ID: &str = "dev";

/// Flags of `dev`.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  alkhub dev              then paste the lines that it prints into another terminal

The hub's data and keys are kept under $XDG_STATE_HOME/alkhub (or ~/.local/state/alkhub), not in the directory, so that
the spoke cannot reach them.")]
pub(super) struct DevArgs {
    /// The directory to serve
    #[arg(long, value_name = "DIR", default_value = ".")]
    root: PathBuf,
    /// Address and port to listen on [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<String>,
    /// Directory of everything the hub keeps on disk
    #[arg(long, value_name = "DIR")]
    data: Option<String>,
}

pub(super) fn run(global: &Global, args: &DevArgs) -> End {
    let served = spoke::open(&args.root)?;
    let data = match &args.data {
        Some(data) => PathBuf::from(data),
        None => state(served.root())?,
    };
    if resolved(&data).starts_with(served.root()) {
        return Err(Failure::usage("the hub's data would be inside the directory that is served")
            .help("choose another --data; whoever may read files there could read the hub's database"));
    }
    let data_text = data.to_string_lossy().into_owned();
    let flags = flag("--listen", "server.listen", args.listen.as_ref())
        .into_iter()
        .chain(flag("--data", "data", Some(&data_text)))
        .collect();
    let mut loaded = config::load(&global.sources(flags))?;
    let admin = secret_file(&data, "admin.key", || {
        Token::generate().map(|token| token.text()).map_err(|error| error.to_string())
    })?;
    if loaded.config.bootstrap_key.is_none() {
        loaded.config.bootstrap_key = Some(admin.clone());
    }
    let telemetry = telemetry::init(&loaded.config).map_err(|error| Failure::failed(error.to_string()))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("the runtime cannot start: {error}")))?;
    let end = runtime.block_on(async {
        let mut signals = StopSignals::listen().map_err(|error| Failure::failed(error.to_string()))?;
        let server = Box::pin(Server::start::<HubOperations>(loaded.config)).await.map_err(|error| {
            let text = error.to_string();
            let (message, help) =
                text.split_once('\n').unwrap_or((&text, "`alkhub doctor` looks for the cause"));
            Failure::failed(message).help(help)
        })?;
        let url = format!("http://{}", server.address());
        let key = spoke_key(&url, &admin, &data).await?;
        let hub = url.parse().map_err(|_| Failure::failed("the hub's own address cannot be read"))?;
        let metadata = spoke::describe(&served);
        let settings = Settings {
            hub,
            key,
            id: Some(ID.to_owned()),
            kind: "dev".to_owned(),
            metadata,
            limits: peer::Limits::default(),
        };
        tell(&url, &admin);
        let stop = CancellationToken::new();
        let running = spoke::serve(&served, settings, stop.clone());
        tokio::pin!(running);
        let end = tokio::select! {
            end = &mut running => end,
            () = signals.next() => {
                stop.cancel();
                running.await
            }
        };
        served.finish().await;
        server.stop().await;
        end
    });
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    drop(telemetry);
    end
}

/// What to paste. The one time that the key is shown, and not by way of the log.
fn tell(url: &str, admin: &Secret) {
    let text = format!(
        "alkhub {} serves on {url}; the spoke `{ID}` serves this directory.

In another terminal:

  export ALKHUB_HUB={url} ALKHUB_KEY={key}
  alkhub call {ID}.fs.list
  alkhub call {ID}.shell.exec '{{\"command\": \"uname -a\"}}'
  curl -s {url}/api/call -H \"Authorization: Bearer $ALKHUB_KEY\" \\
    -H 'Content-Type: application/json' -d '{{\"operationId\": \"{ID}.fs.list\"}}'

  {url}/docs     every operation of the hub
  {url}/mcp      MCP: `alkhub mcp` prints the settings of clients
  {ws}/ws          the call protocol, for spokes and clients

The key may do everything; Ctrl-C stops both.
",
        env!("CARGO_PKG_VERSION"),
        key = admin.expose(),
        ws = url.replacen("http", "ws", 1),
    );
    let _ = writeln!(io::stdout(), "{text}");
}

/// Where a path leads, though its last parts may not be there yet.
fn resolved(path: &Path) -> PathBuf {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let there = whole.ancestors().find_map(|part| Some((part.canonicalize().ok()?, part)));
    match there {
        Some((real, part)) => whole.strip_prefix(part).map(|rest| real.join(rest)).unwrap_or(real),
        None => whole,
    }
}

/// A folder for this directory's hub, outside of it.
fn state(root: &Path) -> Result<PathBuf, Failure> {
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state"));
    let base =
        std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute()).or_else(home);
    let base = base.ok_or_else(|| {
        Failure::usage("there is no place for the hub's data: neither XDG_STATE_HOME nor HOME is set")
            .help("name one with --data")
    })?;
    let digest = Sha256::digest(root.as_os_str().as_encoded_bytes());
    let name: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    Ok(base.join("alkhub").join(format!("dev-{name}")))
}

/// A secret that is kept in a file that only this user can read; made at first use.
fn secret_file(
    data: &Path,
    name: &str,
    make: impl FnOnce() -> Result<String, String>,
) -> Result<Secret, Failure> {
    let path = data.join(name);
    let fail = |error: io::Error| Failure::failed(format!("{} cannot be used: {error}", path.display()));
    match fs::read_to_string(&path) {
        Ok(text) => return Ok(Secret::new(text.trim())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(fail(error)),
    }
    let secret = make().map_err(Failure::failed)?;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(data).map_err(fail)?;
    let mut file =
        fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(fail)?;
    file.write_all(secret.as_bytes()).map_err(fail)?;
    Ok(Secret::new(secret))
}

/// A key that can connect this one spoke and do nothing else; made again where the hub does not know it any more.
async fn spoke_key(url: &str, admin: &Secret, data: &Path) -> Result<Secret, Failure> {
    let fail = |error: reqwest::Error| Failure::failed(format!("the spoke's key cannot be made: {error}"));
    let client = reqwest::Client::builder().no_proxy().build().map_err(fail)?;
    let path = data.join("spoke.key");
    if let Ok(kept) = fs::read_to_string(&path) {
        let known =
            client.get(format!("{url}/api/info")).bearer_auth(kept.trim()).send().await.map_err(fail)?;
        if known.status().is_success() {
            return Ok(Secret::new(kept.trim()));
        }
        let _ = fs::remove_file(&path);
    }
    let wanted = json!({ "name": "spoke of alkhub dev", "scopes": ["spoke:connect"], "resources": { "spoke:dev": ["connect"] } });
    let made = client.post(format!("{url}/api/keys")).bearer_auth(admin.expose()).json(&wanted).send().await;
    let made: serde_json::Value =
        made.map_err(fail)?.error_for_status().map_err(fail)?.json().await.map_err(fail)?;
    let token = made["token"].as_str().unwrap_or_default().to_owned();
    secret_file(data, "spoke.key", || Ok(token))
}
