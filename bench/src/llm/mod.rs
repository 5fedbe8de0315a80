//! The proxy to language models: what it adds to requests, and its throughput, against nginx and LiteLLM.

mod memory;
mod pace;
mod upstream;
mod ways;
mod whole;
mod work;

use std::{collections::BTreeMap, path::Path, time::Duration};

use crate::{
    drive::Load,
    measure::{middle, summary},
};

pub(crate) use upstream::serve;

use self::{
    pace::Paced,
    ways::{Way, Ways},
    work::Work,
};

pub(crate) type End<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// What to measure, and for how long.
pub(crate) struct Wanted<'a> {
    /// latency, throughput, memory.
    pub(crate) only: &'a [String],
    /// Seconds of each measurement.
    pub(crate) seconds: u32,
    /// Rounds, of which the median counts.
    pub(crate) rounds: usize,
    /// Requests a second where latency is measured.
    pub(crate) rate: u32,
    /// Connections where throughput is.
    pub(crate) connections: u32,
    /// Chunks of the measurement of memory.
    pub(crate) chunks: usize,
    /// A Python that has `litellm[proxy]`.
    pub(crate) litellm: Option<&'a Path>,
}

/// Runs the chosen measurements, each of which prints a Markdown table.
pub(crate) fn run(wanted: &Wanted<'_>) -> End {
    let ways = Ways::start(wanted.litellm)?;
    for what in wanted.only {
        match what.as_str() {
            "latency" => latency(wanted, &ways)?,
            "throughput" => throughput(wanted, &ways)?,
            "memory" => memory::run(&ways, wanted.chunks)?,
            other => return Err(format!("{other}: not one of latency, throughput, memory").into()),
        }
        println!();
    }
    Ok(())
}

/// At a fixed rate, the same for all.
fn latency(wanted: &Wanted<'_>, ways: &Ways) -> End {
    println!(
        "| work | requests/s | way | first byte p50 ms | p50 ms | p99 ms | spread of p50 | spread of p99 | added p50 | added p99 |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    for work in Work::ALL {
        let rate = work.rate(wanted.rate);
        let mut paced: BTreeMap<&str, Vec<Paced>> = BTreeMap::new();
        let kinds = [Way::Direct, Way::Nginx, Way::Hub];
        for round in 0..wanted.rounds {
            for turn in 0..kinds.len() {
                let way = kinds[(turn + round) % kinds.len()];
                let target = ways.target(way)?;
                let second = Duration::from_secs(1);
                pace::run(&target, work, Some(rate), second)?;
                let found = pace::run(&target, work, Some(rate), Duration::from_secs(wanted.seconds.into()))?;
                paced.entry(way.name()).or_default().push(found);
            }
        }
        let column = |way: Way, of: fn(&Paced) -> f64| {
            let mut values: Vec<f64> = paced[way.name()].iter().map(of).collect();
            values.sort_by(f64::total_cmp);
            values
        };
        for way in kinds {
            let (p50, p99) = (column(way, |paced| paced.p50), column(way, |paced| paced.p99));
            let added = |of: fn(&Paced) -> f64| middle(&column(way, of)) - middle(&column(Way::Direct, of));
            let spread = |values: &[f64]| {
                format!("{:.3} to {:.3}", values[0], values.last().copied().unwrap_or_default())
            };
            println!(
                "| {} | {:.0} | {} | {:.3} | {:.3} | {:.3} | {} | {} | {:.3} | {:.3} |",
                work.name(),
                middle(&column(way, |paced| paced.rate)),
                way.name(),
                middle(&column(way, |paced| paced.first)),
                middle(&p50),
                middle(&p99),
                spread(&p50),
                spread(&p99),
                added(|paced| paced.p50),
                added(|paced| paced.p99),
            );
        }
    }
    Ok(())
}

/// As fast as they are answered.
fn throughput(wanted: &Wanted<'_>, ways: &Ways) -> End {
    println!(
        "| work | way | words, in events | requests/s | spread | p50 ms | p99 ms | rate / direct | rate / nginx | rate / litellm |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    let mut kinds = vec![Way::Direct, Way::Nginx, Way::Hub];
    if wanted.litellm.is_some() {
        kinds.push(Way::LiteLlm);
    }
    for work in Work::ALL {
        let mut loads: BTreeMap<&str, Vec<Load>> = BTreeMap::new();
        for round in 0..wanted.rounds {
            for turn in 0..kinds.len() {
                let way = kinds[(turn + round) % kinds.len()];
                let target = ways.target(way)?;
                // LiteLLM answers fewer at once; more connections would only wait.
                let connections = wanted.connections;
                target.load(work, connections, 1)?;
                loads.entry(way.name()).or_default().push(target.load(work, connections, wanted.seconds)?);
            }
        }
        let base = |way: Way| loads.get(way.name()).map(|loads| summary(loads).rate);
        for way in &kinds {
            let own = summary(&loads[way.name()]);
            let ratio =
                |way: Way| base(way).map_or_else(|| "-".to_owned(), |base| format!("{:.2}", own.rate / base));
            let (words, events) = whole::run(&ways.target(*way)?, work)?;
            println!(
                "| {} | {} | {words}, {events} | {:.0} | {:.0} to {:.0} | {:.3} | {:.3} | {} | {} | {} |",
                work.name(),
                way.name(),
                own.rate,
                own.low,
                own.high,
                own.p50,
                own.p99,
                ratio(Way::Direct),
                ratio(Way::Nginx),
                ratio(Way::LiteLlm),
            );
        }
    }
    Ok(())
}
