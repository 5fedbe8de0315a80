//! `alkhub call` against a hub in a process of its own.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::Value;

use super::program::{Place, end, interrupt};

#[test]
fn calls_print_data_and_take_input_in_each_form() {
    let (place, project) = (Place::new(), r#"{"name":"one","repository":"https://git.example/one"}"#);
    let hub = place.hub();
    let info = place.run(&["call", "hub.info"], &hub.as_admin()).ends(0).json();
    assert_eq!(info["version"], env!("CARGO_PKG_VERSION"));

    let made = place.run(&["call", "project.create", project, "--json"], &hub.as_admin()).ends(0);
    assert_eq!(made.json()["name"], "one");
    assert_eq!(made.out.lines().count(), 1);
    place.write("two.json", &project.replace("one", "two"));
    place.run(&["call", "project.create", "@two.json"], &hub.as_admin()).ends(0);
    let three = project.replace("one", "three");
    place.run_with_input(&["call", "project.create", "-"], &hub.as_admin(), &three).ends(0);
    let list = place.run(&["call", "project.list", "{}"], &hub.as_admin()).ends(0).json();
    assert_eq!(list["items"].as_array().map(Vec::len), Some(3));
}

#[test]
fn a_call_may_be_repeated_under_its_key() {
    let (place, project) = (Place::new(), r#"{"name":"one","repository":"https://git.example/one"}"#);
    let hub = place.hub();
    let create = |key: &str| {
        place.run(&["call", "project.create", project, "--json", "--idempotency-key", key], &hub.as_admin())
    };
    let made = create("new").ends(0);
    let key = made.err.lines().find_map(|line| line.strip_prefix("idempotency key: ")).expect("a key");
    assert_eq!(create(key).ends(0).json(), made.json());
    let another = create("new").ends(1);
    assert!(another.err.contains("PROJECT_EXISTS"), "{}", another.err);
    // Any visible letter, also those that a header has to escape.
    create(r#""a\b"#).ends(1);
    let said = create("two words").ends(2);
    assert!(said.err.contains("visible ASCII"), "{}", said.err);
    let watch = ["call", "hub.watch", r#"{"count":1}"#, "--idempotency-key", "new"];
    assert!(place.run(&watch, &hub.as_admin()).ends(2).err.contains("subscription"));
}

#[test]
fn each_failure_has_its_exit_code_and_its_words() {
    let place = Place::new();
    let hub = place.hub();
    let said = place.run(&["call", "project.create", "{\"name\": 5}"], &hub.as_admin()).ends(5);
    assert!(said.err.contains("/name") && said.err.contains("VALIDATION_ERROR"), "{}", said.err);
    assert!(said.err.contains("request id"), "{}", said.err);
    assert_eq!(said.out, "");
    let said = place.run(&["call", "no.such"], &hub.as_admin()).ends(6);
    assert!(said.err.contains("OPERATION_NOT_FOUND"), "{}", said.err);
    let said = place.run(&["call", "key.list"], &[("ALKHUB_HUB", &hub.url)]).ends(4);
    assert!(said.err.contains("ALKHUB_KEY"), "{}", said.err);
    let reader =
        place.run(&["keys", "create", "reader", "--scope", "project:read"], &hub.as_admin()).ends(0).out;
    let said = place.run(&["call", "key.list"], &hub.as_holder_of(reader.trim())).ends(4);
    assert!(said.err.contains("(ACCESS_DENIED, 403)"), "{}", said.err);
    let said = place.run(&["call", "project.create", "{}", "--json"], &hub.as_admin()).ends(5);
    let problem: Value = serde_json::from_str(&said.err).expect("a problem document");
    assert_eq!(problem["code"], "VALIDATION_ERROR");
}

#[test]
fn a_hub_that_is_not_there_is_told_from_a_program_that_is_none() {
    let place = Place::new();
    let gone = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let url = format!("http://{gone}");
    let said = place.run(&["call", "hub.info", "--hub", &url], &[]).ends(3);
    assert!(said.err.contains("cannot reach the hub") && said.err.contains("alkhub serve"), "{}", said.err);
    // A proxy for the outside world is not asked for the hub on this machine.
    place.run(&["call", "hub.info", "--hub", &url], &[("HTTP_PROXY", "http://192.0.2.1:9")]).ends(3);
}

#[test]
fn a_subscription_streams_until_ctrl_c() {
    let place = Place::new();
    let hub = place.hub();
    let mut command =
        place.command(&["call", "hub.watch", "{\"intervalMs\": 100}", "--json"], &hub.as_admin());
    let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    for _ in 0..2 {
        let item = lines.next().expect("an item").expect("UTF-8");
        assert!(serde_json::from_str::<Value>(&item).expect("JSON").is_object(), "{item}");
    }
    interrupt(&child);
    assert_eq!(end(&mut child).code(), Some(130));
}

#[test]
fn a_subscription_ends_quietly_when_its_reader_leaves() {
    let place = Place::new();
    let hub = place.hub();
    let mut command = place.command(&["call", "hub.watch", "{\"intervalMs\": 100}"], &hub.as_admin());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("an item");
    assert_eq!(end(&mut child).code(), Some(0));
    let mut err = String::new();
    std::io::Read::read_to_string(&mut child.stderr.take().expect("piped"), &mut err).expect("UTF-8");
    assert_eq!(err, "");
}

#[test]
fn ctrl_c_stops_the_hub_in_good_order() {
    let place = Place::new();
    let mut hub = place.hub();
    interrupt(&hub.child);
    assert_eq!(end(&mut hub.child).code(), Some(0));
}
