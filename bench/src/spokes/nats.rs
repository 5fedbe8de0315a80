//! Calls between two programs through the hub, against request and reply through nats-server with its own client.

use std::{collections::BTreeMap, process::Stdio, time::Duration};

use alkhub_core::peer::Outgoing;
use futures::StreamExt;

use super::{End, clock::Clock, peers, wire::PAYLOAD};
use crate::{
    drive::{Load, Served},
    measure::summary,
};

pub(super) async fn run(seconds: u32, rounds: usize) -> End {
    println!("| callers | server | calls/s | spread | p50 ms | p99 ms | rate / nats |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    for callers in [1, 16, 256] {
        let mut loads: BTreeMap<&str, Vec<Load>> = BTreeMap::new();
        for round in 0..rounds {
            for turn in 0..2 {
                if (turn + round) % 2 == 0 {
                    loads.entry("hub").or_default().push(through_hub(callers, seconds).await?);
                } else {
                    loads.entry("nats").or_default().push(through_nats(callers, seconds).await?);
                }
            }
        }
        let base = summary(&loads["nats"]);
        for kind in ["hub", "nats"] {
            let own = summary(&loads[kind]);
            println!(
                "| {callers} | {kind} | {:.0} | {:.0} to {:.0} | {:.3} | {:.3} | {:.2} |",
                own.rate,
                own.low,
                own.high,
                own.p50,
                own.p99,
                own.rate / base.rate
            );
        }
    }
    Ok(())
}

/// All callers share a connection, as they do with the other client.
async fn through_hub(callers: usize, seconds: u32) -> End<Load> {
    let server = Served::start("hub-alone")?;
    let spoke = peers::connect(server.address()).await?;
    peers::register(&spoke, "other", &[("echo", "query")]).await?;
    let client = peers::connect(server.address()).await?;
    let input = bytes(
        r#"{"text":"hello, this is a call of about a hundred bytes, which is what a small question has"}"#,
    );
    let clock = Clock::new(seconds);
    let calling = (0..callers).map(|_| {
        clock.drive(async || {
            let request = Outgoing::new("other.kit.echo", input.clone());
            client.call(request).await.map(drop).map_err(|error| error.to_string().into())
        })
    });
    for done in futures::future::join_all(calling).await {
        done?;
    }
    Ok(clock.load())
}

async fn through_nats(callers: usize, seconds: u32) -> End<Load> {
    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let mut server = tokio::process::Command::new("nats-server")
        .args(["-a", "127.0.0.1", "-p", &port.to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("nats-server (Debian's package) cannot be started: {error}"))?;
    let address = format!("nats://127.0.0.1:{port}");
    let connect = async || loop {
        match async_nats::connect(&address).await {
            Ok(client) => return client,
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    };
    let other = connect().await;
    let mut asked = other.subscribe("other.echo").await?;
    other.flush().await?;
    let serving = tokio::spawn(async move {
        while let Some(message) = asked.next().await {
            if let Some(reply) = message.reply {
                // The asker has gone.
                let _ = other.publish(reply, message.payload).await;
            }
        }
    });
    let client = connect().await;
    let clock = Clock::new(seconds);
    let calling = (0..callers).map(|_| {
        clock.drive(async || {
            client
                .request("other.echo", bytes(PAYLOAD))
                .await
                .map(drop)
                .map_err(|error| error.to_string().into())
        })
    });
    for done in futures::future::join_all(calling).await {
        done?;
    }
    serving.abort();
    server.kill().await?;
    Ok(clock.load())
}

fn bytes(text: &'static str) -> axum::body::Bytes {
    axum::body::Bytes::from_static(text.as_bytes())
}
