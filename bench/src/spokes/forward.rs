//! A call to a spoke of another process of the hub, through Redis, against the same call to one of the caller's own.

use std::{collections::BTreeMap, process::Stdio, time::Duration};

use alkhub_core::{Peer, peer::Outgoing};

use super::{End, clock::Clock, peers};
use crate::{
    drive::{Load, Served},
    measure::summary,
};

pub(super) async fn run(seconds: u32, rounds: usize) -> End {
    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let _redis = tokio::process::Command::new("redis-server")
        .args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", "", "--appendonly", "no"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("redis-server (Debian's package) cannot be started: {error}"))?;
    let (url, data) = (format!("redis://127.0.0.1:{port}"), tempfile::tempdir()?);
    let home = Served::start_of_several(data.path(), &url)?;
    let other = Served::start_of_several(data.path(), &url)?;
    let spoke = peers::connect(home.address()).await?;
    peers::register(&spoke, "far", &[("echo", "query")]).await?;
    let (near, far) = (peers::connect(home.address()).await?, peers::connect(other.address()).await?);
    known(&far).await?;
    println!("| callers | spoke of | calls/s | spread | p50 ms | p99 ms | p50 / own |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    for callers in [1, 16] {
        let mut loads: BTreeMap<&str, Vec<Load>> = BTreeMap::new();
        for round in 0..rounds {
            let mut order = [("its own process", &near), ("another process", &far)];
            if round % 2 == 1 {
                order.reverse();
            }
            for (name, client) in order {
                loads.entry(name).or_default().push(load(client, callers, seconds).await?);
            }
        }
        let base = summary(&loads["its own process"]);
        for (name, loads) in loads.iter().rev() {
            let own = summary(loads);
            println!(
                "| {callers} | {name} | {:.0} | {:.0} to {:.0} | {:.3} | {:.3} | {:.2} |",
                own.rate,
                own.low,
                own.high,
                own.p50,
                own.p99,
                own.p50 / base.p50
            );
        }
    }
    Ok(())
}

/// Waits until the other process knows of the spoke.
async fn known(client: &Peer) -> End {
    for _ in 0..500 {
        if call(client).await.is_ok() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    call(client).await
}

async fn call(client: &Peer) -> End {
    let input =
        r#"{"text":"hello, this is a call of about a hundred bytes, which is what a small question has"}"#;
    let answer = client.call(Outgoing::new("far.kit.echo", input)).await;
    answer.map(drop).map_err(|error| error.to_string().into())
}

async fn load(client: &Peer, callers: usize, seconds: u32) -> End<Load> {
    let clock = Clock::new(seconds);
    let calling = (0..callers).map(|_| clock.drive(async || call(client).await));
    for done in futures::future::join_all(calling).await {
        done?;
    }
    Ok(clock.load())
}
