//! What configuration is read from where, and what is refused.

use std::time::Duration;

use super::*;

const MASTER: &str = "a master key of some length";

/// Loads a file of this text, in a directory of its own, with these variables and flags.
fn load_with(
    file: &str,
    variables: &[(&str, &str)],
    flags: &[(&'static str, &str)],
) -> Result<Loaded, Problems> {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("alkhub.toml"), file).expect("written");
    load(&Sources {
        file: None,
        directory: Some(directory.path().to_path_buf()),
        variables: variables.iter().map(|(name, value)| (name.into(), value.into())).collect(),
        flags: flags
            .iter()
            .map(|(key, value)| Flag { name: "--flag", key, value: (*value).to_owned() })
            .collect(),
    })
}

/// The problems, with the directory taken out.
fn problems(file: &str, variables: &[(&str, &str)]) -> Vec<String> {
    let problems = load_with(file, variables, &[]).expect_err("a problem").0;
    let short = |problem: Problem| {
        let text = problem.to_string();
        text.find("alkhub.toml:").map_or_else(|| text.clone(), |at| text[at..].to_owned())
    };
    problems.into_iter().map(short).collect()
}

#[test]
fn without_anything_the_defaults_stand() {
    let loaded = load(&Sources::default()).expect("loads");
    assert_eq!(loaded.file, None);
    assert_eq!(loaded.config.server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(loaded.config.database_url().expose(), "sqlite://data/alkhub.db?mode=rwc");
    assert!(loaded.entries().iter().all(|(_, _, origin)| *origin == Origin::Default));
}

#[test]
fn flags_override_variables_override_the_file() {
    let file = "data = \"from-file\"\n[server]\nlisten = \"127.0.0.1:1\"\n[limits]\nbody_bytes = \"4MiB\"\nheaders = 50\n";
    let loaded = load_with(
        file,
        &[("ALKHUB_LISTEN", "127.0.0.1:2"), ("ALKHUB_LIMITS__HEADERS", "60"), ("UNRELATED", "x")],
        &[("server.listen", "127.0.0.1:3")],
    )
    .expect("loads");
    assert_eq!(loaded.config.server.listen.port(), 3);
    assert_eq!(loaded.origin("server.listen"), Origin::Flag { name: "--flag".to_owned() });
    assert_eq!(loaded.config.limits.headers, 60);
    assert_eq!(loaded.origin("limits.headers"), Origin::Env { name: "ALKHUB_LIMITS__HEADERS".to_owned() });
    assert_eq!(loaded.config.limits.body_bytes, 4 << 20);
    assert!(matches!(loaded.origin("limits.body_bytes"), Origin::File { line: 5, column: 14, .. }));
    assert_eq!(loaded.config.data.to_str(), Some("from-file"));
}

#[test]
fn the_more_particular_variable_wins_whatever_their_order() {
    let names = [("ALKHUB_SERVER__LISTEN", "127.0.0.1:2"), ("ALKHUB_LISTEN", "127.0.0.1:1")];
    assert_eq!(load_with("", &names, &[]).expect("loads").config.server.listen.port(), 2);
    let names = [("ALKHUB_TELEMETRY__SERVICE_NAME", "ours"), ("OTEL_SERVICE_NAME", "standard")];
    assert_eq!(load_with("", &names, &[]).expect("loads").config.telemetry.service_name, "ours");
    assert_eq!(load_with("", &names[1..], &[]).expect("loads").config.telemetry.service_name, "standard");
}

#[test]
fn unknown_keys_are_errors_that_name_the_nearest() {
    let file = "[server]\nlisen = \"127.0.0.1:1\"\nbody_bytes = 5\n[limit]\nx = 1\n[zebra.crossing]\ny = 2\n";
    assert_eq!(
        problems(file, &[("ALKHUB_LISTN", "x"), ("ALKHUB_LIMITS__BODY_BITES", "1")]),
        [
            "alkhub.toml:2:1: unknown key `server.lisen`\n    did you mean `server.listen`?",
            "alkhub.toml:3:1: unknown key `server.body_bytes`\n    did you mean `limits.body_bytes`?",
            "alkhub.toml:4:2: unknown section `limit`\n    did you mean `limits`?",
            "alkhub.toml:6:2: unknown section `zebra`\n    \
             `alkhub config check` lists every key; docs/configuration.md explains them",
            "ALKHUB_LISTN: unknown variable\n    did you mean `ALKHUB_LISTEN`?",
            "ALKHUB_LIMITS__BODY_BITES: unknown variable\n    did you mean `ALKHUB_LIMITS__BODY_BYTES`?",
        ]
    );
}

#[test]
fn every_bad_value_says_where_what_and_what_would_be_right() {
    let file = "[limits]\nbody_bytes = \"2 potatoes\"\ncall_timeout = 30\nheaders = -1\n\
                [log]\nfilter = \"inof\"\n[telemetry]\nsample_ratio = 2\n[server]\nlisten = \"8080\"\n";
    let found = problems(
        file,
        &[("ALKHUB_METRICS__PUBLIC", "maybe"), ("ALKHUB_DATABASE_URL", "mysql://u:hunter2@h")],
    );
    let all = found.join("\n");
    for wanted in [
        "alkhub.toml:2:14: limits.body_bytes: `2 potatoes` cannot be used\n    expected a size such as",
        "alkhub.toml:3:16: limits.call_timeout: `30` cannot be used\n    expected a duration with its unit",
        "alkhub.toml:4:11: limits.headers: `-1` cannot be used\n    expected a whole number",
        "alkhub.toml:6:10: log.filter: `inof` is not a level\n    expected a level",
        "alkhub.toml:8:16: telemetry.sample_ratio: 2 is not a share",
        "alkhub.toml:10:10: server.listen: `8080` cannot be used\n    expected an IP address and a port",
        "ALKHUB_METRICS__PUBLIC: metrics.public: `maybe` cannot be used\n    expected `true` or `false`",
        "ALKHUB_DATABASE_URL: database.url: it names no database that the hub knows",
    ] {
        assert!(all.contains(wanted), "missing: {wanted}\nin:\n{all}");
    }
    assert_eq!(found.len(), 8, "{all}");
    assert!(!all.contains("hunter2"), "{all}");
}

#[test]
fn a_file_that_is_no_toml_is_told_with_its_place_and_nothing_else() {
    let found = problems("data = \"x\"\n[server\nlisten = 1\n", &[]);
    assert!(found[0].starts_with("alkhub.toml:2:"), "{found:?}");
    assert!(!found.iter().any(|problem| problem.contains("listen")), "{found:?}");
}

#[test]
fn the_column_counts_characters() {
    assert!(problems("cors = { \"grüße\" = 1, x = 2 }", &[])[1].starts_with("alkhub.toml:1:23:"));
}

#[test]
fn a_named_file_must_exist() {
    let missing = std::path::PathBuf::from("/nonexistent/alkhub.toml");
    let error =
        load(&Sources { file: Some(missing), ..Sources::default() }).expect_err("missing").to_string();
    assert!(error.starts_with("--config: cannot read /nonexistent/alkhub.toml"), "{error}");
    let error =
        load_with("", &[("ALKHUB_CONFIG", "/nonexistent/x.toml")], &[]).expect_err("missing").to_string();
    assert!(error.starts_with("ALKHUB_CONFIG: cannot read"), "{error}");
}

#[test]
fn sealed_values_open_under_the_master_key_and_stay_hidden() {
    let sealed = crate::crypto::seal(MASTER, b"10.0.0.5:9000").expect("seals");
    let file = format!(
        "[server]\nlisten = {{ keyVersion = 1, salt = \"{}\", iv = \"{}\", data = \"{}\" }}\n",
        sealed.salt, sealed.iv, sealed.data
    );
    let loaded = load_with(&file, &[("ALKHUB_MASTER_KEY", MASTER)], &[]).expect("loads");
    assert_eq!(loaded.config.server.listen.to_string(), "10.0.0.5:9000");
    let shown = loaded.entries().into_iter().find(|(key, ..)| key.path == "server.listen").expect("there");
    assert_eq!(shown.1, Shown::Hidden);

    let found = problems(&file, &[]);
    assert!(found[0].contains("there is no master key\n    set ALKHUB_MASTER_KEY"), "{found:?}");
    let found = problems(&file, &[("ALKHUB_MASTER_KEY", "another")]);
    assert!(found[0].contains("does not open with this master key"), "{found:?}");
    let overridden =
        load_with(&file, &[("ALKHUB_MASTER_KEY", MASTER), ("ALKHUB_LISTEN", "127.0.0.1:1")], &[]);
    let shown =
        overridden.expect("loads").entries().into_iter().find(|(key, ..)| key.path == "server.listen");
    assert_ne!(shown.expect("there").1, Shown::Hidden);
    let found = problems("data = { salt = \"x\" }", &[]);
    assert!(found[0].contains("needs key_version (a number)"), "{found:?}");
}

#[test]
fn the_decrypted_text_is_not_quoted_when_it_is_wrong() {
    let sealed = crate::crypto::seal(MASTER, b"hunter2").expect("seals");
    let file = format!(
        "[server]\nlisten = {{ key_version = 1, salt = \"{}\", iv = \"{}\", data = \"{}\" }}\n",
        sealed.salt, sealed.iv, sealed.data
    );
    let found = problems(&file, &[("ALKHUB_MASTER_KEY", MASTER)]);
    assert!(
        found[0].contains("the decrypted value cannot be used") && !found[0].contains("hunter2"),
        "{found:?}"
    );
}

#[test]
fn the_master_key_comes_from_its_file_unless_the_environment_has_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("master.key");
    std::fs::write(&path, "from the file\n").expect("written");
    let file = format!("secrets.master_key_file = {path:?}\n");
    let key = |loaded: Loaded| loaded.config.secrets.master_key.expect("set").expose().to_owned();
    assert_eq!(key(load_with(&file, &[], &[]).expect("loads")), "from the file");
    assert_eq!(key(load_with(&file, &[("ALKHUB_MASTER_KEY", "env")], &[]).expect("loads")), "env");
    std::fs::write(&path, "\n").expect("written");
    assert!(problems(&file, &[])[0].contains("master.key is empty"));
    assert!(
        problems("secrets.master_key = \"x\"", &[])[0].contains("set the variable ALKHUB_MASTER_KEY instead")
    );
}

#[test]
fn the_bootstrap_key_must_have_its_form() {
    let good = format!("alk_{}_{}", "a1".repeat(8), "0f".repeat(32));
    let loaded = load_with("", &[("ALKHUB_BOOTSTRAP_KEY", &good)], &[]).expect("loads");
    assert_eq!(loaded.config.bootstrap_key.expect("set").expose(), good);
    for wrong in [
        format!("alk_{}_{}", "a1".repeat(7), "0f".repeat(32)),
        format!("alk_{}_{}", "A1".repeat(8), "0f".repeat(32)),
        format!("alk_{}_{}", "a1".repeat(8), "0f".repeat(31)),
        good.replace("alk_", "key_"),
    ] {
        let found = problems("", &[("ALKHUB_BOOTSTRAP_KEY", &wrong)]);
        assert!(found[0].contains("it is not a key") && !found[0].contains(&wrong), "{found:?}");
    }
}

#[test]
fn variables_of_others_are_let_be_and_empty_ones_are_not_set() {
    let others = [
        ("ALKHUB_SERVICE_HOST", "10.0.0.1"),
        ("ALKHUB_PORT", "tcp://10.0.0.1:80"),
        ("ALKHUB_PORT_8080_TCP_ADDR", "10.0.0.1"),
        ("ALKHUB_KEY", "alk_x"),
        ("ALKHUB_DATA", ""),
    ];
    let loaded = load_with("", &others, &[]).expect("loads");
    assert_eq!(loaded.origin("data"), Origin::Default);
}

#[test]
fn cors_lists_read_from_both_and_must_be_origins() {
    let origins = |loaded: Loaded| loaded.config.cors.allowed_origins;
    let file = "[cors]\nallowed_origins = [\"https://a.example\", \"http://localhost:3000\"]\n";
    assert_eq!(origins(load_with(file, &[], &[]).expect("loads")).len(), 2);
    let variable = [("ALKHUB_CORS__ALLOWED_ORIGINS", "https://a.example, *")];
    assert_eq!(origins(load_with("", &variable, &[]).expect("loads")), ["https://a.example", "*"]);
    for wrong in ["a.example", "https://a.example/", "https://a.example/path", "https://A.example"] {
        assert!(
            problems("", &[("ALKHUB_CORS__ALLOWED_ORIGINS", wrong)])[0].contains("is not an origin"),
            "{wrong}"
        );
    }
}

#[test]
fn a_directory_name_cannot_become_part_of_the_url() {
    let config = Config { data: "a?b#c%".into(), ..Config::default() };
    assert_eq!(config.database_url().expose(), "sqlite://a%3fb%23c%25/alkhub.db?mode=rwc");
    assert_eq!(config.limits.call_timeout, Duration::from_secs(60));
}

#[test]
fn export_headers_are_pairs() {
    let loaded = load_with("", &[("OTEL_EXPORTER_OTLP_HEADERS", "a=1, b = 2=3,c")], &[]).expect("loads");
    let pairs: Vec<(String, String)> = loaded.config.telemetry.headers().collect();
    assert_eq!(pairs, [("a".to_owned(), "1".to_owned()), ("b".to_owned(), "2=3".to_owned())]);
}

#[test]
fn the_url_of_redis_is_a_secret_and_its_faults_are_named_without_it() {
    let good = "rediss://hub:hunter2@redis.example.org:6380/1";
    let loaded = load_with("redis.prefix = \"hub:\"", &[("ALKHUB_REDIS_URL", good)], &[]).expect("loads");
    assert!(
        loaded.entries().iter().any(|(key, shown, _)| key.path == "redis.url" && *shown == Shown::Hidden)
    );
    let settings = loaded.config.bus_settings().expect("a bus");
    assert_eq!((settings.url.expose(), &*settings.prefix), (good, "hub:"));
    let apart = [("ALKHUB_REDIS_URL", good), ("ALKHUB_REDIS_PUBSUB_URL", "redis://near")];
    let loaded = load_with("", &apart, &[]).expect("loads");
    assert_eq!(loaded.config.bus_settings().expect("a bus").url.expose(), "redis://near");
    assert!(Config::default().bus_settings().is_none());
    for key in ["url", "pubsub_url"] {
        let found = problems(&format!("[redis]\n{key} = \"https://hub:hunter2@host\""), &[]);
        assert!(found[0].contains(&format!("redis.{key}: it does not begin with redis://")), "{found:?}");
        assert!(!found[0].contains("hunter2"), "{found:?}");
    }
    let found = problems("[cluster]\nheartbeat = \"1ms\"", &[]);
    assert!(found[0].contains("cluster.heartbeat"), "{found:?}");
}
