//! The call protocol under load.

mod abort;
pub(crate) mod clock;
mod echo;
mod forward;
mod idle;
mod nats;
mod peers;
mod restart;
mod stream;
mod wire;

pub(crate) type End<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// Runs the chosen measurements, each of which prints a Markdown table.
pub(crate) fn run(only: &[String], seconds: u32, rounds: usize, idle: usize) -> End {
    for what in only {
        // One thread, as wrk has, so that the server is left a core.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let local = tokio::task::LocalSet::new();
        local.block_on(&runtime, async {
            match what.as_str() {
                "echo" => echo::run(seconds, rounds).await,
                "forward" => forward::run(seconds, rounds).await,
                "nats" => nats::run(seconds, rounds).await,
                "idle" => idle::run(idle).await,
                "stream" => stream::run(rounds).await,
                "abort" => abort::run(rounds * 10).await,
                "restart" => restart::run(1000).await,
                other => {
                    Err(format!("{other}: not one of echo, forward, nats, idle, stream, abort, restart")
                        .into())
                }
            }
        })?;
        println!();
    }
    Ok(())
}
