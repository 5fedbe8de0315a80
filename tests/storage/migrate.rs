//! The schema: made once, by one at a time, and never by an older hub over a newer one.

use std::{fs, os::unix::fs::PermissionsExt, time::Duration};

use alkhub::storage::{Database, Settings};
use tokio::task::JoinSet;

use super::{for_each_database, open};
use crate::support::database::Backend;

#[tokio::test]
async fn processes_that_start_at_once_run_each_step_once() {
    for _ in 0..5 {
        for backend in Backend::all().await {
            // As many processes: each has pools of its own, and even the file is made by one of them.
            let mut starts = JoinSet::new();
            for _ in 0..6 {
                let url = backend.url();
                starts.spawn(async move { open(&url).await.migrate().await.expect("migrated") });
            }
            let ran: Vec<String> = starts.join_all().await.into_iter().flatten().collect();
            let steps = open(&backend.url()).await.migration_status().await.expect("steps");
            let names: Vec<&String> = steps.iter().map(|step| &step.name).collect();
            assert_eq!(ran.iter().collect::<Vec<_>>(), names, "{}", backend.name());
        }
    }
}

#[tokio::test]
async fn the_status_tells_what_is_pending_and_changes_nothing() {
    for backend in Backend::all().await {
        let database = open(&backend.url()).await;
        for _ in 0..2 {
            let steps = database.migration_status().await.expect("steps");
            assert!(steps.len() >= 3 && steps.iter().all(|step| !step.applied && step.applied_at.is_none()));
        }
        let pending = database.pending().await.expect("steps");
        assert_eq!(database.migrate().await.as_ref(), Ok(&pending));
        assert_eq!(database.migrate().await, Ok(Vec::new()), "again runs nothing");
        assert_eq!(database.pending().await, Ok(Vec::new()));
        let steps = database.migration_status().await.expect("steps");
        assert!(steps.iter().all(|step| step.applied && step.applied_at > Some(1_700_000_000_000)));
    }
}

#[tokio::test]
async fn a_step_of_a_newer_hub_is_refused_by_name() {
    for_each_database(async |backend, database| {
        let newer = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m30000101_000001_later', 1)";
        backend.execute(newer).await;
        let refusals = [
            database.migrate().await.expect_err("refused"),
            database.pending().await.expect_err("refused"),
            database.migration_status().await.expect_err("refused"),
        ];
        for refused in refusals {
            assert!(refused.message.contains("newer alkhub"), "{refused}");
            assert!(refused.message.contains("m30000101_000001_later"), "{refused}");
        }
    })
    .await;
}

#[tokio::test]
async fn the_file_is_the_owners_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, file) = (folder.path().join("new/data"), folder.path().join("new/data/alkhub.db"));
    let database = open(&format!("sqlite://{}", file.display())).await;
    database.migrate().await.expect("migrated");
    let mode = |path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(data.clone()), 0o700);
    for entry in fs::read_dir(&data).expect("a folder").flatten() {
        assert_eq!(mode(entry.path()), 0o600, "{}", entry.path().display());
    }
}

#[tokio::test]
async fn what_cannot_be_opened_is_told_without_the_password() {
    for url in [
        "postgres://hub:swordfish@127.0.0.1:1/hub",
        "postgres://hub:swordfish@host:notaport/hub",
        "postgres://hub:swordfish/@[half/hub",
        "postgresql://hub:swordfish@127.0.0.1:1/hub",
        "mysql://hub:swordfish@127.0.0.1:1/hub",
        "postgres:hub:swordfish",
        "sqlite::memory:",
        "sqlite://x?mode=memory",
    ] {
        let short = Duration::from_millis(200);
        let settings =
            Settings { url: url.into(), max_connections: 2, acquire_timeout: short, connect_timeout: short };
        let refused = Database::connect(&settings).await.err().expect(url);
        let told = format!("{refused} {refused:?} {settings:?}");
        assert!(!told.contains("swordfish"), "{told}");
        assert!(refused.message.contains("database"), "{told}");
    }
    assert!(!std::path::Path::new(":memory:").exists());
}
