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
            let mut order = ["hub-alone", "poem-websocket"];
            if round % 2 == 1 {
                order.reverse();
            }
            for kind in order {
                loads.entry(kind).or_default().push(load(kind, connections, seconds).await?);
            }
        }
        let base = summary(&loads["poem-websocket"]);
        for kind in ["hub-alone", "poem-websocket"] {
            let own = summary(&loads[kind]);
            println!(
                "| {connections} | {} | {:.0} | {:.0} to {:.0} | {:.3} | {:.3} | {:.2} | {:.2} |",
                kind.trim_end_matches("-alone"),
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
    let through_hub = kind == "hub-alone";
    if through_hub {
        // As many as there are callers, up to a handful: the plain id spreads the calls.
        serve(server.address(), connections.min(8))?;
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
    Ok(clock.load())
}

/// Spokes in a thread of their own, as they would be another program; they end with the server.
fn serve(address: &str, count: usize) -> End {
    let (address, (ready, registered)) = (address.to_owned(), std::sync::mpsc::channel());
    std::thread::spawn(move || {
        let work = async {
            let mut spokes = Vec::new();
            for number in 0..count {
                let mut spoke = Wire::connect(&address).await?;
                spoke.register(&format!("spoke{number}"), 1).await?;
                spokes.push(spoke.serve());
            }
            // Nobody waits for it any more if this fails.
            let _ = ready.send(());
            futures::future::join_all(spokes).await;
            End::Ok(())
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(work).map_err(|error| std::io::Error::other(error.to_string()))
    });
    registered.recv().map_err(|_| "the spokes did not register".into())
}
