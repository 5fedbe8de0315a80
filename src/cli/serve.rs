//! `alkhub serve`: the hub itself.

use clap::Args;

use super::End;
use super::args::{Global, Place, flag};
use super::exit::{Exit, Failure};
use crate::config::{self, Flag};
use crate::telemetry;

/// Flags of `serve`.
#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// Address and port to listen on [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<String>,
    #[command(flatten)]
    pub(super) place: Place,
    /// Do not bring the database's schema up to date; refuse to start if it is not
    #[arg(long)]
    no_migrate: bool,
}

impl ServeArgs {
    pub(super) fn is_given(&self) -> bool {
        self.listen.is_some() || self.no_migrate
    }

    fn flags(&self) -> Vec<Flag> {
        let listen = flag("--listen", "server.listen", self.listen.as_ref());
        let migrate = flag("--no-migrate", "database.migrate", self.no_migrate.then_some(&false));
        self.place.flags().into_iter().chain(listen).chain(migrate).collect()
    }
}

pub(super) fn run(global: &Global, args: &ServeArgs) -> End {
    let sources = global.sources(args.flags());
    let loaded = config::load(&sources)?;
    let telemetry = telemetry::init(&loaded.config).map_err(|error| Failure::failed(error.to_string()))?;
    if let Some(file) = &loaded.file {
        tracing::info!(file = %file.display(), "configuration read");
    }
    let grace = std::time::Duration::from_secs(1);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("the runtime cannot start: {error}")))?;
    let end = runtime.block_on(crate::server::run(loaded.config, sources));
    // A blocking task that hangs (a disk that does not answer) must not keep a stopped hub alive.
    runtime.shutdown_timeout(grace);
    drop(telemetry);
    match end {
        Ok(()) => Ok(Exit::Done),
        Err(error) => {
            let text = error.to_string();
            let (message, help) = text.split_once('\n').unwrap_or((&text, ""));
            let failure = Failure::failed(message);
            Err(if help.is_empty() { failure } else { failure.help(help) })
        }
    }
}
