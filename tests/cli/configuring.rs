//! `alkhub config`, and what `serve` says of a configuration that it cannot use.

use super::program::Place;

#[test]
fn everything_wrong_is_told_at_once_with_its_place() {
    let place = Place::new();
    place.write("alkhub.toml", "[server]\nlisen = \"x\"\n[limits]\nbody_bytes = \"2 potatoes\"\n");
    let variables = [("ALKHUB_LISTN", "x")];
    for arguments in [&["config", "check"][..], &["serve"], &[], &["migrate", "status"]] {
        let said = place.run(arguments, &variables).ends(1);
        for wanted in [
            "alkhub.toml:2:1: unknown key `server.lisen`",
            "did you mean `server.listen`?",
            "alkhub.toml:4:14: limits.body_bytes: `2 potatoes` cannot be used",
            "ALKHUB_LISTN: unknown variable",
            "did you mean `ALKHUB_LISTEN`?",
        ] {
            assert!(said.err.contains(wanted), "{arguments:?} lacks {wanted}:\n{}", said.err);
        }
        assert_eq!(said.out, "");
    }
    let said = place.run(&["config", "check", "--json"], &variables).ends(1).json();
    assert_eq!(said["ok"], false);
    assert_eq!(said["problems"].as_array().map(Vec::len), Some(3));
    assert_eq!(said["problems"][0]["origin"]["line"], 2);
}

#[test]
fn secrets_are_hidden_and_origins_shown() {
    let place = Place::new();
    place.write("alkhub.toml", "[database]\nurl = \"postgres://hub:hunter2@db/alkhub\"\n");
    let bootstrap = format!("alk_{}_{}", "a1".repeat(8), "0f".repeat(32));
    let variables = [("ALKHUB_MASTER_KEY", "hunter2-the-master"), ("ALKHUB_BOOTSTRAP_KEY", &*bootstrap)];
    let shown = place.run(&["config", "check", "--data", "elsewhere", "--log", "debug"], &variables).ends(0);
    let json = place.run(&["config", "check", "--json"], &variables).ends(0);
    for said in [&shown, &json] {
        assert!(!said.out.contains("hunter2") && !said.out.contains("0f0f"), "{}", said.out);
    }
    let line = |key: &str| shown.out.lines().find(|line| line.starts_with(key)).expect(key).to_owned();
    assert!(line("database.url").contains("[hidden]") && line("database.url").ends_with("alkhub.toml:2:7"));
    assert!(line("data ").contains("elsewhere") && line("data ").ends_with("--data"));
    assert!(line("log.filter").contains("debug") && line("log.filter").ends_with("--log"));
    assert!(line("secrets.master_key ").ends_with("ALKHUB_MASTER_KEY"));
    assert!(line("limits.body_bytes").contains("2MiB") && line("limits.body_bytes").ends_with("default"));
}

#[test]
fn what_encrypt_prints_can_be_put_into_the_file() {
    let place = Place::new();
    let master = [("ALKHUB_MASTER_KEY", "a long enough master key")];
    let sealed =
        place.run_with_input(&["config", "encrypt"], &master, "postgres://u:hunter2@h/d\n").ends(0).out;
    assert!(!sealed.contains("hunter2"));
    place.write("alkhub.toml", &format!("[database]\nurl = {sealed}"));
    place.run(&["config", "check"], &master).ends(0);
    let said = place.run(&["config", "check"], &[("ALKHUB_MASTER_KEY", "another one")]).ends(1);
    assert!(said.err.contains("does not open with this master key"), "{}", said.err);
    let said = place.run(&["config", "check"], &[]).ends(1);
    assert!(said.err.contains("there is no master key"), "{}", said.err);
    let said = place.run_with_input(&["config", "encrypt"], &[], "x").ends(1);
    assert!(said.err.contains("ALKHUB_MASTER_KEY"), "{}", said.err);
    place.run_with_input(&["config", "encrypt"], &master, "\n").ends(2);
}

#[test]
fn serve_says_what_keeps_it_from_starting() {
    let place = Place::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = taken.local_addr().expect("an address").to_string();
    let said = place.run(&["serve", "--listen", &at], &[]).ends(1);
    assert!(said.err.contains("cannot listen on") && said.err.contains("--listen"), "{}", said.err);
    let said = place.run(&["serve", "--listen", "127.0.0.1:0", "--no-migrate"], &[]).ends(1);
    assert!(said.err.contains("alkhub migrate up"), "{}", said.err);
}

#[test]
fn migrations_are_shown_run_and_run_only_once() {
    let place = Place::new();
    let pending = place.run(&["migrate", "status", "--json"], &[]).ends(1).json();
    assert!(pending["pending"].as_array().is_some_and(|steps| !steps.is_empty()));
    let applied = place.run(&["migrate", "up", "--json"], &[]).ends(0).json();
    assert_eq!(applied["applied"], pending["pending"]);
    assert!(place.run(&["migrate", "up"], &[]).ends(0).out.contains("up to date"));
    place.run(&["migrate", "status"], &[]).ends(0);
    assert!(place.path().join("data/alkhub.db").exists());
}
