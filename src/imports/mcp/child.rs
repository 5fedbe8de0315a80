//! A program that is an MCP server: started with a clean environment in a process group of its own, and gone with all
//! that it started when its connection is.

use std::{process::Stdio, time::Duration};

use alkhub_core::CallError;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command},
    time::timeout,
};

use super::config::{Credentials, Program, Stdio as Allowed};

/// How long a program may take to end by itself, first when its input has ended, then when it is asked to.
const GRACE: Duration = Duration::from_secs(2);
/// Longest line of its standard error that is logged, and how many lines.
const LINE: u64 = 4096;
const LINES: usize = 1000;

/// The program with its group.
pub(super) struct Group {
    child: Option<Child>,
    leader: Option<Pid>,
}

/// Starts a program.
pub(super) fn start(
    service: &str,
    program: &Program,
    allowed: &Allowed,
    credentials: &Credentials,
) -> Result<(Group, ChildStdout, ChildStdin), CallError> {
    let mut command = Command::new(&program.command);
    command.args(&program.args).env_clear().process_group(0).kill_on_drop(true);
    let passed = std::env::vars_os()
        .filter(|(name, _)| name.to_str().is_some_and(|name| allowed.env.iter().any(|own| own == name)));
    command.envs(passed).envs(&credentials.env);
    command.current_dir(program.cwd.as_deref().map_or_else(std::env::temp_dir, Into::into));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| {
        let mut failed = CallError::unavailable("program");
        failed.message =
            format!("The program of the MCP server {service} cannot be started: {}.", error.kind());
        failed.cause = Some(error.to_string());
        failed
    })?;
    let leader = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    let pipes = (child.stdout.take(), child.stdin.take());
    if let Some(stderr) = child.stderr.take() {
        tokio::spawn(tell(service.to_owned(), stderr));
    }
    let group = Group { child: Some(child), leader };
    let (Some(stdout), Some(stdin)) = pipes else {
        return Err(CallError::internal(&"a program was started without its pipes"));
    };
    Ok((group, stdout, stdin))
}

/// Logs what a program complains of, as far as it is worth reading; the rest is read and left.
async fn tell(service: String, stderr: ChildStderr) {
    let mut lines = BufReader::new(stderr);
    let mut left = LINES;
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut lines).take(LINE).read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) if left == 0 => {}
            Ok(_) => {
                left -= 1;
                let text = String::from_utf8_lossy(&line);
                tracing::info!(service, "{}", text.trim_end());
                if left == 0 {
                    tracing::warn!(service, "the program complains too much; the rest is not logged");
                }
            }
        }
    }
}

impl Group {
    /// Waits until the program has ended, and ends what it has left behind: that would keep its pipes open.
    pub(super) async fn ended(&mut self) {
        let Some(child) = self.child.as_mut() else { return };
        let _ = child.wait().await;
        if let Some(leader) = self.leader.take() {
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }

    /// Ends the whole group: its input has ended; then it is asked, then not asked.
    pub(super) async fn end(mut self) {
        let (Some(mut child), Some(leader)) = (self.child.take(), self.leader) else { return };
        if timeout(GRACE, child.wait()).await.is_err() {
            let _ = kill_process_group(leader, Signal::TERM);
            let _ = timeout(GRACE, child.wait()).await;
        }
        // Also what it has left behind.
        let _ = kill_process_group(leader, Signal::KILL);
        self.leader = None;
        let _ = child.wait().await;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.leader {
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}
