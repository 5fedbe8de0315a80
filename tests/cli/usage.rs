//! Wrong usage, help, completions.

use std::io::Read;
use std::process::Stdio;

use super::program::{ADMIN, Place};

#[test]
fn wrong_flags_are_wrong_usage_and_name_the_right_one() {
    let place = Place::new();
    let said = place.run(&["serve", "--lisen", "127.0.0.1:0"], &[]).ends(2);
    assert!(said.err.contains("--lisen") && said.err.contains("--listen"), "{}", said.err);
    place.run(&["frobnicate"], &[]).ends(2);
    place.run(&["--listen", "127.0.0.1:0", "doctor"], &[]).ends(2);
    place.run(&["call"], &[]).ends(2);
    place.run(&["call", "hub.info", "{no json}"], &[]).ends(2);
    place.run(&["call", "hub.info", "--hub", "not a url"], &[]).ends(2);
    place.run(&["call", "hub.info", "--key-file", "absent"], &[]).ends(2);
}

#[test]
fn help_has_examples_and_exit_codes_and_shows_no_key() {
    let place = Place::new();
    let said = place.run(&["--help"], &[]).ends(0);
    assert!(said.out.contains("Examples:") && said.out.contains("Exit codes:"), "{}", said.out);
    for command in ["call", "keys", "migrate", "doctor", "completions"] {
        let said = place.run(&[command, "--help"], &[("ALKHUB_KEY", ADMIN)]).ends(0);
        assert!(!said.out.contains(ADMIN), "{command}");
    }
    let version = place.run(&["--version"], &[]).ends(0).out;
    assert_eq!(version, format!("alkhub {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn completions_know_the_commands() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = place.run(&["completions", shell], &[]).ends(0).out;
        assert!(script.contains("doctor") && script.contains("alkhub"), "{shell}");
    }
    place.run(&["completions", "tcsh"], &[]).ends(2);
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    let place = Place::new();
    for arguments in [&["openapi"][..], &["completions", "bash"], &["config", "check"], &["--help"]] {
        let mut command = place.command(arguments, &[]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        drop(child.stdout.take());
        let mut err = String::new();
        child.stderr.take().expect("piped").read_to_string(&mut err).expect("UTF-8");
        let status = child.wait().expect("it ends");
        assert_eq!((status.code(), err.as_str()), (Some(0), ""), "{arguments:?}");
    }
}

#[test]
fn piped_output_has_no_colours() {
    let place = Place::new();
    for arguments in [&["doctor"][..], &["config", "check"], &["frobnicate"]] {
        let said = place.run(arguments, &[("TERM", "xterm-256color"), ("ALKHUB_LISTEN", "127.0.0.1:0")]);
        assert!(!said.out.contains('\u{1b}') && !said.err.contains('\u{1b}'), "{arguments:?}");
    }
}

#[test]
fn the_document_is_printed() {
    let document = Place::new().run(&["openapi"], &[]).ends(0).json();
    assert!(document["paths"]["/api/keys"].is_object());
}
