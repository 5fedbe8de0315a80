"""schemathesis: hostile and ordinary requests, made from the document; every answer must be one that it declares."""

import json
import os
import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests

from support.hub import Hub
from support.paths import CLIENTS, DOCUMENT, tools
from support.spoke import spoke

MAX_EXAMPLES = 60
SECONDS = 900
# The same requests each time, so that a change is judged by what it does; others with ALKHUB_TEST_SEED.
SEED = int(os.environ.get("ALKHUB_TEST_SEED") or 517749718)


# Nobody is there to be called.
PETS = {
    "openapi": "3.1.0",
    "info": {"title": "Pets", "version": "1"},
    "servers": [{"url": "https://pets.invalid"}],
    "paths": {"/pets": {"get": {"operationId": "list", "responses": {"200": {"description": "All."}}}}},
}
# These need another server, of which there is none here; tests/imports and tests/llm have them.
ELSEWHERE = {
    *(f"mcp.{name}" for name in ("add", "get", "update", "refresh", "remove", "test")),
    *(f"openapi.{name}" for name in ("add", "refresh", "remove")),
    "web.fetch",
    "web.search",
    "llm.capture",
}


# A call that is made of another one: it has a tree, and can be replayed.
TEMPLATE = {
    "name": "projects",
    "definition": {"steps": [{"id": "all", "call": "project.list"}], "output": {"$from": "steps.all"}},
}


def furnish(hub: Hub) -> str:
    """Something to find, change and archive; the id of a call."""
    for number in range(3):
        for path, body in (
            ("projects", {"name": f"project {number}", "repository": f"https://git.example/{number}"}),
            ("keys", {"name": f"key {number}", "scopes": ["project:read"]}),
            ("openapi", {"name": f"pets{number or ''}", "document": PETS}),
        ):
            answer = requests.post(f"{hub.url}/api/{path}", json=body, headers=hub.headers, timeout=10)
            assert answer.ok, answer.text
    for path, body in (("templates", TEMPLATE), ("templates/projects/run", {})):
        answer = requests.post(f"{hub.url}/api/{path}", json=body, headers=hub.headers, timeout=10)
        assert answer.ok, answer.text
    return answer.headers["x-request-id"]


def interactions(node: Any) -> Iterator[tuple[str, str, int]]:
    """Method, address and status of each request in schemathesis' own record."""
    if isinstance(node, dict):
        request, response = node.get("request"), node.get("response")
        if isinstance(request, dict) and isinstance(response, dict) and "status_code" in response:
            yield request["method"], request["uri"], response["status_code"]
        node = list(node.values())
    if isinstance(node, list):
        for item in node:
            yield from interactions(item)


def test_every_answer_is_declared(tmp_path: Path, hub: Hub) -> None:
    call = furnish(hub)
    record = tmp_path / "record.ndjson"
    command = [
        tools() / "python" / "bin" / "schemathesis",
        "--config-file",
        CLIENTS / "schemathesis.toml",
        "run",
        f"{hub.url}/openapi.json",
        "--header",
        f"Authorization: Bearer {hub.key}",
        "--phases=examples,coverage,fuzzing,stateful",
        "--checks=all",
        # schemathesis_hooks.py wraps these, and says what it lets pass and why.
        "--exclude-checks=not_a_server_error,positive_data_acceptance,use_after_free",
        f"--max-examples={MAX_EXAMPLES}",
        f"--seed={SEED}",
        "--continue-on-failure",
        "--generation-database=none",
        "--request-timeout=10",
        "--report=ndjson",
        f"--report-ndjson-path={record}",
        "--no-color",
    ]
    env = {
        **os.environ,
        "PYTHONPATH": str(CLIENTS),
        "SCHEMATHESIS_HOOKS": "schemathesis_hooks",
        "HUB_KEY_ID": hub.key.split("_")[1],
        "HUB_CALL_ID": call,
    }
    with spoke(hub, "dev"):
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            stdin=subprocess.DEVNULL,
        )
    print(f"the hub's log ends\n{hub.output()}")
    print(done.stdout)
    # What went wrong comes last: a runner that cuts long output keeps its end.
    assert done.returncode == 0, f"ALKHUB_TEST_SEED={SEED}\n{failures(done.stdout)}"

    # A run in which everything was refused would pass, and show nothing.
    still_admitted = requests.get(f"{hub.url}/api/projects", headers=hub.headers, timeout=10)
    assert still_admitted.status_code == 200, "the run made its own key useless"
    statuses = statuses_by_operation(record)
    declared = {
        operation["operationId"]
        for path in json.loads(DOCUMENT.read_text())["paths"].values()
        for operation in path.values()
        if isinstance(operation, dict) and "operationId" in operation
    }
    assert set(statuses) == declared
    for operation, counts in sorted(statuses.items()):
        print(f"{operation}: {dict(sorted(counts.items()))}")
    fruitless = [name for name, counts in statuses.items() if not counts[200] and name not in ELSEWHERE]
    assert not fruitless, f"no request of these succeeded: {fruitless}"


def failures(output: str) -> str:
    """The part of schemathesis' output that tells what is wrong, within a length that runners show."""
    _, found, told = output.partition("= FAILURES =")
    return (told if found else output)[-12_000:]


def statuses_by_operation(record: Path) -> dict[str, Counter[int]]:
    """How often each operation of the document answered with each status."""
    routes = [
        (method.upper(), path.split("/"), operation["operationId"])
        for path, methods in json.loads(DOCUMENT.read_text())["paths"].items()
        for method, operation in methods.items()
    ]
    # Fixed segments before parameters, as the router has it.
    routes.sort(key=lambda route: sum(part.startswith("{") for part in route[1]))
    statuses: dict[str, Counter[int]] = defaultdict(Counter)
    for line in record.read_text().splitlines():
        for method, uri, status in interactions(json.loads(line)):
            parts = uri.split("?")[0].split("/", 3)[-1].split("/")
            for known, pattern, operation in routes:
                if known == method and matches(pattern[1:], parts):
                    statuses[operation][status] += 1
                    break
    return statuses


def matches(pattern: list[str], parts: list[str]) -> bool:
    """Whether a path is of a route."""
    return len(pattern) == len(parts) and all(
        want.startswith("{") or want == got for want, got in zip(pattern, parts, strict=True)
    )
