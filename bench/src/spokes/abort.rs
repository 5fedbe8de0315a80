//! How soon a caller knows that the spoke that runs its call has gone.

use std::time::{Duration, Instant};

use super::{End, wire::Wire};
use crate::{drive::Served, measure::middle};

pub(super) async fn run(trials: usize) -> End {
    let server = Served::start("hub-alone")?;
    let mut client = Wire::connect(server.address()).await?;
    let mut times = Vec::new();
    for _ in 0..trials {
        let mut spoke = Wire::connect(server.address()).await?;
        spoke.register("doomed", 1).await?;
        client
            .send(r#"{"type":"call.requested","id":"","payload":{"requestId":"c","operationId":"doomed.bench.echo","input":{"text":"x"}}}"#.to_owned())
            .await?;
        spoke.next().await?;
        let begun = Instant::now();
        // The socket ends as it does when a process is killed.
        drop(spoke);
        let answer = client.next().await?;
        if !answer.contains("spoke_disconnected") {
            return Err(answer.into());
        }
        times.push(begun.elapsed().as_secs_f64() * 1000.0);
        // The hub should have forgotten the spoke before the next comes.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    times.sort_by(f64::total_cmp);
    println!("| from a spoke's end to the caller's ABORTED, {trials} times | median ms | worst ms |");
    println!("| --- | --- | --- |");
    println!("| | {:.2} | {:.2} |", middle(&times), times.last().copied().unwrap_or_default());
    Ok(())
}
