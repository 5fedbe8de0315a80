"""The official MCP clients, for Python and TypeScript, and the inspector's command line, against `/mcp`."""

import json
import os
import re
import subprocess
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import anyio
import pytest
import requests
from mcp import Client
from mcp.client.streamable_http import create_mcp_http_client, streamable_http_client

from support.cut import Cut
from support.hub import Hub
from support.paths import CLIENTS, tools

FOUR = {"search", "schema", "call", "batch"}
WATCH = "hub.watch"


def watch(count: int, interval: int = 100) -> dict[str, object]:
    return {"operationId": WATCH, "input": {"intervalMs": interval, "count": count}}


def running(hub: Hub) -> int:
    """Calls that run, this question aside."""
    page = requests.get(f"{hub.url}/metrics", headers=hub.headers, timeout=10).text
    return int(float(re.search(r"^alkhub_calls_running (\S+)", page, re.MULTILINE)[1]))


def wait(what: str, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


@asynccontextmanager
async def connected(hub: Hub, mode: str, url: str | None = None):
    async with create_mcp_http_client(headers=hub.headers) as http:
        transport: AbstractAsyncContextManager = streamable_http_client(f"{url or hub.url}/mcp", http_client=http)
        async with Client(transport, mode=mode) as client:
            yield client


@pytest.mark.parametrize(("mode", "version"), [("legacy", "2025-11-25"), ("auto", "2026-07-28"), ("2026-07-28", "2026-07-28")])
def test_python_lists_searches_and_calls(hub: Hub, mode: str, version: str) -> None:
    async def run() -> None:
        async with connected(hub, mode) as client:
            assert client.protocol_version == version
            assert client.server_info is None or client.server_info.name == "alkhub"
            listed = await client.list_tools()
            assert {tool.name for tool in listed.tools} >= FOUR
            found = await client.call_tool("search", {"query": "create a project"})
            assert found.structured_content["operations"][0]["id"] == "project.create"
            schema = await client.call_tool("schema", {"operationIds": ["project.create"]})
            assert "project.create(input: {" in schema.content[0].text
            made = await client.call_tool(
                "call",
                {"operationId": "project.create", "input": {"name": f"by {mode}", "repository": "https://git.example/x"}},
            )
            assert not made.is_error and made.structured_content["name"] == f"by {mode}"
            failed = await client.call_tool("call", {"operationId": "project.create", "input": {}})
            assert failed.is_error and json.loads(failed.content[0].text)["code"] == "VALIDATION_ERROR"
            batch = await client.call_tool("batch", {"calls": [{"operationId": "hub.info"}, {"operationId": "no.such"}]})
            assert batch.structured_content["results"][0]["output"]["name"] == "alkhub"
            assert (await client.list_prompts()).prompts == []
            resources = (await client.list_resources()).resources
            read = await client.read_resource(next(one.uri for one in resources if one.name == "hub.info"))
            assert json.loads(read.contents[0].text)["id"] == "hub.info"
            assert len((await client.list_resource_templates()).resource_templates) == 1

    anyio.run(run)


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
def test_python_hears_of_progress_and_cancels(hub: Hub, mode: str) -> None:
    async def run() -> None:
        async with connected(hub, mode) as client:
            heard: list[float] = []

            async def progress(done: float, _total: float | None, message: str | None) -> None:
                heard.append(done)
                assert json.loads(message)["uptimeMs"] >= 0

            result = await client.call_tool("call", watch(5), progress_callback=progress)
            assert len(result.structured_content["items"]) == 5 and result.structured_content["ended"] == "completed"
            assert heard == [1, 2, 3, 4, 5]
            before = await anyio.to_thread.run_sync(running, hub)
            async with anyio.create_task_group() as group:
                group.start_soon(lambda: client.call_tool("call", watch(100_000), progress_callback=progress))
                await anyio.to_thread.run_sync(wait, "it runs", lambda: running(hub) > before)
                group.cancel_scope.cancel()
            await anyio.to_thread.run_sync(wait, "it ended", lambda: running(hub) <= before)
            assert not (await client.call_tool("call", {"operationId": "hub.info"})).is_error

    anyio.run(run)


def test_python_resumes(hub: Hub) -> None:
    async def run(cut: Cut) -> None:
        async with connected(hub, "legacy", cut.url) as client:
            heard: list[float] = []

            async def progress(done: float, _total: float | None, _message: str | None) -> None:
                heard.append(done)

            result = await client.call_tool("call", watch(20), progress_callback=progress)
            assert len(result.structured_content["items"]) == 20
            assert heard == [float(number) for number in range(1, 21)]

    with Cut(hub.url, b'"progress":3') as cut:
        anyio.run(run, cut)
        assert cut.cuts == 1


def test_python_is_told_what_is_wrong_with_its_key(hub: Hub) -> None:
    hub_without = Hub(hub.data)
    hub_without.url, hub_without.key = hub.url, "alk_nobody_00"

    async def run() -> None:
        async with connected(hub_without, "legacy"):
            pass

    with pytest.raises(BaseException) as refused:
        anyio.run(run)
    assert "The key is not valid" in str(refused.getrepr())


def node(*arguments: str, **env: str) -> str:
    done = subprocess.run(
        ["node", *arguments],
        cwd=tools() / "node",
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=120,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.parametrize("sdk", ["v1", "v2", "v2-newest"])
def test_typescript_lists_calls_cancels_and_resumes(hub: Hub, sdk: str) -> None:
    # Beside its packages, which it imports.
    program = tools() / "node" / "mcp.mjs"
    program.write_text((CLIENTS / "node" / "mcp.mjs").read_text())
    with Cut(hub.url, b'"progress":3') as cut:
        output = node(str(program), sdk, HUB_URL=hub.url, HUB_KEY=hub.key, CUT_URL=cut.url)
        resumes = sdk != "v2-newest"
        assert output.split() == ["lists", "searches", "calls", "progress", "cancels", *(["resumes"] if resumes else [])]
        assert cut.cuts == (1 if resumes else 0)


def inspect(hub: Hub, *arguments: str) -> dict[str, object]:
    launcher = "node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js"
    key = f"Authorization: Bearer {hub.key}"
    return json.loads(node(launcher, "--cli", f"{hub.url}/mcp", "--transport", "http", "--header", key, *arguments))


def test_the_inspector_finds_its_way(hub: Hub) -> None:
    listed = inspect(hub, "--method", "tools/list")
    assert {tool["name"] for tool in listed["tools"]} >= FOUR
    called = inspect(hub, "--method", "tools/call", "--tool-name", "call", "--tool-arg", "operationId=hub.info")
    assert called["structuredContent"]["name"] == "alkhub"
    found = inspect(hub, "--method", "tools/call", "--tool-name", "search", "--tool-arg", "query=audit log")
    assert found["structuredContent"]["operations"][0]["id"] == "audit.list"
    assert inspect(hub, "--method", "resources/list")["resources"]
    assert inspect(hub, "--method", "resources/templates/list")["resourceTemplates"]
    assert inspect(hub, "--method", "prompts/list")["prompts"] == []
    read = inspect(hub, "--method", "resources/read", "--uri", "alkhub://operations/hub.info")
    assert json.loads(read["contents"][0]["text"])["id"] == "hub.info"
