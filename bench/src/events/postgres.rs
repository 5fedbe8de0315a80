//! A Postgres of its own, as it is when nobody has configured it: what is committed is on the disk.

use std::{
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::spokes::End;

/// Killed when dropped.
pub(crate) struct Postgres {
    child: Child,
    folder: PathBuf,
    pub(crate) url: String,
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Gone already is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Postgres {
    /// Starts one in a new folder; under root as the user that Debian's package makes.
    pub(crate) fn start() -> End<Self> {
        let programs = programs().ok_or("Postgres is not installed; install Debian's package postgresql")?;
        let folder = tempfile::Builder::new().prefix("alkhub-bench-pg").tempdir()?.keep();
        let data = folder.join("data");
        if rustix::process::getuid().is_root() {
            run(Command::new("chown").arg("postgres").arg(&folder))?;
        }
        run(user(&programs.join("initdb")).args(["-U", "postgres", "--auth=trust", "-D"]).arg(&data))?;
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let child = user(&programs.join("postgres"))
            .args(["-p", &port.to_string(), "-c", "listen_addresses=127.0.0.1", "-k", ""])
            .arg("-D")
            .arg(&data)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
        let started = Self { child, folder, url };
        let begun = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            if begun.elapsed() > Duration::from_secs(30) {
                return Err("Postgres does not answer".into());
            }
            std::thread::park_timeout(Duration::from_millis(50));
        }
        Ok(started)
    }
}

/// The newest version's; Debian keeps them out of the path.
fn programs() -> Option<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .filter(|folder| folder.join("initdb").exists())
        .collect();
    found.sort();
    found.pop()
}

/// Postgres refuses to run as root.
fn user(program: &std::path::Path) -> Command {
    if !rustix::process::getuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--pdeathsig=TERM", "--"]);
    command.arg(program).current_dir("/");
    command
}

fn run(command: &mut Command) -> End {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr)).into())
}
