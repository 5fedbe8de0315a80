//! A change that is told of against the same change that is not. The relay runs beside it, as in a hub.

use std::{
    cell::Cell,
    collections::BTreeMap,
    time::{Duration, Instant},
};

use alkhub::{
    config::{Config, Secret},
    events::{Events, Signs},
    storage::{
        Database, Receipt, outbox,
        projects::{self, Written},
    },
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::postgres::Postgres;
use crate::{
    drive::Load,
    measure::summary,
    spokes::{End, clock::Clock},
};

pub(super) async fn run(seconds: u32, rounds: usize) -> End {
    let (folder, postgres) = (tempfile::tempdir()?, Postgres::start()?);
    let file = format!("sqlite://{}", folder.path().join("bench.db").display());
    println!("| database | at once | change | changes/s | spread | p50 ms | p99 ms | rate / silent |");
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    for (name, url) in [("SQLite", &file), ("Postgres", &postgres.url)] {
        measure(name, url, seconds, rounds).await?;
    }
    Ok(())
}

async fn measure(name: &str, url: &str, seconds: u32, rounds: usize) -> End {
    let config = Config::default();
    let settings =
        alkhub::storage::Settings { url: Secret::from(url.to_owned()), ..config.database_settings() };
    let database = Database::connect(&settings).await?;
    database.migrate().await?;
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let _events =
        Events::start(database.clone(), config.event_settings(), Signs::new()?, &tasks, &stop).await?;
    for callers in [1, 16, 64] {
        let mut loads: BTreeMap<bool, Vec<Load>> = BTreeMap::new();
        for round in 0..rounds {
            for told in [round % 2 == 0, round % 2 == 1] {
                settle(&database).await?;
                loads.entry(told).or_default().push(load(&database, told, callers, seconds).await?);
            }
        }
        let base = summary(&loads[&false]);
        for (told, loads) in &loads {
            let own = summary(loads);
            println!(
                "| {name} | {callers} | {} | {:.0} | {:.0} to {:.0} | {:.3} | {:.3} | {:.2} |",
                if *told { "told" } else { "silent" },
                own.rate,
                own.low,
                own.high,
                own.p50,
                own.p99,
                own.rate / base.rate
            );
        }
    }
    stop.cancel();
    tasks.close();
    tasks.wait().await;
    database.close().await;
    Ok(())
}

/// What one measurement leaves to the relay is not the next one's.
async fn settle(database: &Database) -> End {
    let begun = Instant::now();
    while outbox::waiting(database).await?.events > 0 {
        if begun.elapsed() > Duration::from_secs(60) {
            return Err("the relay does not come to an end".into());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

async fn load(database: &Database, told: bool, callers: usize, seconds: u32) -> End<Load> {
    let clock = Clock::new(seconds);
    let unique = std::process::id();
    thread_local!(static COUNT: Cell<u64> = const { Cell::new(0) });
    let calling = (0..callers).map(|_| {
        clock.drive(async || {
            let number = COUNT.replace(COUNT.get() + 1);
            let name = format!("project {unique} {number}");
            let repository = "https://git.example/a/project.git".to_owned();
            let written = if told {
                projects::create(database, &Receipt::none(), name, repository, None).await?
            } else {
                projects::create_silently(database, name, repository).await?
            };
            match written {
                Written::Done(_) => Ok(()),
                other => Err(format!("{other:?}").into()),
            }
        })
    });
    for done in futures::future::join_all(calling).await {
        done?;
    }
    Ok(clock.load())
}
