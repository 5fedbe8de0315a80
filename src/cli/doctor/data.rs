//! Whether the data directory can be used, is private, and has space.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::finding::Finding;
use crate::config::Config;

const NAME: &str = "data";
const MIB: u64 = 1 << 20;
/// SQLite needs space for its write-ahead log even to delete something.
const TOO_LITTLE: u64 = 64 * MIB;
const LITTLE: u64 = 1024 * MIB;

pub(super) fn check(config: &Config) -> Vec<Finding> {
    let directory = config.data.as_path();
    let shown = directory.display();
    let metadata = match std::fs::metadata(directory) {
        Ok(metadata) if metadata.is_dir() => metadata,
        Ok(_) => {
            let mend = "choose a directory with --data or the key `data`";
            return vec![Finding::fail(NAME, format!("{shown} is not a directory"), mend)];
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return vec![absent(directory)],
        Err(error) => {
            let mend = "let the hub's user in, or choose another directory with --data";
            return vec![Finding::fail(NAME, format!("{shown}: {error}"), mend)];
        }
    };
    let mut findings = vec![match write(directory) {
        Ok(()) => Finding::ok(NAME, format!("{shown} can be written")),
        Err(error) => {
            let mend = format!("as an administrator: chown -R USER {shown}, where USER runs the hub");
            Finding::fail(NAME, format!("{shown} cannot be written: {error}"), mend)
        }
    }];
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let message = format!("{shown} is open to other users of this machine (mode {mode:03o})");
        findings.push(Finding::warn(NAME, message, format!("chmod 700 {shown}")));
    }
    findings.extend(space(directory));
    findings
}

/// `serve` makes the directory; whether it will be able to shows in the nearest directory that exists.
fn absent(directory: &Path) -> Finding {
    let shown = directory.display();
    let parents = directory.ancestors().skip(1);
    let parent = parents.map(|path| if path.as_os_str().is_empty() { Path::new(".") } else { path });
    let parent = parent.into_iter().find(|path| path.is_dir()).unwrap_or_else(|| Path::new("."));
    match write(parent) {
        Ok(()) => Finding::ok(NAME, format!("{shown} does not exist yet; `alkhub serve` makes it")),
        Err(error) => Finding::fail(
            NAME,
            format!("{shown} does not exist and cannot be made: {}: {error}", parent.display()),
            "make it and give it to the hub's user, or choose another one with --data",
        ),
    }
}

/// Permissions do not tell of read-only or full disks; writing does.
fn write(directory: &Path) -> std::io::Result<()> {
    let path = directory.join(format!(".alkhub-doctor-{}", std::process::id()));
    let written = std::fs::write(&path, b"test");
    let removed = std::fs::remove_file(&path);
    written.and(removed)
}

fn space(directory: &Path) -> Option<Finding> {
    let disk = rustix::fs::statvfs(directory).ok()?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let message = format!("{} MiB free", free / MIB);
    Some(match free {
        0..TOO_LITTLE => Finding::fail(NAME, message, "free space, or move the data to a larger disk"),
        TOO_LITTLE..LITTLE => Finding::warn(NAME, message, "free space before it runs out"),
        _ => Finding::ok(NAME, message),
    })
}

#[cfg(test)]
mod tests {
    use super::super::finding::Grade;
    use super::*;

    fn grades(data: &Path) -> Vec<(Grade, String)> {
        let config = Config { data: data.to_path_buf(), ..Config::default() };
        check(&config).into_iter().map(|finding| (finding.grade, finding.message)).collect()
    }

    #[test]
    fn a_private_directory_is_well_an_open_one_is_warned_of() {
        let directory = tempfile::tempdir().expect("a directory");
        let set =
            |mode| std::fs::set_permissions(directory.path(), PermissionsExt::from_mode(mode)).expect("set");
        set(0o700);
        assert_eq!(grades(directory.path())[0].0, Grade::Ok);
        assert_eq!(grades(directory.path()).len(), 2);
        set(0o755);
        assert!(grades(directory.path())[1].1.contains("mode 755"));
        assert_eq!(std::fs::read_dir(directory.path()).expect("read").count(), 0, "nothing is left behind");
    }

    #[test]
    fn a_file_in_its_place_fails_and_an_absent_one_will_be_made() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("file");
        std::fs::write(&file, "").expect("written");
        assert_eq!(grades(&file)[0].0, Grade::Fail);
        assert_eq!(grades(&file.join("below"))[0].0, Grade::Fail);
        let absent = grades(&directory.path().join("a/b"));
        assert_eq!(absent[0].0, Grade::Ok);
        assert!(absent[0].1.contains("does not exist yet"));
    }
}
