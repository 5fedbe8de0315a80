//! The hub as a process of its own.

use std::{
    env,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

pub const KEY: &str =
    "alk_progenitortests0001_5ca1ab1e5ca1ab1e5ca1ab1e5ca1ab1e5ca1ab1e5ca1ab1e5ca1ab1e5ca1ab1e";
const START: Duration = Duration::from_secs(30);

/// A hub with a database of its own; ended when dropped.
pub struct Hub {
    pub url: String,
    process: Child,
    _data: TempDir,
}

impl Hub {
    pub async fn start() -> Self {
        let data = TempDir::new().expect("a folder");
        let log = data.path().join("output.log");
        let file = std::fs::File::create(&log).expect("a log file");
        let process = Command::new(binary())
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data.path().join("hub"))
            .current_dir(data.path())
            .env("ALKHUB_BOOTSTRAP_KEY", KEY)
            .env_remove("ALKHUB_DATABASE_URL")
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("a second handle"))
            .stderr(file)
            .spawn()
            .expect("the hub starts");
        let mut hub = Self { url: String::new(), process, _data: data };
        let deadline = Instant::now() + START;
        while Instant::now() < deadline {
            let text = std::fs::read_to_string(&log).unwrap_or_default();
            if let Some(status) = hub.process.try_wait().expect("a child") {
                panic!("the hub ended at start with {status}\n{text}");
            }
            let mut words = text.split_whitespace();
            if let Some(url) = words.find(|word| word.starts_with("http://127.0.0.1:")) {
                hub.url = url.trim_end_matches('/').to_owned();
                if reqwest::get(format!("{}/readyz", hub.url))
                    .await
                    .is_ok_and(|answer| answer.status() == 200)
                {
                    return hub;
                }
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!(
            "the hub was not ready after {START:?}\n{}",
            std::fs::read_to_string(&log).unwrap_or_default()
        );
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        let _gone = self.process.kill();
        let _status = self.process.wait();
    }
}

/// ALKHUB_TEST_BIN, or what cargo built beside this test.
fn binary() -> PathBuf {
    let path = env::var_os("ALKHUB_TEST_BIN").map_or_else(
        || {
            let test = env::current_exe().expect("the path of this test");
            test.ancestors().nth(2).expect("target/<profile>/deps/<test>").join("alkhub")
        },
        PathBuf::from,
    );
    assert!(path.is_file(), "{} is missing: run `cargo build` first", path.display());
    path
}
