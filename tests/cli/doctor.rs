//! `alkhub doctor`.

use serde_json::Value;

use super::program::{Place, Said};
use crate::support::redis::RedisServer;

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
fn redis_is_looked_at_where_it_is_configured() {
    let place = Place::new();
    let quiet = doctor(&place, &["--listen", "127.0.0.1:0"], &[]).ends(0).json();
    assert!(findings(&quiet, "redis").is_empty());
    // Nobody there; one that is no Redis; and one behind TLS that is none.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let silent = silent.local_addr().expect("an address");
    for url in ["redis://:hunter2@127.0.0.1:1".to_owned(), format!("rediss://:hunter2@{silent}")] {
        let variables = [("ALKHUB_REDIS_URL", &*url), ("ALKHUB_REDIS__TIMEOUT", "1s")];
        let said = doctor(&place, &["--listen", "127.0.0.1:0"], &variables).ends(1).json();
        assert_eq!(findings(&said, "redis")[0]["grade"], "fail", "{said}");
        assert!(!said.to_string().contains("hunter2"), "{said}");
    }
    // A bad URL is told once, as a fault of the configuration.
    let variables = [("ALKHUB_REDIS_URL", "http://:hunter2@127.0.0.1")];
    let said = doctor(&place, &["--listen", "127.0.0.1:0"], &variables).ends(1).json();
    let told = findings(&said, "configuration")[0]["message"].to_string();
    assert!(told.contains("redis.url") && told.contains("redis://"), "{told}");
    assert!(!said.to_string().contains("hunter2"), "{said}");
}

#[tokio::test]
async fn a_redis_that_works_and_one_that_is_locked() {
    let Some(server) = RedisServer::start(Some("hunter2")).await else { return };
    let place = Place::new();
    let url = server.url();
    let variables = [("ALKHUB_REDIS_URL", &*url), ("ALKHUB_REDIS_PUBSUB_URL", &*url)];
    let said = doctor(&place, &["--listen", "127.0.0.1:0"], &variables).ends(0).json();
    let found = findings(&said, "redis");
    assert!(found.len() == 2 && found.iter().all(|finding| finding["grade"] != "fail"), "{said}");
    assert!(found[0]["message"].as_str().is_some_and(|text| text.contains("there and back")), "{said}");
    let wrong = url.replace("hunter2", "hunter3");
    let said = doctor(&place, &["--listen", "127.0.0.1:0"], &[("ALKHUB_REDIS_URL", &wrong)]).ends(1).json();
    let told = &findings(&said, "redis")[0]["message"];
    assert!(told.as_str().is_some_and(|text| text.contains("does not let the hub in")), "{said}");
    assert!(!said.to_string().contains("hunter"), "{said}");
}

#[tokio::test]
async fn a_redis_behind_tls_is_believed_only_with_a_certificate_of_a_known_authority() {
    let Some(server) = RedisServer::start_tls("p%40ss").await else { return };
    let place = Place::new();
    let (url, authority) = (server.url(), server.authority());
    let known = [("ALKHUB_REDIS_URL", &*url), ("SSL_CERT_FILE", &*authority)];
    let said = doctor(&place, &["--listen", "127.0.0.1:0"], &known).ends(0).json();
    assert_ne!(findings(&said, "redis")[0]["grade"], "fail", "{said}");
    let said = doctor(&place, &["--listen", "127.0.0.1:0"], &known[..1]).ends(1).json();
    let told = &findings(&said, "redis")[0]["message"];
    assert!(told.as_str().is_some_and(|text| text.contains("certificate")), "{said}");
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
