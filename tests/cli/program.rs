//! Runs the program, away from the files and variables of whoever runs the tests.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Longest wait for the program; only a loaded machine comes near it.
const PATIENCE: Duration = Duration::from_secs(60);

/// The admin key of every hub here.
pub(super) const ADMIN: &str =
    "alk_testadmintestadmin_00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// A directory of its own to run the program in.
pub(super) struct Place {
    pub(super) directory: TempDir,
}

/// What the program said in the end.
pub(super) struct Said {
    pub(super) code: Option<i32>,
    pub(super) out: String,
    pub(super) err: String,
}

impl Place {
    pub(super) fn new() -> Self {
        Self { directory: tempfile::tempdir().expect("a directory") }
    }

    pub(super) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).expect("written");
    }

    /// The program with these arguments, in this directory, with no variables but the given ones.
    pub(super) fn command(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_alkhub"));
        command.args(arguments).current_dir(self.path()).env_clear().stdin(Stdio::null());
        command.envs(variables.iter().copied());
        command
    }

    pub(super) fn run(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Said {
        Said::of(self.command(arguments, variables).output().expect("the program runs"))
    }

    pub(super) fn run_with_input(&self, arguments: &[&str], variables: &[(&str, &str)], input: &str) -> Said {
        let mut command = self.command(arguments, variables);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("taken");
        Said::of(child.wait_with_output().expect("it ends"))
    }

    /// A hub that serves on a free port.
    pub(super) fn hub(&self) -> HubProcess {
        self.hub_on("127.0.0.1:0")
    }

    /// A hub that serves there; another one in the same place has the same data.
    pub(super) fn hub_on(&self, address: &str) -> HubProcess {
        let mut command = self.command(
            &["serve", "--listen", address, "--data", "hub-data"],
            &[("ALKHUB_BOOTSTRAP_KEY", ADMIN), ("ALKHUB_LOG", "warn")],
        );
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the hub starts");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let url = loop {
            let line = lines.next().expect("the hub says where it serves").expect("UTF-8");
            if let Some(at) = line.find("http://") {
                break line[at..].trim().to_owned();
            }
        };
        HubProcess { child, url, _lines: lines }
    }
}

impl Said {
    fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    #[track_caller]
    pub(super) fn ends(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }

    #[track_caller]
    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error} in {}", self.out))
    }
}

/// A hub in a process of its own, killed when the test ends.
pub(super) struct HubProcess {
    pub(super) child: Child,
    pub(super) url: String,
    /// Kept, so that the hub can go on writing.
    _lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl HubProcess {
    /// The variables by which a client command finds this hub.
    pub(super) fn as_admin(&self) -> [(&str, &str); 2] {
        [("ALKHUB_HUB", &self.url), ("ALKHUB_KEY", ADMIN)]
    }

    pub(super) fn as_holder_of<'a>(&'a self, key: &'a str) -> [(&'a str, &'a str); 2] {
        [("ALKHUB_HUB", &self.url), ("ALKHUB_KEY", key)]
    }
}

impl Drop for HubProcess {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

/// Sends Ctrl-C, as a terminal does.
pub(crate) fn interrupt(child: &Child) {
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill runs");
    assert!(killed.success());
}

/// Waits for the end.
pub(crate) fn end(child: &mut Child) -> ExitStatus {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("waits") {
            return status;
        }
        assert!(begun.elapsed() < PATIENCE, "the program does not end");
        std::thread::yield_now();
    }
}
