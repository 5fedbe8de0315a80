"""Every tool of the reference server answers through the hub as it answers itself, and again after it was killed."""

import json
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from support.hub import Hub
from support.paths import tools

SERVER = Path("@modelcontextprotocol/server-everything/dist/index.js")

# What each tool is called with; those that are not here take nothing. The archive is made of what stands in the URL.
INPUTS = {
    "echo": {"message": "hi"},
    "get-sum": {"a": 1, "b": 2.5},
    "get-annotated-message": {"messageType": "debug", "includeImage": True},
    "get-structured-content": {"location": "Chicago"},
    "get-resource-links": {"count": 3},
    "get-resource-reference": {"resourceType": "Text", "resourceId": 1},
    "gzip-file-as-resource": {"name": "a.gz", "data": "data:text/plain;base64,aGVsbG8=", "outputType": "resource"},
    "trigger-long-running-operation": {"duration": 1, "steps": 2},
    "simulate-research-query": {"topic": "hubs"},
}
# These say something else each time, or belong to a session.
VARYING = ("toggle-simulated-logging", "toggle-subscriber-updates", "simulate-research-query")


class Direct:
    """As much of an MCP client as it takes to call a tool."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = requests.Session()
        self.session.headers["accept"] = "application/json, text/event-stream"
        answer = self.post("initialize", {
            "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"},
        })
        assert answer["result"]["serverInfo"]
        self.session.post(url, json={"jsonrpc": "2.0", "method": "notifications/initialized"}, timeout=30)

    def post(self, method: str, params: dict) -> dict:
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        answer = self.session.post(self.url, json=body, timeout=30)
        if "mcp-session-id" in answer.headers:
            self.session.headers["mcp-session-id"] = answer.headers["mcp-session-id"]
        messages = [json.loads(line) for line in re.findall(r"^data: (\{.*)$", answer.text, re.M)]
        return next(message for message in messages if message.get("id") == 1)

    def call(self, tool: str, arguments: dict) -> dict:
        return self.post("tools/call", {"name": tool, "arguments": arguments})["result"]


def start(script: Path, port: int) -> subprocess.Popen:
    process = subprocess.Popen(
        ["node", script, "streamableHttp"], env={**os.environ, "PORT": str(port)},
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return process
        except OSError:
            assert process.poll() is None, "the reference server has ended"
            time.sleep(0.05)
    raise AssertionError("the reference server does not listen")


@pytest.fixture
def script() -> Path:
    found = tools() / "node" / "node_modules" / SERVER
    if not found.exists() or shutil.which("node") is None:
        pytest.skip("@modelcontextprotocol/server-everything is not installed")
    return found


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    with Hub(tmp_path / "data", env={"ALKHUB_OUTBOUND__ALLOW": "127.0.0.0/8"}) as running:
        yield running


def masked(answer: object) -> object:
    """Times of the day differ from call to call."""
    return json.loads(re.sub(r"\d{1,2}:\d\d:\d\d.[AP]M", "TIME", json.dumps(answer)))


def test_every_tool_answers_as_at_its_server(script: Path, hub: Hub) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = start(script, port)
    try:
        session = requests.Session()
        session.headers["authorization"] = f"Bearer {hub.key}"

        def post(path: str, body: dict) -> requests.Response:
            return session.post(f"{hub.url}{path}", json=body, timeout=60)

        def call(tool: str) -> requests.Response:
            return post("/api/call", {"operationId": f"ev.{tool}", "input": INPUTS.get(tool, {})})

        url = f"http://127.0.0.1:{port}/mcp"
        added = post("/api/mcp-servers", {"name": "ev", "url": url})
        assert added.status_code == 200, added.text
        names = [tool["tool"] for tool in added.json()["tools"]]
        assert len(names) >= 10, names
        direct = Direct(url)
        for name in names:
            through = call(name)
            own = direct.call(name, INPUTS.get(name, {}))
            if own.get("isError"):
                assert through.status_code == 500, f"{name}: {own} {through.text}"
                continue
            assert through.status_code == 200, f"{name}: {through.text}"
            if name in VARYING:
                continue
            envelope = through.json()
            assert masked(envelope["meta"]["content"]) == masked(own["content"]), name
            # What is structured differs with the weather: its form is the same.
            structured = own.get("structuredContent")
            assert set(envelope["data"]) == set(structured) if structured else True, name

        process.kill()
        process.wait()
        deadline = time.monotonic() + 60
        while (away := call("echo")).status_code != 503:
            assert time.monotonic() < deadline, away.text
        assert "retry-after" in away.headers
        process = start(script, port)
        while (back := call("echo")).status_code != 200:
            assert back.status_code == 503, back.text
            assert time.monotonic() < deadline, back.text
            time.sleep(0.05)
    finally:
        process.kill()
        process.wait()
