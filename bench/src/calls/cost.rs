//! The same load on hubs that record nothing, who called what, and all of it, in turns.

use std::collections::BTreeMap;

use crate::{
    drive::{Load, Served},
    events::Postgres,
    measure::summary,
    servers::KEY,
    spokes::End,
};

const RECORDED: [&str; 3] = ["off", "metadata", "declared"];
/// Connections of the load.
const CONNECTIONS: u32 = 32;

/// Prints rates, and their ratios to that of a hub that records nothing. What was dropped because the database was
/// slower than the calls is told beside them.
pub(super) fn run(seconds: u32, rounds: usize) -> End {
    println!(
        "| database | work | recorded | requests/s | p50 ms | p99 ms | rate / off | p99 / off | written | dropped |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    for database in ["sqlite", "postgres"] {
        let postgres = (database == "postgres").then(Postgres::start).transpose()?;
        for work in ["query", "mutation"] {
            let mut loads: BTreeMap<&str, Vec<Load>> = BTreeMap::new();
            let mut told: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
            for round in 0..rounds {
                for turn in 0..RECORDED.len() {
                    let recorded = RECORDED[(turn + round) % RECORDED.len()];
                    let url = postgres.as_ref().map(|postgres| &*postgres.url);
                    let server = Served::start_recording(recorded, url)?;
                    let (path, lua) = script(work);
                    server.load_script(path, &lua, CONNECTIONS, 1)?;
                    loads.entry(recorded).or_default().push(server.load_script(
                        path,
                        &lua,
                        CONNECTIONS,
                        seconds,
                    )?);
                    let (written, dropped) = outcomes(server.address())?;
                    let sum = told.entry(recorded).or_default();
                    (sum.0, sum.1) = (sum.0 + written, sum.1 + dropped);
                }
            }
            let base = summary(&loads["off"]);
            for recorded in RECORDED {
                let (own, (written, dropped)) = (summary(&loads[recorded]), told[recorded]);
                println!(
                    "| {database} | {work} | {recorded} | {:.0} | {:.2} | {:.2} | {:.2} | {:.2} | {written:.0} | {dropped:.0} |",
                    own.rate,
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

fn script(work: &str) -> (&'static str, String) {
    let headers = format!("wrk.headers['authorization'] = 'Bearer {KEY}'\n");
    if work == "query" {
        return ("/api/kit/live", headers);
    }
    let body = "wrk.method = 'POST'\nwrk.headers['content-type'] = 'application/json'\nwrk.body = '{}'\n";
    ("/api/kit/spend", headers + body)
}

/// Records that were written, and that were dropped.
fn outcomes(address: &str) -> End<(f64, f64)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let text = runtime.block_on(async {
        let asked = reqwest::Client::new().get(format!("http://{address}/metrics")).bearer_auth(KEY);
        asked.send().await?.text().await
    })?;
    let of = |outcome: &str| {
        let name = format!("alkhub_calls_recorded_total{{outcome=\"{outcome}\"}} ");
        text.lines().find_map(|line| line.strip_prefix(&name)?.parse().ok()).unwrap_or(0.0)
    };
    Ok((of("written"), of("dropped")))
}
