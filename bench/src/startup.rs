//! From the start of the process to its first answer, and what it holds in memory at rest.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::{measure::middle, servers::KEY};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Prints times of starts on an existing database, and resident memory.
pub(crate) fn run(binary: &Path, runs: usize) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut times = Vec::new();
    for number in 0..=runs {
        let (time, mut child, address) = start(binary, folder.path())?;
        // The first start makes the database.
        if number > 0 {
            times.push(time.as_secs_f64() * 1000.0);
        }
        if number == runs {
            std::thread::park_timeout(Duration::from_secs(3));
            println!("resident memory at rest: {:.1} MB", resident(&child)?);
            ask(address, "/docs").ok_or("no page")?;
            ask(address, "/openapi.json").ok_or("no document")?;
            println!("resident memory after /docs was shown: {:.1} MB", resident(&child)?);
        }
        child.kill()?;
        child.wait()?;
    }
    times.sort_by(f64::total_cmp);
    println!(
        "start to first answer, {runs} runs: median {:.1} ms, {:.1} to {:.1} ms",
        middle(&times),
        times.first().copied().unwrap_or_default(),
        times.last().copied().unwrap_or_default()
    );
    Ok(())
}

fn start(binary: &Path, data: &Path) -> Result<(Duration, Child, SocketAddr)> {
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let begun = Instant::now();
    let child = Command::new(binary)
        .args(["serve", "--listen", &address.to_string(), "--data"])
        .arg(data)
        .env("ALKHUB_BOOTSTRAP_KEY", KEY)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    while ask(address, "/api/projects").is_none() {
        if begun.elapsed() > Duration::from_secs(30) {
            return Err("the hub does not answer".into());
        }
        std::thread::yield_now();
    }
    Ok((begun.elapsed(), child, address))
}

/// A whole answer with status 200.
fn ask(address: SocketAddr, path: &str) -> Option<Vec<u8>> {
    let mut socket = TcpStream::connect(address).ok()?;
    write!(
        socket,
        "GET {path} HTTP/1.1\r\nhost: hub\r\nauthorization: Bearer {KEY}\r\nconnection: close\r\n\r\n"
    )
    .ok()?;
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).ok()?;
    answer.starts_with(b"HTTP/1.1 200").then_some(answer)
}

/// Resident memory in megabytes, from the kernel's own account.
fn resident(child: &Child) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    let kilobytes: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kilobytes / 1024.0)
}
