//! `alkhub spoke`: connects a directory of this machine to a hub.

use std::{path::PathBuf, sync::Arc};

use alkhub_core::{Engine, Registry, engine, peer};
use clap::Args;
use serde_json::{Map, json};
use tokio_util::sync::CancellationToken;

use super::End;
use super::client::HubArgs;
use super::exit::{Exit, Failure};
use super::output;
use crate::spoke::{self, Event, GaveUp, Settings, Spoke};

/// Flags of `spoke`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  alkhub keys create laptop --scope spoke:connect --resource spoke:dev=connect
  alkhub spoke --root .                     ALKHUB_KEY holds the key
  alkhub spoke --hub https://hub.example --root /srv/code --id build-1
  alkhub call dev.fs.read '{\"path\": \"README.md\"}'

It stays inside the directory, and reconnects by itself. Ctrl-C stops it.

Exit codes: 0 stopped, 1 failed, 2 wrong usage, 4 the hub does not accept the key or the id")]
pub(super) struct SpokeArgs {
    /// The directory to serve; nothing outside of it can be reached
    #[arg(long, value_name = "DIR")]
    root: PathBuf,
    /// The spoke's id, which comes before the ids of its operations
    #[arg(long, value_name = "ID", default_value = "dev")]
    id: String,
    /// What kind of machine it is: dev, client, compute or another word
    #[arg(long = "type", value_name = "TYPE", default_value = "dev")]
    kind: String,
    #[command(flatten)]
    hub: HubArgs,
}

pub(super) fn run(args: SpokeArgs) -> End {
    let (hub, key) = args.hub.resolve()?;
    let Some(key) = key else {
        return Err(Failure::usage("a spoke needs a key").help(
            "make one with `alkhub keys create NAME --scope spoke:connect`, and put it into the variable ALKHUB_KEY",
        ));
    };
    let spoke = open(&args.root)?;
    let metadata = describe(&spoke);
    let settings =
        Settings { hub, key, id: Some(args.id), kind: args.kind, metadata, limits: peer::Limits::default() };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("the runtime cannot start: {error}")))?;
    runtime.block_on(async {
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        tokio::spawn(async move {
            let Ok(mut signals) = crate::server::StopSignals::listen() else { return };
            signals.next().await;
            stopped.cancel();
        });
        let end = serve(&spoke, settings, stop).await;
        spoke.finish().await;
        end
    })
}

/// The directory, opened.
pub(super) fn open(root: &std::path::Path) -> Result<Arc<Spoke>, Failure> {
    Spoke::open(root).map(Arc::new).map_err(|error| {
        Failure::usage(format!("{} cannot be served: {error}", root.display()))
            .help("--root must be a directory that this user may read")
    })
}

/// What lists of spokes show of this one.
pub(super) fn describe(spoke: &Spoke) -> Map<String, serde_json::Value> {
    let facts = json!({
        "root": spoke.root().to_string_lossy(),
        "version": env!("CARGO_PKG_VERSION"),
        "os": std::env::consts::OS,
    });
    facts.as_object().cloned().unwrap_or_default()
}

/// Serves until `stop`, and tells on standard error what happens.
pub(super) async fn serve(spoke: &Arc<Spoke>, settings: Settings, stop: CancellationToken) -> End {
    let mut registry = Registry::new();
    alkhub_api::register_spoke(spoke, &mut registry);
    let limits =
        engine::Limits { call_timeout: std::time::Duration::from_secs(24 * 3600), ..Default::default() };
    let served = Engine::new(registry, limits, Vec::new());
    let root = spoke.root().display().to_string();
    let tell = move |event: Event| match event {
        Event::Registered(registered) => {
            let (id, count) = (&registered.spoke_id, registered.accepted.len());
            output::error_line(&format!("{root} is connected as {id}, with {count} operations"));
            for rejected in registered.rejected {
                output::error_line(&format!("  the hub did not take {}: {}", rejected.id, rejected.reason));
            }
        }
        Event::Lost { reason, pause } => {
            output::error_line(&format!("{reason}; next try in {:.1} s", pause.as_secs_f64()));
        }
    };
    match Box::pin(spoke::run(settings, served, stop, tell)).await {
        Ok(()) => Ok(Exit::Done),
        Err(error @ GaveUp::Denied(_)) => Err(Failure::new(Exit::Denied, error.to_string())
            .help("`alkhub keys get ID` shows what a key may do; a spoke's needs the scope spoke:connect")),
        Err(error @ GaveUp::Replaced) => {
            Err(Failure::failed(error.to_string()).help("give each machine an id of its own with --id"))
        }
        Err(GaveUp::Address(message)) => {
            Err(Failure::usage(message).help("--hub takes the hub's address, such as http://127.0.0.1:8080"))
        }
    }
}
