//! A hub that is killed and starts again under a thousand spokes: when each is back.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use alkhub::spoke::{self, Event, Settings};
use alkhub_core::{Engine, Registry, engine, peer};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use super::End;
use crate::{drive::Served, servers::KEY};

/// Width of a bar of the histogram.
const STEP: Duration = Duration::from_millis(200);

pub(super) async fn run(count: usize) -> End {
    let server = Served::start("hub-alone")?;
    let hub: reqwest::Url = format!("http://{}", server.address()).parse()?;
    let (back, tries) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
    let stop = CancellationToken::new();
    for number in 0..count {
        let settings = Settings {
            hub: hub.clone(),
            key: KEY.to_owned().into(),
            id: Some(format!("spoke{number}")),
            kind: "bench".to_owned(),
            metadata: serde_json::Map::new(),
            limits: peer::Limits::default(),
        };
        let mut registry = Registry::new();
        alkhub_testkit::api::register(&Arc::new(alkhub_testkit::Kit::default()), &mut registry);
        let engine = Engine::new(registry, engine::Limits::default(), Vec::new());
        let (back, tries, stop) = (back.clone(), tries.clone(), stop.clone());
        tokio::spawn(async move {
            let watch = move |event: Event| match event {
                Event::Registered(_) => back.lock().push(Instant::now()),
                Event::Lost { pause, .. } => tries.lock().push(Instant::now() + pause),
            };
            spoke::run(settings, engine, stop, watch).await
        });
    }
    wait(&back, count).await?;
    back.lock().clear();
    tries.lock().clear();
    let killed = Instant::now();
    let server = server.restart()?;
    let up = killed.elapsed();
    wait(&back, count).await?;
    let mut times: Vec<_> = back.lock().iter().map(|time| *time - killed).collect();
    times.sort_unstable();
    println!(
        "{count} spokes with ten operations each; the hub was killed and listened again after {} ms. All were back after {:.2} s, half of them after {:.2} s.",
        up.as_millis(),
        times.last().map_or(0.0, Duration::as_secs_f64),
        times.get(times.len() / 2).map_or(0.0, Duration::as_secs_f64)
    );
    println!("\n| seconds after the kill | tries to connect | back |\n| --- | --- | --- |");
    let tries: Vec<_> = tries.lock().iter().map(|time| time.saturating_duration_since(killed)).collect();
    let last = times.last().copied().unwrap_or_default();
    let mut from = Duration::ZERO;
    while from <= last {
        let within =
            |times: &[Duration]| times.iter().filter(|time| (from..from + STEP).contains(*time)).count();
        println!("| {:.1} | {} | {} |", from.as_secs_f64(), within(&tries), within(&times));
        from += STEP;
    }
    stop.cancel();
    drop(server);
    Ok(())
}

async fn wait(back: &Mutex<Vec<Instant>>, count: usize) -> End {
    let begun = Instant::now();
    while back.lock().len() < count {
        if begun.elapsed() > Duration::from_secs(120) {
            return Err(format!("only {} of {count} are there", back.lock().len()).into());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}
