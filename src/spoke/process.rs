//! Programs that are started for a call: in a folder of the root, in a process group of their own, with a clean
//! environment, and gone with everything that they started when the call is.

use std::{collections::BTreeMap, io, os::fd::AsRawFd, process::Stdio, time::Duration};

use cap_std::fs::Dir;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};
use tokio_util::task::{TaskTracker, task_tracker::TaskTrackerToken};

/// Variables that programs see beside those of the call; keys and the like stay with the spoke.
const PASSED_ON: [&str; 8] = ["PATH", "HOME", "LANG", "TERM", "TMPDIR", "USER", "SHELL", "TZ"];
/// How long a program may take to end by itself when it is asked to.
pub(super) const GRACE: Duration = Duration::from_secs(2);

/// A command that will run in this folder, which the caller must keep open until it has started.
pub(super) fn command(program: &str, folder: &Dir, place: &std::path::Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().process_group(0).kill_on_drop(true);
    let passed = std::env::vars_os().filter(|(name, _)| {
        name.to_str().is_some_and(|name| PASSED_ON.contains(&name) || name.starts_with("LC_"))
    });
    command.envs(passed);
    if cfg!(target_os = "linux") {
        // By its handle: what is at the path may be a link by now.
        command.current_dir(format!("/proc/self/fd/{}", folder.as_raw_fd()));
    } else {
        command.current_dir(place);
    }
    command
}

/// A running program with all that it starts.
pub(super) struct Group {
    child: Option<Child>,
    leader: Option<Pid>,
    /// Whoever waits for these waits for the group's end too.
    tasks: TaskTracker,
    _counted: TaskTrackerToken,
}

impl Group {
    /// Starts a command.
    pub(super) fn start(
        command: &mut Command,
        env: &BTreeMap<String, String>,
        stdin: bool,
        tasks: &TaskTracker,
    ) -> io::Result<Self> {
        command.envs(env).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.stdin(if stdin { Stdio::piped() } else { Stdio::null() });
        let child = command.spawn()?;
        let leader = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        Ok(Self { child: Some(child), leader, tasks: tasks.clone(), _counted: tasks.token() })
    }

    /// Number of the first process.
    pub(super) fn id(&self) -> Option<i64> {
        self.leader.map(|leader| i64::from(leader.as_raw_nonzero().get()))
    }

    /// The first process.
    pub(super) fn child(&mut self) -> Option<&mut Child> {
        self.child.as_mut()
    }

    /// Ends the whole group: asked first, then not asked.
    pub(super) async fn end(mut self) -> Option<std::process::ExitStatus> {
        let child = self.child.take();
        finish(child, self.leader.take()).await
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(child) = self.child.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            let leader = self.leader.take();
            self.tasks.spawn_on(finish(Some(child), leader), &runtime);
        } else if let Some(leader) = self.leader {
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}

async fn finish(child: Option<Child>, leader: Option<Pid>) -> Option<std::process::ExitStatus> {
    let (mut child, leader) = (child?, leader?);
    // The first process may be gone while others of the group go on.
    let alive = kill_process_group(leader, Signal::TERM).is_ok();
    let ended = tokio::time::timeout(GRACE, child.wait()).await;
    if alive {
        let _ = kill_process_group(leader, Signal::KILL);
    }
    match ended {
        Ok(status) => status.ok(),
        Err(_) => child.wait().await.ok(),
    }
}
