//! Load and latency of the hub against the same handlers written by hand, in one run. `docs/benchmarks.md` has the
//! command and the results.

mod calls;
mod drive;
mod events;
mod llm;
mod mcp;
mod mcpimport;
mod measure;
mod process;
mod servers;
mod spokes;
mod startup;

use clap::{Parser, Subcommand};

/// The hub's own, for the baselines too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Compare the hub with the baselines
    Run {
        /// Seconds of load for each measurement
        #[arg(long, default_value_t = 6)]
        seconds: u32,
        /// Rounds, of which the median counts
        #[arg(long, default_value_t = 5)]
        rounds: usize,
        /// Connections of the load generator
        #[arg(long, value_delimiter = ',', default_value = "16,64")]
        connections: Vec<u32>,
    },
    /// Measure start and resident memory of the given binary
    Startup {
        /// The release build of the hub
        #[arg(long, default_value = "target/release/alkhub")]
        binary: std::path::PathBuf,
        /// Starts to measure
        #[arg(long, default_value_t = 20)]
        runs: usize,
    },
    /// Compare calls between spokes with a bare echo and with NATS, and measure idle spokes, streams, restarts
    Spokes {
        /// Only these: echo, forward, nats, idle, stream, abort, restart
        #[arg(long, value_delimiter = ',', default_value = "echo,forward,nats,idle,stream,abort,restart")]
        only: Vec<String>,
        /// Seconds of load for each measurement
        #[arg(long, default_value_t = 4)]
        seconds: u32,
        /// Rounds, of which the median counts
        #[arg(long, default_value_t = 5)]
        rounds: usize,
        /// Idle spokes
        #[arg(long, default_value_t = 10_000)]
        idle: usize,
    },
    /// Compare calls of an MCP tool through the hub with calls of its server
    Mcpimport {
        /// Calls of each measurement
        #[arg(long, default_value_t = 2000)]
        calls: usize,
        /// Rounds, of which the median counts
        #[arg(long, default_value_t = 5)]
        rounds: usize,
    },
    /// Compare calls of MCP tools with bare servers, and measure search among many operations
    Mcp {
        /// Only these: call, search
        #[arg(long, value_delimiter = ',', default_value = "call,search")]
        only: Vec<String>,
        /// Seconds of load for each measurement
        #[arg(long, default_value_t = 4)]
        seconds: u32,
        /// Rounds, of which the median counts
        #[arg(long, default_value_t = 5)]
        rounds: usize,
        /// A Python that has the package `fastmcp`; without it that server is left out
        #[arg(long)]
        python: Option<std::path::PathBuf>,
        /// Operations to search among
        #[arg(long, default_value_t = 10_000)]
        operations: usize,
    },
    /// Compare the events' fan-out with Redis, and a change that is told of with one that is not
    Events {
        /// Only these: fanout, append
        #[arg(long, value_delimiter = ',', default_value = "fanout,append")]
        only: Vec<String>,
        /// Readers of the fan-out; each takes a file descriptor here and one of the server
        #[arg(long, default_value_t = 5000)]
        readers: usize,
        /// Events of a round of the fan-out
        #[arg(long, default_value_t = 100)]
        events: usize,
        /// Seconds of each measurement of appending
        #[arg(long, default_value_t = 3)]
        seconds: u32,
        /// Rounds, of which the median counts
        #[arg(long, default_value_t = 5)]
        rounds: usize,
    },
    /// Compare hubs that record calls with one that does not, and find calls among many
    Calls {
        /// Only these: cost, find
        #[arg(long, value_delimiter = ',', default_value = "cost,find")]
        only: Vec<String>,
        /// Calls to find others among
        #[arg(long, default_value_t = 10_000_000)]
        rows: u64,
        /// Seconds of load for each measurement
        #[arg(long, default_value_t = 4)]
        seconds: u32,
        /// Rounds, of which the median counts
        #[arg(long, default_value_t = 5)]
        rounds: usize,
    },
    /// Compare requests to language models through the hub with direct ones, nginx and LiteLLM
    Llm {
        /// Only these: latency, throughput, memory
        #[arg(long, value_delimiter = ',', default_value = "latency,throughput,memory")]
        only: Vec<String>,
        /// Seconds of load for each measurement
        #[arg(long, default_value_t = 4)]
        seconds: u32,
        /// Rounds, of which the median counts
        #[arg(long, default_value_t = 5)]
        rounds: usize,
        /// Short requests a second where latency is measured; long ones are a quarter, streams a hundredth
        #[arg(long, default_value_t = 2000)]
        rate: u32,
        /// Connections where throughput is measured
        #[arg(long, default_value_t = 64)]
        connections: u32,
        /// Chunks to relay while memory is watched
        #[arg(long, default_value_t = 1_000_000)]
        chunks: usize,
        /// A Python that has the package `litellm[proxy]`; without it that proxy is left out
        #[arg(long, value_name = "PYTHON_WITH_LITELLM")]
        litellm: Option<std::path::PathBuf>,
    },
    /// Serve: the hub, bare poem or bare axum (used by the others)
    Serve {
        /// hub, mcp, llm-upstream, poem, axum, poem-websocket, rmcp or rmcp-sessions
        kind: String,
        /// Where the hub keeps its data
        #[arg(long)]
        data: std::path::PathBuf,
    },
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    match Cli::parse().command {
        Command::Run { seconds, rounds, connections } => measure::run(seconds, rounds, &connections),
        Command::Spokes { only, seconds, rounds, idle } => spokes::run(&only, seconds, rounds, idle),
        Command::Mcpimport { calls, rounds } => mcpimport::run(calls, rounds),
        Command::Mcp { only, seconds, rounds, python, operations } => {
            mcp::run(&only, seconds, rounds, python.as_deref(), operations)
        }
        Command::Events { only, readers, events, seconds, rounds } => {
            events::run(&only, (readers, events), seconds, rounds)
        }
        Command::Calls { only, rows, seconds, rounds } => calls::run(&only, rows, seconds, rounds),
        Command::Llm { only, seconds, rounds, rate, connections, chunks, litellm } => {
            let litellm = litellm.as_deref();
            llm::run(&llm::Wanted { only: &only, seconds, rounds, rate, connections, chunks, litellm })
        }
        Command::Startup { binary, runs } => startup::run(&binary, runs),
        Command::Serve { kind, data } => servers::serve(&kind, data),
    }
}
