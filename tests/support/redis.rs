//! Redis to test on: the one that `ALKHUB_TEST_REDIS_URL` names, and servers of a test's own, which it may stop.

use std::{
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use redis::{Client, aio::MultiplexedConnection, cmd};
use tempfile::TempDir;

use super::until;

const VARIABLE: &str = "ALKHUB_TEST_REDIS_URL";
/// For a loaded machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The address of the common server, if there is one.
pub(crate) fn common() -> Option<String> {
    let url = std::env::var(VARIABLE).ok();
    if url.is_none() {
        println!("-- {VARIABLE} is not set: without the common Redis");
    }
    url
}

/// A server of its own; killed and removed when dropped.
pub(crate) struct RedisServer {
    program: PathBuf,
    folder: TempDir,
    port: u16,
    password: Option<String>,
    server: Option<Child>,
}

impl RedisServer {
    /// A running server; `None`, and a word on why, where Redis is neither installed nor tested.
    pub(crate) async fn start(password: Option<&str>) -> Option<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let found = std::env::split_paths(&path).map(|folder| folder.join("redis-server"));
        let Some(program) = found.into_iter().find(|program| program.exists()) else {
            assert!(std::env::var_os(VARIABLE).is_none(), "redis-server is not installed");
            println!("-- redis-server is not installed: without a Redis of its own");
            return None;
        };
        let folder = tempfile::tempdir().expect("a folder");
        let port =
            TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
        let mut redis = Self { program, folder, port, password: password.map(str::to_owned), server: None };
        redis.run().await;
        Some(redis)
    }

    pub(crate) fn url(&self) -> String {
        match &self.password {
            Some(password) => format!("redis://:{password}@127.0.0.1:{}", self.port),
            None => format!("redis://127.0.0.1:{}", self.port),
        }
    }

    /// Starts the server, on the same port as before, and waits until it answers.
    pub(crate) async fn run(&mut self) {
        let mut command = Command::new(&self.program);
        command.args(["--bind", "127.0.0.1", "--port", &self.port.to_string()]);
        command.args(["--save", "", "--appendonly", "no", "--dir"]).arg(self.folder.path());
        if let Some(password) = &self.password {
            command.args(["--requirepass", password]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.server = Some(command.spawn().expect("redis-server runs"));
        let url = self.url();
        until("Redis answers", PATIENCE, async || raw(&url).await.is_some()).await;
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            let _ = server.kill();
            let _ = server.wait();
        }
    }

    /// Stops (`STOP`) or resumes (`CONT`) the server, whose connections stay.
    pub(crate) fn signal(&self, signal: &str) {
        let Some(server) = &self.server else { return };
        let sent = Command::new("kill").args(["-s", signal, &server.id().to_string()]).status();
        assert!(sent.expect("kill runs").success());
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A connection beside the bus; `None` where nothing answers.
pub(crate) async fn raw(url: &str) -> Option<MultiplexedConnection> {
    let mut connection = Client::open(url).ok()?.get_multiplexed_async_connection().await.ok()?;
    cmd("PING").query_async::<()>(&mut connection).await.ok()?;
    Some(connection)
}

/// How many connections have subscribed to a channel.
pub(crate) async fn subscribers(connection: &mut MultiplexedConnection, channel: &str) -> u64 {
    let mut count = cmd("PUBSUB");
    count.arg("NUMSUB").arg(channel);
    let (_, count): (String, u64) = count.query_async(connection).await.expect("counted");
    count
}

/// A prefix that no other test has.
pub(crate) fn prefix() -> String {
    format!("test-{}:", uuid::Uuid::new_v4().simple())
}
