//! `alkhub keys`.

use super::program::{ADMIN, Place};

#[test]
fn a_key_lives_from_its_making_to_its_end() {
    let place = Place::new();
    let hub = place.hub();
    let create = ["keys", "create", "reader", "--scope", "project:read", "--expires-in", "90d"];
    let made = place.run(&create, &hub.as_admin()).ends(0);
    // Alone on standard output, for `KEY=$(...)`.
    let token = made.out.trim();
    assert!(token.starts_with("alk_") && made.out.lines().count() == 1, "{}", made.out);
    let id = token.split('_').nth(1).expect("an id");

    place.run(&["call", "project.list"], &hub.as_holder_of(token)).ends(0);
    place.run(&["keys", "list"], &hub.as_holder_of(token)).ends(4);

    let list = place.run(&["keys", "list"], &hub.as_admin()).ends(0).out;
    assert!(list.contains(id) && list.contains("reader") && list.contains("project:read"), "{list}");
    assert!(!list.contains(&token[token.len() - 64..]), "{list}");
    let one = place.run(&["keys", "get", id, "--json"], &hub.as_admin()).ends(0).json();
    assert_eq!((&one["name"], &one["status"]), (&"reader".into(), &"active".into()));
    assert!(one["expiresAt"].is_string());

    let rotated = place.run(&["keys", "rotate", id, "--json"], &hub.as_admin()).ends(0).json();
    place.run(&["call", "project.list"], &hub.as_holder_of(token)).ends(4);
    let token = rotated["token"].as_str().expect("a token");
    place.run(&["call", "project.list"], &hub.as_holder_of(token)).ends(0);

    place.run(&["keys", "revoke", id], &hub.as_admin()).ends(0);
    place.run(&["call", "project.list"], &hub.as_holder_of(token)).ends(4);
    let active = place.run(&["keys", "list", "--status", "active", "--json"], &hub.as_admin()).ends(0).json();
    assert!(active.as_array().expect("a list").iter().all(|key| key["id"] != id));
}

#[test]
fn a_key_comes_from_a_file_and_the_flag_wins_over_the_variable() {
    let place = Place::new();
    let hub = place.hub();
    place.write("key", &format!("{ADMIN}\n"));
    let hub_only = [("ALKHUB_HUB", hub.url.as_str())];
    place.run(&["keys", "list", "--key-file", "key"], &hub_only).ends(0);
    place.run(&["keys", "list"], &[hub_only[0], ("ALKHUB_KEY_FILE", "key")]).ends(0);
    place.run(&["keys", "list", "--key-file", "key"], &hub.as_holder_of("alk_wrong_wrong")).ends(0);
    place.run(&["keys", "list"], &hub.as_holder_of("alk_wrong_wrong")).ends(4);
    place.run(&["keys", "list", "--key", "a b"], &hub_only).ends(2);
}

#[test]
fn unknown_keys_are_not_found_and_wrong_resources_are_wrong_usage() {
    let place = Place::new();
    let hub = place.hub();
    place.run(&["keys", "get", "nosuchkeynosuchkey"], &hub.as_admin()).ends(6);
    place.run(&["keys", "create", "x", "--resource", "nonsense"], &hub.as_admin()).ends(2);
    place.run(&["keys", "create", "x", "--scope", "NOT A SCOPE"], &hub.as_admin()).ends(5);
}

#[test]
fn a_lost_admin_key_is_replaced_in_the_database_while_the_hub_runs() {
    let place = Place::new();
    let hub = place.hub();
    let made = place.run(&["keys", "reset-admin", "--data", "hub-data"], &[]).ends(0);
    let token = made.out.trim();
    assert!(token.starts_with("alk_"), "{}", made.out);
    let audit = place.run(&["call", "audit.list"], &hub.as_holder_of(token)).ends(0).out;
    let id = token.split('_').nth(1).expect("an id");
    assert!(audit.contains(id), "{audit}");
}
