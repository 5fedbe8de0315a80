//! Databases to test on: SQLite always, Postgres where `ALKHUB_TEST_POSTGRES_URL` names a server on which databases may be made.

use std::path::Path;

use sea_orm::{ConnectionTrait, Database, DatabaseConnection, Statement};
use tempfile::TempDir;

const VARIABLE: &str = "ALKHUB_TEST_POSTGRES_URL";

/// A fresh, empty database of its own, gone when dropped.
pub(crate) struct Backend {
    kind: Kind,
    folder: TempDir,
}

enum Kind {
    Sqlite,
    Postgres { url: String, admin: String, name: String },
}

impl Backend {
    /// One of each kind that the environment offers.
    pub(crate) async fn all() -> Vec<Self> {
        let mut all = vec![Self { kind: Kind::Sqlite, folder: folder() }];
        match std::env::var(VARIABLE) {
            Ok(admin) => all.push(Self::postgres(admin).await),
            Err(_) => println!("-- {VARIABLE} is not set: SQLite only"),
        }
        all
    }

    async fn postgres(admin: String) -> Self {
        let name = format!("alkhub_{}", uuid::Uuid::new_v4().simple());
        run(&admin, &format!("CREATE DATABASE {name}")).await;
        let (base, _) = admin.rsplit_once('/').expect("an URL with a database");
        let url = format!("{base}/{name}");
        Self { kind: Kind::Postgres { url, admin, name }, folder: folder() }
    }

    pub(crate) fn name(&self) -> &'static str {
        match self.kind {
            Kind::Sqlite => "SQLite",
            Kind::Postgres { .. } => "Postgres",
        }
    }

    pub(crate) fn url(&self) -> String {
        match &self.kind {
            Kind::Sqlite => format!("sqlite://{}", self.data().join("alkhub.db").display()),
            Kind::Postgres { url, .. } => url.clone(),
        }
    }

    /// Runs a statement beside the hub.
    pub(crate) async fn execute(&self, statement: &str) {
        run(&self.url(), statement).await;
    }

    /// A number that a query gives as `count`.
    pub(crate) async fn count(&self, query: &str) -> i64 {
        let connection: DatabaseConnection =
            Database::connect(self.url()).await.expect("the database answers");
        let statement = Statement::from_string(connection.get_database_backend(), query);
        let row = connection.query_one_raw(statement).await.expect("the query runs").expect("a row");
        let count = row.try_get("", "count").expect("a number");
        connection.close().await.expect("closed");
        count
    }

    /// The column `text` of all rows that a query gives, one after the other.
    pub(crate) async fn texts(&self, query: &str) -> String {
        let connection: DatabaseConnection =
            Database::connect(self.url()).await.expect("the database answers");
        let statement = Statement::from_string(connection.get_database_backend(), query);
        let rows = connection.query_all_raw(statement).await.expect("the query runs");
        let texts = rows.iter().map(|row| row.try_get("", "text").expect("a text"));
        let texts: Vec<String> = texts.collect();
        connection.close().await.expect("closed");
        texts.join("\n")
    }

    pub(crate) fn data(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        let Kind::Postgres { admin, name, .. } = &self.kind else { return };
        let (admin, name) = (admin.clone(), name.clone());
        // A runtime of its own: the test's may be gone, and a drop cannot wait.
        let dropped = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(run(&admin, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")));
        });
        let _ = dropped.join();
    }
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

async fn run(url: &str, statement: &str) {
    let connection: DatabaseConnection = Database::connect(url).await.expect("Postgres answers");
    connection.execute_unprepared(statement).await.expect("the statement runs");
    connection.close().await.expect("closed");
}
