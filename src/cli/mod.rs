//! The command line. Each command is a file; this one reads the arguments and turns the end into an exit code.

mod args;
mod call;
mod calls;
mod client;
mod complete;
mod config;
mod dev;
mod doctor;
mod events;
mod exit;
mod graph;
mod keys;
mod llm;
mod mcp;
mod migrate;
mod openapi;
mod output;
mod serve;
mod spoke;
mod typing;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};
use exit::{Exit, Failure};

/// The type of every command's end: `Ok` with its code, or what went wrong.
type End = Result<Exit, Failure>;

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse().and_then(args::check) {
        Ok(cli) => cli,
        Err(error) => {
            // `--help | head` closes the pipe early, which is no fault.
            let _unread = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or_else(|_| Exit::Usage.code()));
        }
    };
    let json = cli.command.as_ref().is_some_and(Command::wants_json);
    match run(cli) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            failure.print(json);
            failure.exit.into()
        }
    }
}

fn run(cli: Cli) -> End {
    let global = cli.global;
    match cli.command {
        None => serve::run(&global, &cli.serve),
        Some(Command::Serve(args)) => serve::run(&global, &args),
        Some(Command::Call(args)) => block_on(call::run(args)),
        Some(Command::Calls(args)) => block_on(calls::run(args)),
        Some(Command::Events(args)) => block_on(events::run(args)),
        Some(Command::Graph(args)) => block_on(graph::run(args)),
        Some(Command::Llm(args)) => block_on(llm::run(args)),
        Some(Command::Spoke(args)) => spoke::run(args),
        Some(Command::Dev(args)) => dev::run(&global, &args),
        Some(Command::Keys(args)) => block_on(keys::run(&global, args)),
        Some(Command::Migrate(args)) => block_on(migrate::run(&global, args)),
        Some(Command::Config(args)) => config::run(&global, &args),
        Some(Command::Mcp(args)) => mcp::run(args),
        Some(Command::Doctor(args)) => block_on(doctor::run(&global, args)),
        Some(Command::Completions(args)) => complete::run(&args),
        Some(Command::Openapi) => openapi::run(),
    }
}

/// Runs a command that is not the hub itself; Ctrl-C ends it at once.
fn block_on(command: impl Future<Output = End>) -> End {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("the runtime cannot start: {error}")))?;
    let end = runtime.block_on(async {
        tokio::select! {
            end = command => end,
            Ok(()) = tokio::signal::ctrl_c() => Ok(Exit::Interrupted),
        }
    });
    runtime.shutdown_background();
    end
}
