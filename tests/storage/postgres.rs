//! A Postgres of a test's own, which it may kill.

use std::{
    fs, io,
    net::TcpListener,
    os::unix::{fs::chown, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::support::until;

/// Where the programs are; set by the test command, else found where Debian keeps them.
fn programs() -> Option<PathBuf> {
    if let Some(given) = std::env::var_os("ALKHUB_TEST_POSTGRES_BIN") {
        return Some(given.into());
    }
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    let mut found: Vec<_> = versions.flatten().map(|version| version.path().join("bin")).collect();
    found.sort();
    found.into_iter().rev().find(|bin| bin.join("initdb").exists())
}

/// A server of its own; killed and removed when dropped.
pub(super) struct Postgres {
    bin: PathBuf,
    folder: TempDir,
    port: u16,
    user: Option<(u32, u32)>,
    server: Option<Child>,
}

impl Postgres {
    /// A running server; `None`, and a word on why, unless the environment tests Postgres.
    pub(super) async fn start() -> Option<Self> {
        if std::env::var_os("ALKHUB_TEST_POSTGRES_URL").is_none() {
            println!("-- ALKHUB_TEST_POSTGRES_URL is not set: without Postgres");
            return None;
        }
        let bin = programs().expect("Postgres is installed; ALKHUB_TEST_POSTGRES_BIN names its programs");
        let folder = tempfile::Builder::new().prefix("alkhub-pg").tempdir_in("/tmp").expect("a folder");
        let user = other_user();
        if let Some((uid, gid)) = user {
            chown(folder.path(), Some(uid), Some(gid)).expect("given away");
        }
        let port =
            TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
        let mut postgres = Self { bin, folder, port, user, server: None };
        let made = postgres
            .command("initdb")
            .args(["-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "--auth=trust"])
            .status();
        assert!(made.expect("initdb runs").success());
        postgres.run().await;
        Some(postgres)
    }

    pub(super) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    pub(super) fn place(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Starts the server and waits until it answers.
    pub(super) async fn run(&mut self) {
        let socket = self.folder.path().display().to_string();
        let server = self
            .command("postgres")
            .args(["-p", &self.port.to_string(), "-k", &socket, "-c", "listen_addresses=127.0.0.1"])
            .spawn();
        self.server = Some(server.expect("postgres runs"));
        let place = self.place();
        until("Postgres listens", Duration::from_secs(30), async || TcpStream::connect(&place).await.is_ok())
            .await;
    }

    /// `kill -9` for the server and all its children, which share its group.
    pub(super) fn kill(&mut self) {
        self.signal("KILL");
        if let Some(mut server) = self.server.take() {
            let _ = server.wait();
        }
        // What a killed server leaves behind keeps the next from starting.
        let _ = fs::remove_file(self.data().join("postmaster.pid"));
    }

    /// Stops (`STOP`) or resumes (`CONT`) the server with all its children.
    pub(super) fn signal(&self, signal: &str) {
        let Some(server) = &self.server else { return };
        let group = format!("-{}", server.id());
        let sent = Command::new("kill").args(["-s", signal, "--", &group]).status();
        assert!(sent.expect("kill runs").success());
        // Children have groups of their own.
        for child in children(server.id()).unwrap_or_default() {
            let _ = Command::new("kill").args(["-s", signal, &child]).stderr(Stdio::null()).status();
        }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.bin.join(program));
        command.arg("-D").arg(self.data()).current_dir(self.folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Postgres refuses to run as root: then as another user.
fn other_user() -> Option<(u32, u32)> {
    let mine = std::os::unix::fs::MetadataExt::uid(&fs::metadata("/proc/self").expect("/proc"));
    if mine != 0 {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").expect("users");
    let of = |name: &str| {
        users
            .lines()
            .map(|line| line.split(':').collect::<Vec<_>>())
            .find(|user| user[0] == name)
            .and_then(|user| Some((user[2].parse().ok()?, user[3].parse().ok()?)))
    };
    of("postgres").or_else(|| of("nobody"))
}

fn children(id: u32) -> io::Result<Vec<String>> {
    let path = Path::new("/proc").join(id.to_string()).join("task").join(id.to_string()).join("children");
    Ok(fs::read_to_string(path)?.split_whitespace().map(str::to_owned).collect())
}
