"""The OpenAPI document: sound to a strict reader, and the one that is served."""

import json
import os
import subprocess
from pathlib import Path

import requests

from support.hub import Hub
from support.paths import CLIENTS, DOCUMENT, tools


def test_redocly_finds_no_error(tmp_path: Path) -> None:
    redocly = tools() / "node" / "node_modules" / ".bin" / "redocly"
    done = subprocess.run(
        [redocly, "lint", DOCUMENT, "--config", CLIENTS / "node" / "redocly.yaml", "--format", "stylish"],
        cwd=tmp_path,
        # It would tell its maker about each run, and look for newer versions.
        env={**os.environ, "REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_served_document_is_the_committed_one(hub: Hub) -> None:
    served = requests.get(f"{hub.url}/openapi.json", timeout=10)
    assert served.status_code == 200
    assert served.json() == json.loads(DOCUMENT.read_text())
