//! Whether secrets are kept as secrets.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::finding::Finding;
use crate::config::{Loaded, Origin, Shown};

const NAME: &str = "master key";
/// A passphrase shorter than this can be tried out.
const SHORT: usize = 16;

pub(super) fn check(loaded: &Loaded) -> Vec<Finding> {
    let secrets = &loaded.config.secrets;
    let mut findings = vec![match &secrets.master_key {
        // As `Vault::of` has it.
        None if loaded.config.database_url().expose().starts_with("sqlite:") => Finding::ok(
            NAME,
            "none is set; the hub seals with one of its own, `master.key` beside its database",
        ),
        None => Finding::warn(
            NAME,
            "none is set, so that no credentials of services and providers can be stored",
            "set ALKHUB_MASTER_KEY or `secrets.master_key_file`, the same for all processes",
        ),
        Some(key) if key.expose().chars().count() < SHORT => Finding::warn(
            NAME,
            format!("it has fewer than {SHORT} characters and could be guessed"),
            "make a longer one and encrypt with it what the old one encrypted",
        ),
        Some(_) => Finding::ok(NAME, "is set"),
    }];
    if let Some(file) = &secrets.master_key_file {
        findings.extend(open_to_others(file, "the master key"));
    }
    let in_file = |(_, shown, origin): &(_, Shown, Origin)| {
        matches!(shown, Shown::Hidden)
            && matches!(origin, Origin::File { path, .. } if Some(path) == loaded.file.as_ref())
    };
    if let Some(file) = &loaded.file
        && loaded.entries().iter().any(in_file)
    {
        findings.extend(open_to_others(file, "secrets"));
    }
    findings
}

fn open_to_others(file: &Path, what: &str) -> Option<Finding> {
    let mode = std::fs::metadata(file).ok()?.permissions().mode() & 0o777;
    let shown = file.display();
    (mode & 0o077 != 0).then(|| {
        let message = format!("{shown} holds {what} and other users can read it (mode {mode:03o})");
        Finding::warn(NAME, message, format!("chmod 600 {shown}"))
    })
}
