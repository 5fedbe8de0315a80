//! `alkhub doctor`.

use serde_json::Value;

use super::program::{Place, Said};

fn findings<'a>(said: &'a Value, check: &str) -> Vec<&'a Value> {
    let all = said["findings"].as_array().expect("findings").iter();
    all.filter(|finding| finding["check"] == check).collect()
}

fn doctor(place: &Place, arguments: &[&str], variables: &[(&str, &str)]) -> Said {
    place.run(&[&["doctor", "--json"], arguments].concat(), variables)
}

#[test]
fn a_fresh_set_up_is_well_and_stays_untouched() {
    let place = Place::new();
    let said = doctor(&place, &["--listen", "127.0.0.1:0"], &[]).ends(0).json();
    assert_eq!(said["ok"], true, "{said}");
    for check in ["configuration", "data", "database", "address", "open files", "clock"] {
        assert!(!findings(&said, check).is_empty(), "{check}");
    }
    assert_eq!(std::fs::read_dir(place.path()).expect("read").count(), 0);
}

#[test]
fn each_fault_is_found_with_what_mends_it() {
    let place = Place::new();
    place.write("data", "in the way");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = taken.local_addr().expect("an address").to_string();
    // Whoever connects to the port finds nobody who answers.
    let thread = std::thread::spawn(move || drop(taken.accept()));
    let variables = [("ALKHUB_LISTN", "x"), ("ALKHUB_MASTER_KEY", "short")];
    let said = doctor(&place, &["--listen", &at], &variables).ends(1).json();
    thread.join().expect("ended");
    assert_eq!(said["ok"], false);
    for (check, grade) in
        [("configuration", "fail"), ("data", "fail"), ("address", "fail"), ("master key", "warn")]
    {
        let found = findings(&said, check);
        assert!(found.iter().any(|finding| finding["grade"] == grade), "{check}: {found:?}");
        assert!(found.iter().all(|finding| finding["mend"].as_str().is_some_and(|mend| !mend.is_empty())));
    }
    assert!(!said.to_string().contains("short\""), "{said}");
}

#[test]
fn a_running_hub_is_recognised_and_its_database_read() {
    let place = Place::new();
    let hub = place.hub();
    let at = hub.url.trim_start_matches("http://");
    let said = doctor(&place, &["--listen", at, "--data", "hub-data"], &[]).ends(0).json();
    assert!(
        findings(&said, "address")[0]["message"].as_str().is_some_and(|text| text.contains("a hub answers"))
    );
    let database = findings(&said, "database");
    assert!(database.iter().all(|finding| finding["grade"] == "ok") && database.len() == 2, "{database:?}");
    let events = findings(&said, "events");
    assert!(events.len() == 1 && events[0]["grade"] == "ok", "{events:?}");
}

#[test]
fn an_unreachable_database_and_collector_are_told_apart() {
    let place = Place::new();
    let variables = [
        ("ALKHUB_DATABASE_URL", "postgres://hub:hunter2@127.0.0.1:1/none"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1"),
    ];
    let said = doctor(&place, &["--listen", "127.0.0.1:0"], &variables).ends(1).json();
    assert_eq!(findings(&said, "database")[0]["grade"], "fail");
    assert_eq!(findings(&said, "traces")[0]["grade"], "warn");
    assert!(!said.to_string().contains("hunter2"), "{said}");
}
