//! Redis to test on: the one that `ALKHUB_TEST_REDIS_URL` names, and servers of a test's own, which it may stop.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use redis::{Client, aio::MultiplexedConnection, cmd};
use tempfile::TempDir;
use tokio::net::TcpStream;

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
    /// Whether it speaks TLS only, with a certificate in its folder.
    tls: bool,
    server: Option<Child>,
}

impl RedisServer {
    /// A running server; `None`, and a word on why, where Redis is neither installed nor tested.
    pub(crate) async fn start(password: Option<&str>) -> Option<Self> {
        Self::start_with(password, false).await
    }

    /// The same behind TLS, for `localhost`, with a certificate that [`Self::authority`] has signed.
    pub(crate) async fn start_tls(password: &str) -> Option<Self> {
        Self::start_with(Some(password), true).await
    }

    async fn start_with(password: Option<&str>, tls: bool) -> Option<Self> {
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
        if tls && !certify(folder.path()) {
            assert!(std::env::var_os(VARIABLE).is_none(), "openssl is not installed");
            println!("-- openssl is not installed: without TLS");
            return None;
        }
        let password = password.map(str::to_owned);
        let mut redis = Self { program, folder, port, password, tls, server: None };
        redis.run().await;
        Some(redis)
    }

    pub(crate) fn url(&self) -> String {
        match &self.password {
            Some(password) if self.tls => format!("rediss://:{password}@localhost:{}", self.port),
            Some(password) => format!("redis://:{password}@127.0.0.1:{}", self.port),
            None => format!("redis://127.0.0.1:{}", self.port),
        }
    }

    /// The file with the certificate of the authority that has signed the server's.
    pub(crate) fn authority(&self) -> String {
        self.folder.path().join("ca.crt").display().to_string()
    }

    /// Starts the server, on the same port as before, and waits until it answers.
    pub(crate) async fn run(&mut self) {
        let mut command = Command::new(&self.program);
        let port = self.port.to_string();
        if self.tls {
            command.args(["--port", "0", "--tls-port", &port, "--tls-auth-clients", "no"]);
            for (option, file) in [
                ("--tls-cert-file", "server.crt"),
                ("--tls-key-file", "server.key"),
                ("--tls-ca-cert-file", "ca.crt"),
            ] {
                command.arg(option).arg(self.folder.path().join(file));
            }
        } else {
            command.args(["--port", &port]);
        }
        command.args(["--bind", "127.0.0.1"]);
        command.args(["--save", "", "--appendonly", "no", "--dir"]).arg(self.folder.path());
        if let Some(password) = &self.password {
            // The URL has it escaped.
            let password = percent_encoding::percent_decode_str(password).decode_utf8_lossy();
            command.args(["--requirepass", &password]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.server = Some(command.spawn().expect("redis-server runs"));
        let (url, place) = (self.url(), format!("127.0.0.1:{port}"));
        // This process does not know the authority; that the port is open has to do.
        until("Redis answers", PATIENCE, async || {
            if self.tls { TcpStream::connect(&place).await.is_ok() } else { raw(&url).await.is_some() }
        })
        .await;
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

/// Makes an authority and a certificate that it has signed; `false` where there is no program for it.
fn certify(folder: &Path) -> bool {
    let openssl = |arguments: &str| {
        let mut command = Command::new("openssl");
        command.current_dir(folder).args(arguments.split(' '));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status()
    };
    std::fs::write(folder.join("names"), "subjectAltName=DNS:localhost").expect("written");
    let new = "-newkey rsa:2048 -nodes -keyout";
    let steps = [
        format!("req -x509 {new} ca.key -out ca.crt -days 2 -subj /CN=authority"),
        format!("req {new} server.key -out server.csr -subj /CN=localhost"),
        "x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out server.crt -days 2 -extfile names"
            .to_owned(),
    ];
    for step in steps {
        match openssl(&step) {
            Ok(done) => assert!(done.success(), "openssl {step}"),
            Err(_) => return false,
        }
    }
    true
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
