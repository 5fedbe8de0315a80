//! A tree of ten thousand calls, and lists out of millions.

use std::time::{Duration, Instant};

use alkhub::storage::{
    Database, Settings,
    calls::{self, Filter, Row, Status, key},
    time::now_ms,
};

use crate::{events::Postgres, measure::middle, spokes::End};

/// Calls of the tree.
const TREE: usize = 10_000;
/// Calls of one transaction.
const BATCH: u64 = 500;

/// Fills a database of each kind with so many calls and prints how long it takes to find some, with the plans.
pub(super) async fn run(rows: u64, rounds: usize) -> End {
    println!("| database | what | p50 ms | worst ms |");
    println!("| --- | --- | --- | --- |");
    let mut plans = Vec::new();
    for kind in ["sqlite", "postgres"] {
        let postgres = (kind == "postgres").then(Postgres::start).transpose()?;
        let folder = tempfile::tempdir()?;
        let url = match &postgres {
            Some(postgres) => postgres.url.clone(),
            None => format!("sqlite://{}?mode=rwc", folder.path().join("calls.db").display()),
        };
        let settings = Settings {
            url: url.into(),
            max_connections: 4,
            acquire_timeout: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(60),
        };
        let database = Database::connect(&settings).await.map_err(|error| error.message)?;
        database.migrate().await.map_err(|error| error.message)?;
        let begun = Instant::now();
        fill(&database, rows).await?;
        let top = tree(&database).await?;
        database.analyse().await.map_err(|error| error.message)?;
        eprintln!("{kind}: {rows} calls in {:?}", begun.elapsed());
        let mut times = Vec::new();
        for _ in 0..rounds.max(3) {
            let begun = Instant::now();
            let below = calls::tree(&database, &top, 20_000).await.map_err(|error| error.message)?;
            let ordered = calls::in_order(top.clone(), below);
            times.push(begun.elapsed().as_secs_f64() * 1000.0);
            assert_eq!(ordered.len(), TREE, "the tree is whole");
        }
        show(kind, "tree of 10,000", &mut times);
        for (name, filter) in filters(rows) {
            let mut times = Vec::new();
            for _ in 0..rounds.max(3) {
                let begun = Instant::now();
                calls::list(&database, &filter, None, 50).await.map_err(|error| error.message)?;
                times.push(begun.elapsed().as_secs_f64() * 1000.0);
            }
            show(kind, name, &mut times);
            let plan = calls::plan(&database, &filter, 50).await.map_err(|error| error.message)?;
            plans.push(format!("{kind}, {name}:\n{plan}\n"));
        }
        database.close().await;
    }
    println!("\nPlans:\n\n```text\n{}```", plans.join("\n"));
    Ok(())
}

fn show(kind: &str, name: &str, times: &mut [f64]) {
    times.sort_by(f64::total_cmp);
    println!("| {kind} | {name} | {:.2} | {:.2} |", middle(times), times.last().copied().unwrap_or_default());
}

fn filters(rows: u64) -> Vec<(&'static str, Filter)> {
    let filter = Filter::default;
    vec![
        ("newest", filter()),
        ("of an operation", Filter { operation: Some("work.rare".into()), ..filter() }),
        ("by a key", Filter { identity: Some("key7".into()), ..filter() }),
        ("of a session", Filter { session: Some("session3".into()), ..filter() }),
        ("failed", Filter { status: Some(Status::Failed), ..filter() }),
        ("running", Filter { status: Some(Status::Running), ..filter() }),
        ("with a code", Filter { error_code: Some("TIMEOUT".into()), ..filter() }),
        ("longer than 2 s", Filter { least_us: Some(2_000_000), ..filter() }),
        (
            "failed, of an operation, by a key",
            Filter {
                status: Some(Status::Failed),
                operation: Some("work.often".into()),
                identity: Some("key7".into()),
                ..filter()
            },
        ),
        (
            "failed, by a key",
            Filter { status: Some(Status::Failed), identity: Some("key0".into()), ..filter() },
        ),
        (
            "failed, of an operation",
            Filter { status: Some(Status::Failed), operation: Some("work.rare".into()), ..filter() },
        ),
        (
            "of an operation, by a key",
            Filter { operation: Some("work.rare".into()), identity: Some("key7".into()), ..filter() },
        ),
        ("in the middle", Filter { until: Some(moment(rows / 2)), ..filter() }),
        ("roots", Filter { roots: true, ..filter() }),
    ]
}

/// When the call of this number began: a millisecond after the one before.
fn moment(number: u64) -> i64 {
    1_700_000_000_000_i64.saturating_add_unsigned(number)
}

fn row(number: u64) -> Row {
    let mut id = calls::first_of(moment(number));
    id.splice(8.., number.to_be_bytes());
    let failed = number.is_multiple_of(100);
    let runs = number.is_multiple_of(100_003);
    let status = if runs {
        Status::Running
    } else if failed {
        Status::Failed
    } else {
        Status::Completed
    };
    let duration =
        if number.is_multiple_of(5000) { 3_000_000 } else { 400 + i64::from((number % 977) as u16) };
    Row {
        parent_id: None,
        root_id: id.clone(),
        id,
        ordinal: 0,
        depth: 0,
        operation: if number.is_multiple_of(10_007) { "work.rare" } else { "work.often" }.to_owned(),
        kind: "query".to_owned(),
        status: status.as_str().to_owned(),
        identity: Some(format!("key{}", number % 50)),
        owner: None,
        transport: "http".to_owned(),
        node: "node".to_owned(),
        spoke: None,
        session: number.is_multiple_of(20).then(|| format!("session{}", number % 1000)),
        trace_id: None,
        record: "metadata".to_owned(),
        origin_id: None,
        depends_on: None,
        started_at: moment(number),
        ended_at: (!runs).then(|| moment(number)),
        duration_us: (!runs).then_some(duration),
        error_code: failed
            .then(|| if number.is_multiple_of(700) { "TIMEOUT" } else { "EXECUTION_ERROR" }.to_owned()),
        error: failed.then(|| r#"{"message":"m"}"#.to_owned()),
        changed_at: moment(number),
    }
}

async fn fill(database: &Database, rows: u64) -> End {
    let mut number = 1;
    while number <= rows {
        let last = (number + BATCH - 1).min(rows);
        let batch = (number..=last).map(row).collect();
        calls::put(database, batch, Vec::new()).await.map_err(|error| error.message)?;
        number = last + 1;
    }
    Ok(())
}

/// A root with a hundred calls that make ninety-nine each, more or less; the root.
async fn tree(database: &Database) -> End<Row> {
    let now = u64::try_from(now_ms()).unwrap_or(0) - 1_700_000_000_000;
    let top = row(now);
    let mut rows = vec![top.clone()];
    for number in 1..TREE {
        let mut one = row(now + number as u64);
        let parent = if number <= 100 { 0 } else { 1 + number % 100 };
        (one.parent_id, one.root_id) = (Some(rows[parent].id.clone()), key(calls::id(&top.id)));
        (one.ordinal, one.depth) = (i32::try_from(number)?, if parent == 0 { 1 } else { 2 });
        rows.push(one);
    }
    for batch in rows.chunks(500) {
        calls::put(database, batch.to_vec(), Vec::new()).await.map_err(|error| error.message)?;
    }
    Ok(top)
}
