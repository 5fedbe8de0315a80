//! `alkhub spoke` and `alkhub dev`, as the README starts them.

use std::{
    io::{BufRead, BufReader, Lines},
    process::{Child, ChildStderr, Command, Stdio},
};

use super::program::{HubProcess, Place, end, interrupt};

/// A running program whose standard error is read line by line; killed when the test ends.
struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStderr>>,
}

impl Running {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts");
        let lines = BufReader::new(child.stderr.take().expect("piped")).lines();
        Self { child, lines }
    }

    /// Reads up to the line that has this.
    #[track_caller]
    fn says(&mut self, part: &str) -> String {
        let mut read = String::new();
        for line in &mut self.lines {
            let line = line.expect("UTF-8");
            if line.contains(part) {
                return line;
            }
            read.push_str(&line);
            read.push('\n');
        }
        panic!("it ended without saying {part:?}, but\n{read}");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

fn spoke_key(place: &Place, hub: &HubProcess) -> String {
    let arguments =
        ["keys", "create", "laptop", "--scope", "spoke:connect", "--resource", "spoke:dev=connect"];
    place.run(&arguments, &hub.as_admin()).ends(0).out.trim().to_owned()
}

#[test]
fn the_demonstration_of_two_terminals() {
    let place = Place::new();
    place.write("README.md", "# Hello\n");
    let hub = place.hub();
    let key = spoke_key(&place, &hub);
    std::fs::create_dir(place.path().join("root")).expect("made");
    place.write("root/README.md", "# Hello\n");
    let mut spoke = Running::start(&mut place.command(&["spoke", "--root", "root"], &hub.as_holder_of(&key)));
    let said = spoke.says("is connected as dev");
    assert!(said.contains("operations"), "{said}");

    let call = ["call", "dev.fs.read", r#"{"path":"README.md"}"#];
    assert_eq!(place.run(&call, &hub.as_admin()).ends(0).json()["content"], "# Hello\n");
    let curl = Command::new("curl")
        .args(["-s", &format!("{}/api/call", hub.url), "-H", "Content-Type: application/json"])
        .args(["-H", &format!("Authorization: Bearer {}", super::program::ADMIN)])
        .args(["-d", r#"{"operationId":"dev.fs.read","input":{"path":"README.md"}}"#])
        .output()
        .expect("curl runs");
    let answer: serde_json::Value = serde_json::from_slice(&curl.stdout).expect("JSON");
    assert_eq!(answer["data"]["content"], "# Hello\n");
    // A subscription, item by item, up to the exit of the command.
    let exec = ["call", "dev.shell.exec", r#"{"command":"echo one; exit 3"}"#, "--json"];
    let said = place.run(&exec, &hub.as_admin()).ends(0);
    assert!(said.out.contains(r#""text":"one\n""#) && said.out.contains(r#""code":3"#), "{}", said.out);

    interrupt(&spoke.child);
    assert_eq!(end(&mut spoke.child).code(), Some(0));
    // It has said goodbye: its operations are gone before the program is.
    let said = place.run(&call, &hub.as_admin()).ends(6);
    assert!(said.err.contains("OPERATION_NOT_FOUND"), "{}", said.err);
}

#[test]
fn what_cannot_be_served_is_refused_at_once() {
    let place = Place::new();
    place.write("file", "");
    let run = |arguments: &[&str], variables: &[(&str, &str)]| place.run(arguments, variables).ends(2).err;
    let key = ("ALKHUB_KEY", super::program::ADMIN);
    assert!(run(&["spoke", "--root", "nowhere"], &[key]).contains("nowhere cannot be served"));
    assert!(run(&["spoke", "--root", "file"], &[key]).contains("must be a directory"));
    assert!(run(&["spoke", "--root", "."], &[]).contains("--scope spoke:connect"));
    assert!(run(&["spoke"], &[key]).contains("--root"));
    assert!(run(&["spoke", "--root", ".", "--hub", "not an address"], &[key]).contains("--hub"));
}

#[test]
fn a_key_or_id_that_the_hub_does_not_accept_ends_it() {
    let place = Place::new();
    let hub = place.hub();
    let spoke = ["spoke", "--root", "."];
    let unknown = super::program::ADMIN.replace("testadmin", "otheradmin");
    let said = place.run(&spoke, &hub.as_holder_of(&unknown)).ends(4);
    assert!(said.err.contains("does not accept the key") && !said.err.contains(&unknown), "{}", said.err);
    let reader = place.run(&["keys", "create", "r", "--scope", "project:read"], &hub.as_admin()).ends(0).out;
    let said = place.run(&spoke, &hub.as_holder_of(reader.trim())).ends(4);
    assert!(said.err.contains("ACCESS_DENIED") && said.err.contains("spoke:connect"), "{}", said.err);
    let key = spoke_key(&place, &hub);
    let said = place.run(&["spoke", "--root", ".", "--id", "other"], &hub.as_holder_of(&key)).ends(4);
    assert!(said.err.contains("SPOKE_ID_FORBIDDEN"), "{}", said.err);
    let said = place.run(&["spoke", "--root", ".", "--id", "Not An Id"], &hub.as_holder_of(&key)).ends(4);
    assert!(said.err.contains("spokeId"), "{}", said.err);
}

#[test]
fn a_spoke_waits_for_its_hub_and_gives_way_to_a_newer_one() {
    let place = Place::new();
    let hub = place.hub();
    let key = spoke_key(&place, &hub);
    let gone = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let nowhere = format!("http://{gone}");
    let variables = [("ALKHUB_HUB", &*nowhere), ("ALKHUB_KEY", &*key)];
    let mut waiting = Running::start(&mut place.command(&["spoke", "--root", "."], &variables));
    waiting.says("cannot be reached");
    waiting.says("next try in");
    interrupt(&waiting.child);
    assert_eq!(end(&mut waiting.child).code(), Some(0), "also while it waits");

    let mut older = Running::start(&mut place.command(&["spoke", "--root", "."], &hub.as_holder_of(&key)));
    older.says("is connected as dev");
    let mut newer = Running::start(&mut place.command(&["spoke", "--root", "."], &hub.as_holder_of(&key)));
    newer.says("is connected as dev");
    older.says("gives way");
    assert_eq!(end(&mut older.child).code(), Some(1));
}

#[test]
fn dev_prints_lines_that_work_when_pasted() {
    let place = Place::new();
    std::fs::create_dir(place.path().join("work")).expect("made");
    place.write("work/here", "");
    let state = place.path().join("state");
    let variables = [("XDG_STATE_HOME", state.to_str().expect("UTF-8")), ("ALKHUB_LOG", "warn")];
    let arguments = ["dev", "--root", "work", "--listen", "127.0.0.1:0"];
    // Twice: the second start uses the keys of the first.
    let mut keys = Vec::new();
    for _ in 0..2 {
        let mut command = place.command(&arguments, &variables);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        let mut out = BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut running =
            Running { lines: BufReader::new(child.stderr.take().expect("piped")).lines(), child };
        let export =
            out.find_map(|line| line.ok().filter(|line| line.contains("export "))).expect("settings");
        running.says("is connected as dev");
        let bin = std::path::Path::new(env!("CARGO_BIN_EXE_alkhub")).parent().expect("a directory");
        let script = format!("{export}\nalkhub call dev.fs.list");
        let said = Command::new("/bin/sh").args(["-c", &script]).env("PATH", bin).output().expect("sh runs");
        let list: serde_json::Value = serde_json::from_slice(&said.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&said.stderr)));
        assert_eq!(list["entries"][0]["path"], "here");
        interrupt(&running.child);
        assert_eq!(end(&mut running.child).code(), Some(0));
        keys.push(export.split("ALKHUB_KEY=").nth(1).expect("a key").to_owned());
    }
    assert_eq!(keys[0], keys[1]);
    let said = place.run(&["dev", "--root", "work", "--data", "work/data"], &variables).ends(2);
    assert!(said.err.contains("inside the directory that is served"), "{}", said.err);
}
