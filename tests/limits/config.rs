//! What of `[rate]` and `[idempotency]` is refused before a hub starts.

use alkhub::config::{Flag, Sources, load};

fn problem(key: &'static str, value: &str) -> Option<String> {
    let flag = Flag { name: "--flag", key, value: value.to_owned() };
    let loaded = load(&Sources { flags: vec![flag], ..Default::default() });
    loaded.err().map(|problems| problems.to_string())
}

#[test]
fn what_cannot_work_is_refused_with_what_would() {
    for (key, value, right) in [
        ("rate.key", "many", "100/1s"),
        ("rate.key", "10/10ms", "100/1s"),
        ("rate.anonymous", "0/1s", "off"),
        ("rate.operations", "project.create", "project.create=10/1m"),
        ("rate.operations", "project.create=10/1m,[=1/1s", "project.create=10/1m"),
        ("rate.proxies", "-1", "whole number"),
        ("rate.proxies", "17", "16 or less"),
        ("idempotency.keep", "1s", "1m or more"),
        ("idempotency.lease", "10ms", "1s or more"),
    ] {
        let said = problem(key, value).unwrap_or_else(|| panic!("{key} = {value} was taken"));
        assert!(said.contains(key) && said.contains(right), "{said}");
    }
}

#[test]
fn what_can_work_is_taken() {
    for (key, value) in [
        ("rate.key", "off"),
        ("rate.key", "6000/1m"),
        ("rate.anonymous", "100 / 1s"),
        ("rate.operations", "project.create=10/1m, hub.*=off"),
        ("rate.proxies", "2"),
        ("idempotency.keep", "7d"),
        ("idempotency.lease", "30s"),
    ] {
        assert_eq!(problem(key, value), None, "{key} = {value}");
    }
}
