//! Ten thousand spokes that only are there.

use std::time::Duration;

use futures::StreamExt;

use super::{End, wire::Wire};
use crate::{
    drive::Served,
    process::{cpu, resident},
};

/// Operations of each spoke.
const OPERATIONS: usize = 10;
/// How long the hub is watched: two heartbeats.
const WATCHED: Duration = Duration::from_secs(60);

pub(super) async fn run(count: usize) -> End {
    let server = Served::start("hub-alone")?;
    let mut first = Wire::connect(server.address()).await?;
    first.register("first", OPERATIONS).await?;
    let before = resident(server.pid())?;
    let mut spokes = Vec::with_capacity(count);
    for number in 0..count {
        let mut spoke = Wire::connect(server.address()).await?;
        spoke.register(&format!("idle{number}"), OPERATIONS).await?;
        spokes.push(tokio::task::spawn_local(async move {
            // Reading answers pings.
            while let Some(Ok(_)) = spoke.0.next().await {}
        }));
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    let (after, worked) = (resident(server.pid())?, cpu(server.pid())?);
    tokio::time::sleep(WATCHED).await;
    let busy = cpu(server.pid())? - worked;
    let later = resident(server.pid())?;
    let alive = spokes.iter().filter(|spoke| !spoke.is_finished()).count();
    #[allow(clippy::cast_precision_loss, reason = "figures for people")]
    let each = |kilobytes: u64| (kilobytes.saturating_sub(before)) as f64 / count as f64;
    println!(
        "| idle spokes | operations each | hub before | KB a spoke | KB a spoke after a minute | processor | connected |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    println!(
        "| {count} | {OPERATIONS} | {} MB | {:.1} | {:.1} | {:.2} % of a core | {alive} |",
        before / 1024,
        each(after),
        each(later),
        100.0 * busy / WATCHED.as_secs_f64()
    );
    Ok(())
}
