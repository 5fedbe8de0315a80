//! A call through the hub to another spoke and back, four messages, against a bare poem WebSocket that sends back what
//! it gets, two messages; with the same payload and the same number of calling connections.

use std::collections::BTreeMap;

use super::{
    End,
    clock::Clock,
    wire::{PAYLOAD, Wire},
};
use crate::{
    drive::{Load, Served},
    measure::summary,
};

pub(super) async fn run(seconds: u32, rounds: usize) -> End {
    println!("| connections | server | calls/s | spread | p50 ms | p99 ms | rate / echo | p50 / echo |");
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    for connections in [1, 16, 64] {
        let mut loads: BTreeMap<&str, Vec<Load>> = BTreeMap::new();
        for round in 0..rounds {
            let mut order = ["hub", "poem-websocket"];
            if round % 2 == 1 {
                order.reverse();
            }
            for kind in order {
                loads.entry(kind).or_default().push(load(kind, connections, seconds).await?);
            }
        }
        let base = summary(&loads["poem-websocket"]);
        for kind in ["hub", "poem-websocket"] {
            let own = summary(&loads[kind]);
            println!(
                "| {connections} | {kind} | {:.0} | {:.0} to {:.0} | {:.3} | {:.3} | {:.2} | {:.2} |",
                own.rate,
                own.low,
                own.high,
                own.p50,
                own.p99,
                own.rate / base.rate,
                own.p50 / base.p50
            );
        }
    }
    Ok(())
}

async fn load(kind: &str, connections: usize, seconds: u32) -> End<Load> {
    let server = Served::start(kind)?;
    let through_hub = kind == "hub";
    let mut spokes = Vec::new();
    if through_hub {
        // As many as there are callers, up to a handful: the plain id spreads the calls.
        for number in 0..connections.min(8) {
            let mut spoke = Wire::connect(server.address()).await?;
            spoke.register(&format!("spoke{number}"), 1).await?;
            spokes.push(tokio::task::spawn_local(
                async move { spoke.serve().await.map_err(|e| e.to_string()) },
            ));
        }
    }
    let clock = Clock::new(seconds);
    let mut callers = Vec::new();
    for _ in 0..connections {
        let (mut wire, clock) = (Wire::connect(server.address()).await?, clock.clone());
        callers.push(async move {
            let mut number = 0_u64;
            clock
                .drive(async || {
                    if !through_hub {
                        wire.send(PAYLOAD.to_owned()).await?;
                        return wire.next().await.map(drop);
                    }
                    number += 1;
                    let request = format!(
                        r#"{{"type":"call.requested","id":"","payload":{{"requestId":"{number}","operationId":"bench.echo","input":{PAYLOAD}}}}}"#
                    );
                    wire.send(request).await?;
                    let answer = wire.next().await?;
                    if answer.contains("call.responded") { Ok(()) } else { Err(answer.into()) }
                })
                .await
        });
    }
    for done in futures::future::join_all(callers).await {
        done?;
    }
    spokes.iter().for_each(tokio::task::JoinHandle::abort);
    Ok(clock.load())
}
