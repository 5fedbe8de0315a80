//! Programs that are MCP servers: started only where that is allowed, and gone when they are to be.

use std::{path::Path, time::Duration};

use reqwest::Method;
use serde_json::json;

use super::{allow_loopback, call};
use crate::support::{
    hub::{Answer, each_hub_with},
    until,
};

const LONG: Duration = Duration::from_secs(60);

/// A server in a few lines of Python: `env` tells of its environment, `pid` of its process and a child's, `die` ends it.
const SERVER: &str = r#"
import json, os, subprocess, sys
child = subprocess.Popen(["sleep", "600"], stdin=subprocess.DEVNULL)
print("hello from below", file=sys.stderr)
for line in sys.stdin:
    message = json.loads(line)
    method, params = message.get("method"), message.get("params") or {}
    if "id" not in message:
        continue
    answer = {"jsonrpc": "2.0", "id": message["id"]}
    if method == "initialize":
        answer["result"] = {"protocolVersion": params["protocolVersion"], "capabilities": {"tools": {}},
                            "serverInfo": {"name": "snake", "version": "1"}}
    elif method == "tools/list":
        answer["result"] = {"tools": [{"name": name, "inputSchema": {"type": "object"}} for name in ("env", "pid", "die")]}
    elif method == "tools/call":
        name = params["name"]
        if name == "die":
            os._exit(1)
        value = dict(os.environ, CWD=os.getcwd()) if name == "env" else {"pid": os.getpid(), "child": child.pid}
        answer["result"] = {"content": [], "structuredContent": value}
    else:
        answer["error"] = {"code": -32601, "message": "Method not found"}
    print(json.dumps(answer), flush=True)
"#;

fn lives(pid: &serde_json::Value) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // A zombie that init has not looked at yet is gone.
    stat.rsplit(')').next().is_some_and(|rest| !rest.trim().is_empty() && !rest.trim_start().starts_with('Z'))
}

#[tokio::test]
async fn an_allowed_program_is_a_server() {
    let Some(python) =
        ["/usr/bin/python3", "/usr/local/bin/python3"].into_iter().find(|path| Path::new(path).exists())
    else {
        return println!("skipped: there is no Python");
    };
    let folder = tempfile::tempdir().expect("a folder");
    let script = folder.path().join("server.py");
    std::fs::write(&script, SERVER).expect("written");
    let script = script.to_string_lossy().into_owned();
    let allow = |config: &mut alkhub::config::Config| {
        allow_loopback(config);
        config.imports.stdio.allow = vec![format!("{python} {script}")];
        config.imports.stdio.env = vec!["PATH".to_owned()];
    };
    each_hub_with(allow, async |hub| {
        let cwd = folder.path().to_string_lossy();
        let input = json!({ "name": "srv", "env": { "TOKEN": "hunter2" },
            "stdio": { "command": python, "args": [script], "cwd": cwd } });
        let added = hub.post("/api/mcp-servers", input.clone()).await.ok();
        assert_eq!(
            (&added["status"]["phase"], &added["envNames"]),
            (&json!("ready"), &json!(["TOKEN"])),
            "{added}"
        );
        assert!(!added.to_string().contains("hunter2"));
        let env = call(hub, "srv.env", json!({})).await.ok()["data"].clone();
        assert_eq!(
            (&env["TOKEN"], env["CWD"].as_str()),
            (&json!("hunter2"), folder.path().canonicalize().expect("a path").to_str())
        );
        assert!(env.get("PATH").is_some() && env.get("HOME").is_none(), "{env}");

        let pids = call(hub, "srv.pid", json!({})).await.ok()["data"].clone();
        assert!(lives(&pids["pid"]) && lives(&pids["child"]));
        let died = call(hub, "srv.die", json!({})).await;
        assert!(!died.status.is_success(), "{died:?}");
        until("another is started", LONG, async || {
            let answer = call(hub, "srv.pid", json!({})).await;
            answer.status.is_success() && answer.json()["data"]["pid"] != pids["pid"]
        })
        .await;
        until("what it started is gone", LONG, async || !lives(&pids["child"])).await;

        let pids = call(hub, "srv.pid", json!({})).await.ok()["data"].clone();
        // What shows operations holds them, and must not keep the program.
        hub.get("/api/operations/search?query=srv").await.ok();
        hub.get("/api/graph/operations").await.ok();
        Answer::of(hub.request(Method::DELETE, "/api/mcp-servers/srv")).await.ok();
        until("all of it is gone", LONG, async || !lives(&pids["pid"]) && !lives(&pids["child"])).await;

        let mut other = input.clone();
        other["stdio"]["args"] = json!([script, "--more"]);
        assert_eq!(hub.post("/api/mcp-servers", other).await.faults(), ["/stdio"]);

        hub.post("/api/mcp-servers", input).await.ok();
        let pids = call(hub, "srv.pid", json!({})).await.ok()["data"].clone();
        assert!(hub.stop().await);
        // Killed is not yet gone where the machine has no time for it.
        until("a hub that has stopped leaves nothing behind", LONG, async || {
            !lives(&pids["pid"]) && !lives(&pids["child"])
        })
        .await;
    })
    .await;
}
