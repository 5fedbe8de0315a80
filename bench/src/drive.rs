//! Driving a server with wrk.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use crate::servers::KEY;

/// A server in a process of its own, killed when dropped.
pub(crate) struct Served {
    child: Child,
    address: String,
    data: Option<tempfile::TempDir>,
}

impl Drop for Served {
    fn drop(&mut self) {
        // Gone already is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What one measurement found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// Requests a second.
    pub(crate) rate: f64,
    /// Milliseconds within which 50 and 99 of 100 requests were answered.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

impl Served {
    /// Starts this program again as a server.
    pub(crate) fn start(kind: &str) -> Result<Self, Box<dyn std::error::Error>> {
        Self::start_in(kind, tempfile::tempdir()?, 0)
    }

    /// The same in a given place and on a given port, if that is not 0.
    pub(crate) fn start_in(
        kind: &str,
        data: tempfile::TempDir,
        port: u16,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let (child, address) = spawn(kind, data.path(), &[("ALKHUB_BENCH_PORT", &port.to_string())])?;
        Ok(Self { child, address, data: Some(data) })
    }

    /// A process of a hub of several, on data that somebody else keeps, with this Redis between them.
    pub(crate) fn start_of_several(data: &Path, redis: &str) -> Result<Self, Box<dyn std::error::Error>> {
        let (child, address) = spawn("hub-alone", data, &[("ALKHUB_BENCH_REDIS", redis)])?;
        Ok(Self { child, address, data: None })
    }

    /// A hub that records so much of calls, in this database where one is given.
    pub(crate) fn start_recording(
        recorded: &str,
        database: Option<&str>,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let data = tempfile::tempdir()?;
        let mut variables = vec![("ALKHUB_BENCH_RECORD", recorded)];
        variables.extend(database.map(|url| ("ALKHUB_BENCH_DATABASE", url)));
        let (child, address) = spawn("hub", data.path(), &variables)?;
        Ok(Self { child, address, data: Some(data) })
    }

    /// A server in Python, that prints its address first.
    pub(crate) fn start_python(python: &Path, program: &str) -> Result<Self, Box<dyn std::error::Error>> {
        let data = tempfile::tempdir()?;
        let file = data.path().join("server.py");
        std::fs::write(&file, program)?;
        let mut child =
            Command::new(python).arg(&file).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let address = address(&mut child)?;
        Ok(Self { child, address, data: Some(data) })
    }

    /// `host:port`
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Id of the process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// kill -9, and a new one in its place.
    pub(crate) fn restart(mut self) -> Result<Self, Box<dyn std::error::Error>> {
        let port = self.address.rsplit(':').next().and_then(|port| port.parse().ok()).ok_or("no port")?;
        let data = self.data.take().ok_or("the data is somebody else's")?;
        drop(self);
        Self::start_in("hub-alone", data, port)
    }

    /// Loads one path for some seconds.
    pub(crate) fn load(
        &self,
        what: &str,
        connections: u32,
        seconds: u32,
    ) -> Result<Load, Box<dyn std::error::Error>> {
        let path = if what == "echo" { "/api/kit/echo?text=hello&times=2" } else { "/api/kit/ingest" };
        self.load_script(path, &lua(what), connections, seconds)
    }

    /// The same with requests that a script of wrk makes.
    pub(crate) fn load_script(
        &self,
        path: &str,
        lua: &str,
        connections: u32,
        seconds: u32,
    ) -> Result<Load, Box<dyn std::error::Error>> {
        wrk(&format!("http://{}{path}", self.address), lua, connections, seconds)
    }
}

/// Loads a URL with requests that a script of wrk makes.
pub(crate) fn wrk(
    url: &str,
    lua: &str,
    connections: u32,
    seconds: u32,
) -> Result<Load, Box<dyn std::error::Error>> {
    let script = tempfile::Builder::new().suffix(".lua").tempfile()?;
    std::fs::write(script.path(), lua)?;
    let output = Command::new("wrk")
        .args(["-t1", &format!("-c{connections}"), &format!("-d{seconds}s"), "--latency", "-s"])
        .arg(script.path())
        .arg(url)
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    if text.contains("Non-2xx") || text.contains("Socket errors") || !output.status.success() {
        return Err(format!("the load failed: {text}").into());
    }
    let after = |label: &str| -> Option<&str> {
        text.lines().find_map(|line| line.trim().strip_prefix(label)).map(str::trim)
    };
    let rate = after("Requests/sec:").and_then(|rate| rate.parse().ok()).ok_or("no rate")?;
    let p50 = after("50%").and_then(milliseconds).ok_or("no p50")?;
    let p99 = after("99%").and_then(milliseconds).ok_or("no p99")?;
    Ok(Load { rate, p50, p99 })
}

fn spawn(
    kind: &str,
    data: &Path,
    variables: &[(&str, &str)],
) -> Result<(Child, String), Box<dyn std::error::Error>> {
    // Another build of this program, where two are to be compared.
    let program = std::env::var_os("ALKHUB_BENCH_SERVER").map(std::path::PathBuf::from);
    let mut child = Command::new(program.map_or_else(std::env::current_exe, Ok)?)
        .args(["serve", kind, "--data"])
        .arg(data)
        .envs(variables.iter().copied())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let address = address(&mut child)?;
    Ok((child, address))
}

/// The first line that a server prints.
fn address(child: &mut Child) -> Result<String, Box<dyn std::error::Error>> {
    let mut address = String::new();
    let out = child.stdout.take().ok_or("no output")?;
    BufReader::new(out).read_line(&mut address)?;
    Ok(address.trim().to_owned())
}

/// `1.23ms`, `450.00us` or `1.20s`.
fn milliseconds(text: &str) -> Option<f64> {
    let units = [("us", 0.001), ("ms", 1.0), ("s", 1000.0)];
    units.iter().find_map(|(unit, factor)| Some(text.strip_suffix(unit)?.parse::<f64>().ok()? * factor))
}

fn lua(what: &str) -> String {
    let headers = format!("wrk.headers['authorization'] = 'Bearer {KEY}'\n");
    if what == "echo" {
        return headers;
    }
    let records: Vec<String> = (0..90)
        .map(|number| {
            format!(
                r#"{{"id":{number},"label":"record number {number}","value":{number}.25,"active":true,"note":"something to say about record {number}, at length"}}"#
            )
        })
        .collect();
    let body = format!(r#"{{"source":"bench","records":[{}]}}"#, records.join(","));
    format!(
        "{headers}wrk.method = 'POST'\nwrk.headers['content-type'] = 'application/json'\nwrk.body = [[{body}]]\n"
    )
}
