//! Rounds of measurements, interleaved so that drift of the machine meets every server alike.

use std::collections::BTreeMap;

use crate::drive::{Load, Served};

const SERVERS: [&str; 3] = ["hub", "poem", "axum"];

/// Prints a Markdown table of medians and ratios.
pub(crate) fn run(
    seconds: u32,
    rounds: usize,
    connections: &[u32],
) -> Result<(), Box<dyn std::error::Error>> {
    println!(
        "| work | connections | server | requests/s | spread | p50 ms | p99 ms | rate / poem | p99 / poem |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    for what in ["echo", "ingest"] {
        for &count in connections {
            let mut loads: BTreeMap<&str, Vec<Load>> = BTreeMap::new();
            for round in 0..rounds {
                for turn in 0..SERVERS.len() {
                    let kind = SERVERS[(turn + round) % SERVERS.len()];
                    let server = Served::start(kind)?;
                    // Caches, pools and branch predictors settle first.
                    server.load(what, count, 1)?;
                    loads.entry(kind).or_default().push(server.load(what, count, seconds)?);
                }
            }
            let base = summary(&loads["poem"]);
            for kind in SERVERS {
                let own = summary(&loads[kind]);
                println!(
                    "| {what} | {count} | {kind} | {:.0} | {:.0} to {:.0} | {:.2} | {:.2} | {:.2} | {:.2} |",
                    own.rate,
                    own.low,
                    own.high,
                    own.p50,
                    own.p99,
                    own.rate / base.rate,
                    own.p99 / base.p99
                );
            }
        }
    }
    Ok(())
}

/// Medians of several rounds, and the spread of the rates.
pub(crate) struct Summary {
    pub(crate) rate: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

pub(crate) fn summary(loads: &[Load]) -> Summary {
    let column = |of: fn(&Load) -> f64| {
        let mut values: Vec<f64> = loads.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values
    };
    let rates = column(|load| load.rate);
    Summary {
        rate: middle(&rates),
        low: rates.first().copied().unwrap_or_default(),
        high: rates.last().copied().unwrap_or_default(),
        p50: middle(&column(|load| load.p50)),
        p99: middle(&column(|load| load.p99)),
    }
}

/// The median of sorted values.
pub(crate) fn middle(sorted: &[f64]) -> f64 {
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}
