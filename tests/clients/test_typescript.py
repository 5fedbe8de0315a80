"""A TypeScript client, made with openapi-typescript, compiles under --strict and works."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.hub import Hub
from support.paths import CLIENTS, DOCUMENT, tools

CHECKS = ["createsAndLists", "namesEachFault", "refusesWhatTheKeyMayNot", "reachesOperationsById", "streams"]


def node_tool(name: str) -> Path:
    """A program that an npm package installed."""
    return tools() / "node" / "node_modules" / ".bin" / name


def run(*command: str | Path, cwd: Path, **env: str) -> str:
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, **env}, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, f"{command[0]} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    """The program in a folder of its own, with the installed packages in reach."""
    folder = tmp_path / "typescript"
    folder.mkdir()
    for name in ("client.ts", "tsconfig.json", "package.json"):
        shutil.copy(CLIENTS / "node" / name, folder)
    (folder / "node_modules").symlink_to(tools() / "node" / "node_modules")
    yield folder


def test_generated_client_compiles_and_calls(project: Path, hub: Hub) -> None:
    run(node_tool("openapi-typescript"), DOCUMENT, "--output", "hub.d.ts", cwd=project)
    run(node_tool("tsc"), "--project", ".", cwd=project)
    output = run("node", "out/client.js", cwd=project, HUB_URL=hub.url, HUB_KEY=hub.key)
    assert output.split() == [word for check in CHECKS for word in ("ok", check)]
