//! `alkhub events` against a hub in a process of its own.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::Value;

use super::program::{Place, end, interrupt};

fn numbers(out: &str) -> Vec<i64> {
    let events = out.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    events.map(|event| event["sequence"].as_i64().expect("a number")).collect()
}

#[test]
fn the_log_is_shown_from_its_end_or_from_a_number() {
    let place = Place::new();
    let hub = place.hub();
    for number in 0..5 {
        let body = format!(r#"{{"type": "custom.note", "id": "n{number}", "payload": "a\u001b[31m"}}"#);
        place.run(&["call", "event.publish", &body], &hub.as_admin()).ends(0);
    }
    let run = |arguments: &[&str]| {
        let all: Vec<&str> = ["events"].iter().chain(arguments).copied().collect();
        place.run(&all, &hub.as_admin())
    };
    // The last one is shown once it has its number.
    while numbers(&run(&["--json"]).ends(0).out).len() < 6 {}
    assert_eq!(numbers(&run(&["--last", "2", "--json"]).ends(0).out), [5, 6]);
    assert_eq!(numbers(&run(&["--since", "2", "--json"]).ends(0).out), [3, 4, 5, 6]);
    assert_eq!(numbers(&run(&["--since", "0", "--type", "key.*", "--json"]).ends(0).out), [1]);
    let shown = run(&["--type", "custom.*", "--id", "n3"]).ends(0).out;
    assert!(shown.contains("custom.note") && shown.contains("n3") && shown.lines().count() == 1, "{shown}");
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
    assert!(run(&["--type", "Nonsense*"]).ends(2).err.contains("expected a type such as"));
    assert!(run(&["--follow", "--since", "99"]).ends(5).err.contains("/since"));
    let reader = place.run(&["keys", "create", "r", "--scope", "spoke:read"], &hub.as_admin()).ends(0).out;
    place.run(&["events"], &hub.as_holder_of(reader.trim())).ends(4);
}

#[test]
fn following_goes_on_after_the_hub_was_away() {
    let place = Place::new();
    let hub = place.hub();
    let address = hub.url.trim_start_matches("http://").to_owned();
    let mut command = place.command(&["events", "--follow", "--since", "0", "--json"], &hub.as_admin());
    let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let mut next = || numbers(&lines.next().expect("an event").expect("UTF-8"))[0];
    assert_eq!(next(), 1);
    let publish = r#"{"type": "custom.note"}"#;
    place.run(&["call", "event.publish", publish], &hub.as_admin()).ends(0);
    assert_eq!(next(), 2);
    drop(hub);
    let hub = place.hub_on(&address);
    place.run(&["call", "event.publish", publish], &hub.as_admin()).ends(0);
    assert_eq!(next(), 3);
    interrupt(&child);
    assert_eq!(end(&mut child).code(), Some(130));
}

#[test]
fn following_ends_with_whoever_reads() {
    let place = Place::new();
    let hub = place.hub();
    for arguments in
        [&["events", "--follow", "--since", "0", "--json"][..], &["call", "event.watch", "{\"since\": 0}"]]
    {
        let mut child =
            place.command(arguments, &hub.as_admin()).stdout(Stdio::piped()).spawn().expect("it starts");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        lines.next().expect("an event").expect("UTF-8");
        // Nothing happens after this that it could be told by writing.
        drop(lines);
        assert_eq!(end(&mut child).code(), Some(0), "{arguments:?}");
    }
}
