//! One publisher, many readers: the hub's server-sent events against Redis' subscribers.

use std::{collections::BTreeMap, process::Stdio, time::Instant};

use super::{
    publish::{CHANNEL, Publisher},
    readers::Readers,
};
use crate::{
    drive::Served,
    measure::middle,
    process::{cpu, resident},
    servers::KEY,
    spokes::End,
};

/// Connections of the publisher that does not wait.
const CROWD: usize = 16;

/// A server with its readers and its publisher's connections.
struct Side {
    readers: Readers,
    publishers: Vec<Publisher>,
    pid: u32,
}

/// What a round found.
struct Round {
    /// Events delivered a second, to all readers together.
    rate: f64,
    /// Processor seconds of the server for a million of them.
    cpu: f64,
}

pub(super) async fn run(readers: usize, events: usize, rounds: usize) -> End {
    let needed = u64::try_from(readers * 2 + 200)?;
    let allowed = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    if allowed.is_some_and(|allowed| allowed < needed) {
        return Err(format!("{needed} file descriptors are needed; say `ulimit -n {needed}` first").into());
    }
    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let redis = tokio::process::Command::new("redis-server")
        .args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", "", "--appendonly", "no"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("redis-server (Debian's package) cannot be started: {error}"))?;
    let server = Served::start("hub-alone")?;
    // The first reader and event make what all of them share.
    let hello = format!("GET /api/events HTTP/1.1\r\nhost: hub\r\nauthorization: Bearer {KEY}\r\n\r\n");
    let first = Readers::connect(server.address(), 1, &hello, b"hub.position").await?;
    Publisher::hub(server.address()).await?.publish().await?;
    first.have(1).await?;
    let before = resident(server.pid())?;
    let hub = Side {
        readers: Readers::connect(server.address(), readers, &hello, b"hub.position").await?,
        publishers: Vec::new(),
        pid: server.pid(),
    };
    let connected = resident(server.pid())?;
    let address = format!("127.0.0.1:{port}");
    let subscribe = format!("*2\r\n$9\r\nSUBSCRIBE\r\n${}\r\n{CHANNEL}\r\n", CHANNEL.len());
    let redis = Side {
        readers: Readers::connect(&address, readers, &subscribe, b":1\r\n").await?,
        publishers: Vec::new(),
        pid: redis.id().ok_or("redis has ended")?,
    };
    let mut sides = [("hub", hub), ("redis", redis)];
    println!("| publisher | server | events/s delivered | spread | processor s a million | rate / redis |");
    println!("| --- | --- | --- | --- | --- | --- |");
    for (work, waits) in [("waits until all have it", true), ("16 at once", false)] {
        let mut found: BTreeMap<&str, Vec<Round>> = BTreeMap::new();
        // Anew for each, because the hub ends connections that say nothing for long.
        for (name, side) in &mut sides {
            side.publishers = match *name {
                "hub" => crowd(async || Publisher::hub(server.address()).await).await?,
                _ => crowd(async || Publisher::redis(&address).await).await?,
            };
        }
        for round in 0..=rounds {
            for (name, side) in &mut sides {
                let result = if waits { one_by_one(side, events).await } else { at_once(side, events).await };
                // The first is for caches to settle.
                if round > 0 {
                    found.entry(name).or_default().push(result?);
                }
            }
            sides.reverse();
        }
        let base = column(&found["redis"], |round| round.rate);
        for (name, rounds) in &found {
            let (rates, cpu) = (column(rounds, |round| round.rate), column(rounds, |round| round.cpu));
            println!(
                "| {work} | {name} | {:.0} | {:.0} to {:.0} | {:.2} | {:.2} |",
                middle(&rates),
                rates.first().copied().unwrap_or_default(),
                rates.last().copied().unwrap_or_default(),
                middle(&cpu),
                middle(&rates) / middle(&base)
            );
        }
    }
    let after = resident(server.pid())?;
    println!("\n| readers | hub before | KB a reader, connected | KB a reader, after all events |");
    println!("| --- | --- | --- | --- |");
    #[allow(clippy::cast_precision_loss, reason = "figures for people")]
    let each = |kilobytes: u64| kilobytes.saturating_sub(before) as f64 / readers as f64;
    println!("| {readers} | {} MB | {:.1} | {:.1} |", before / 1024, each(connected), each(after));
    Ok(())
}

async fn crowd(connect: impl AsyncFn() -> End<Publisher>) -> End<Vec<Publisher>> {
    let mut all = Vec::with_capacity(CROWD);
    for _ in 0..CROWD {
        all.push(connect().await?);
    }
    Ok(all)
}

/// Each event is published when everybody has the one before.
async fn one_by_one(side: &mut Side, events: usize) -> End<Round> {
    let begun = (Instant::now(), cpu(side.pid)?);
    for _ in 0..events {
        let wanted = side.readers.events() + side.readers.count;
        side.publishers[0].publish().await?;
        side.readers.have(wanted).await?;
    }
    round(side, events, begun)
}

/// As fast as the server takes them.
async fn at_once(side: &mut Side, events: usize) -> End<Round> {
    let begun = (Instant::now(), cpu(side.pid)?);
    let wanted = side.readers.events() + side.readers.count * events;
    let left = std::cell::Cell::new(events);
    let publishing = side.publishers.iter_mut().map(async |publisher| -> End {
        while left.get() > 0 {
            left.set(left.get() - 1);
            publisher.publish().await?;
        }
        Ok(())
    });
    let (published, all) =
        futures::join!(futures::future::try_join_all(publishing), side.readers.have(wanted));
    published?;
    all?;
    round(side, events, begun)
}

#[allow(clippy::cast_precision_loss, reason = "a rate")]
fn round(side: &Side, events: usize, (begun, worked): (Instant, f64)) -> End<Round> {
    let delivered = (events * side.readers.count) as f64;
    Ok(Round {
        rate: delivered / begun.elapsed().as_secs_f64(),
        cpu: (cpu(side.pid)? - worked) * 1e6 / delivered,
    })
}

fn column(rounds: &[Round], of: fn(&Round) -> f64) -> Vec<f64> {
    let mut values: Vec<f64> = rounds.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    values
}
