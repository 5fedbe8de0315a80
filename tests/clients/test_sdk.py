"""The TypeScript SDK against a real hub, in Node and in a browser."""

import http.server
import json
import os
import re
import shutil
import subprocess
import threading
from pathlib import Path

import pytest
import requests

from support.hub import Hub
from support.paths import ROOT, tools

SDK = ROOT / "sdk" / "typescript"
TESTS = len(re.findall(r'^  async "', (SDK / "test" / "behaviour.mjs").read_text(), re.MULTILINE))
SECONDS = 300


def run(*command: str | Path, cwd: Path, **env: str) -> str:
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, **env}, capture_output=True, text=True, timeout=SECONDS, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, f"{command[0]} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package, built in a folder of its own."""
    root = tmp_path_factory.mktemp("sdk")
    folder = root / "sdk" / "typescript"
    shutil.copytree(SDK, folder, ignore=shutil.ignore_patterns("dist", "node_modules", "operations.ts"))
    (root / "generated").mkdir()
    shutil.copy(ROOT / "generated" / "operations.ts", root / "generated")
    (folder / "node_modules").symlink_to(tools() / "node" / "node_modules")
    run("npm", "run", "build", cwd=folder)
    run(folder / "node_modules" / ".bin" / "tsc", "--project", "test", cwd=folder)
    return folder


def about(hub: Hub) -> dict[str, str]:
    body = {"name": "limited", "scopes": ["project:read"]}
    limited = requests.post(f"{hub.url}/api/keys", json=body, headers=hub.headers, timeout=10).json()["token"]
    return {"url": hub.url, "key": hub.key, "limitedKey": limited}


def check(lines: list[str]) -> None:
    assert len(lines) == TESTS and all(line.startswith("ok ") for line in lines), "\n".join(lines)


def test_in_node(package: Path, hub: Hub) -> None:
    known = about(hub)
    env = {"HUB_URL": known["url"], "HUB_KEY": known["key"], "HUB_LIMITED_KEY": known["limitedKey"]}
    version = int(run("node", "-p", "process.versions.node.split('.')[0]", cwd=package))
    flags = [] if version >= 22 else ["--experimental-websocket"]
    check(run("node", "--expose-gc", *flags, "test/node.mjs", cwd=package, **env).splitlines())


def test_in_a_browser(package: Path, hub: Hub, tmp_path: Path) -> None:
    known, done, said = about(hub), threading.Event(), []

    class Page(http.server.SimpleHTTPRequestHandler):
        extensions_map = {".html": "text/html", ".js": "text/javascript", ".mjs": "text/javascript", "": "text/plain"}

        def __init__(self, *arguments):
            super().__init__(*arguments, directory=str(package))

        def do_GET(self):
            if self.path != "/hub.json":
                return super().do_GET()
            body = json.dumps(known).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self):
            said.extend(self.rfile.read(int(self.headers["content-length"])).decode().splitlines())
            self.send_response(204)
            self.end_headers()
            done.set()

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = f"http://127.0.0.1:{server.server_port}/test/page.html"
        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
        flags += ["--js-flags=--expose-gc"]
        log = tmp_path / "chromium.log"
        with log.open("wb") as output:
            browser = subprocess.Popen(
                ["chromium", *flags, f"--user-data-dir={tmp_path / 'profile'}", page],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, "HOME": str(tmp_path)},
            )
            try:
                assert done.wait(SECONDS), f"no result from the browser\n{log.read_text(errors='replace')[-4000:]}"
            finally:
                browser.kill()
                browser.wait()
                server.shutdown()
    check(said)
