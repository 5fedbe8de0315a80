"""The official Python and TypeScript SDKs of OpenAI and Anthropic work with nothing but base URL and key changed."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import anthropic
import openai
import pytest
import requests
from pydantic import BaseModel

from support.hub import Hub
from support.model import ARGUMENTS, KEYS, Provider
from support.paths import CLIENTS, tools

# A model of each vendor: every SDK asks both, so that half of all requests are translated.
MODELS = ["open/gpt-4o-mini", "anth/claude-haiku-4-5"]
ASKED = [{"role": "user", "content": "Hi"}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False}
CHAT_TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": SCHEMA}}


class Answer(BaseModel):
    answer: int


@pytest.fixture
def served(hub: Hub) -> Iterator[Hub]:
    """A hub with both vendors, and a key that may do no more than ask models."""
    with Provider() as provider:
        for name, kind in [("open", "openai"), ("anth", "anthropic")]:
            body = {"name": name, "kind": kind, "baseUrl": provider.url, "apiKey": KEYS[kind], "models": ["m"]}
            made = requests.post(f"{hub.url}/api/providers", json=body, headers=hub.headers, timeout=60)
            assert made.ok, made.text
        key = requests.post(f"{hub.url}/api/keys", json={"name": "sdk", "scopes": ["llm:invoke"]}, headers=hub.headers, timeout=60)
        hub.key = key.json()["token"]
        yield hub


@pytest.mark.parametrize("model", MODELS)
def test_openai_python(served: Hub, model: str) -> None:
    client = openai.OpenAI(base_url=f"{served.url}/v1", api_key=served.key, max_retries=0)
    name = model.split("/")[1]
    said = client.chat.completions.create(model=model, messages=ASKED)
    assert said.choices[0].message.content == f"Hello from {name}"
    assert said.usage and (said.usage.prompt_tokens, said.usage.completion_tokens) == (11, 4)
    chunks = list(client.chat.completions.create(model=model, messages=ASKED, stream=True, stream_options={"include_usage": True}))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == f"Hello from {name}"
    assert chunks[-1].usage and chunks[-1].usage.completion_tokens == 4

    called = client.chat.completions.create(model=model, messages=ASKED, tools=[CHAT_TOOL]).choices[0].message
    assert called.tool_calls and called.tool_calls[0].function.name == "get_weather"
    answered = [*ASKED, called.model_dump(exclude_none=True), {"role": "tool", "tool_call_id": called.tool_calls[0].id, "content": "Sunny"}]
    again = client.chat.completions.create(model=model, messages=answered, tools=[CHAT_TOOL])
    assert again.choices[0].message.content == f"Hello from {name}"
    parsed = client.chat.completions.parse(model=model, messages=ASKED, response_format=Answer)
    assert parsed.choices[0].message.parsed == Answer(answer=42)

    assert {"open/m", "anth/m"} <= {listed.id for listed in client.models.list()}
    assert client.models.retrieve("open/m").owned_by == "open"
    with pytest.raises(openai.BadRequestError, match="told to fail"):
        client.chat.completions.create(model=f"{model.split('/')[0]}/wrong", messages=ASKED)
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="nobody/m", messages=ASKED)
    with pytest.raises(openai.AuthenticationError):
        openai.OpenAI(base_url=f"{served.url}/v1", api_key="alk_nobody", max_retries=0).models.list()


def test_openai_python_embeddings(served: Hub) -> None:
    client = openai.OpenAI(base_url=f"{served.url}/v1", api_key=served.key, max_retries=0)
    assert client.embeddings.create(model="open/text-embedding-3-small", input="Hi").data[0].embedding == [0.5, -0.5]


def test_openai_python_responses(served: Hub) -> None:
    client = openai.OpenAI(base_url=f"{served.url}/v1", api_key=served.key, max_retries=0)
    model = MODELS[1]
    said = client.responses.create(model=model, input="Hi")
    assert said.output_text == "Hello from claude-haiku-4-5"
    with client.responses.stream(model=model, input="Hi") as stream:
        deltas = [event.delta for event in stream if event.type == "response.output_text.delta"]
        assert "".join(deltas) == stream.get_final_response().output_text == said.output_text
    tool = {"type": "function", "name": "get_weather", "parameters": SCHEMA, "strict": True}
    called = client.responses.create(model=model, input="Hi", tools=[tool]).output[0]
    assert called.type == "function_call" and called.name == "get_weather"


@pytest.mark.parametrize("model", MODELS)
def test_anthropic_python(served: Hub, model: str) -> None:
    client = anthropic.Anthropic(base_url=served.url, api_key=served.key, max_retries=0)
    name = model.split("/")[1]
    said = client.messages.create(model=model, max_tokens=50, messages=ASKED)
    assert said.content[0].type == "text" and said.content[0].text == f"Hello from {name}"
    assert (said.usage.input_tokens, said.usage.output_tokens) == (11, 4)
    with client.messages.stream(model=model, max_tokens=50, messages=ASKED) as stream:
        assert "".join(stream.text_stream) == f"Hello from {name}"
        assert stream.get_final_message().usage.output_tokens == 4
    tool = {"name": "get_weather", "input_schema": SCHEMA}
    called = client.messages.create(model=model, max_tokens=50, messages=ASKED, tools=[tool])
    block = called.content[0]
    assert called.stop_reason == "tool_use" and block.type == "tool_use" and block.input == ARGUMENTS
    with client.messages.stream(model=model, max_tokens=50, messages=ASKED, tools=[tool]) as stream:
        assert stream.get_final_message().content[0].input == ARGUMENTS
    result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": block.id, "content": "Sunny"}]}
    again = client.messages.create(
        model=model, max_tokens=50, tools=[tool], messages=[*ASKED, {"role": "assistant", "content": [block.model_dump(exclude_none=True)]}, result]
    )
    assert again.content[0].text == f"Hello from {name}"
    assert client.messages.count_tokens(model=MODELS[0], messages=ASKED).input_tokens > 0
    assert "anth/m" in [listed.id for listed in client.models.list()]
    with pytest.raises(anthropic.BadRequestError, match="told to fail"):
        client.messages.create(model=f"{model.split('/')[0]}/wrong", max_tokens=50, messages=ASKED)
    with pytest.raises(anthropic.AuthenticationError):
        anthropic.Anthropic(base_url=served.url, api_key="alk_nobody", max_retries=0).models.list()


def test_typescript(served: Hub, tmp_path: Path) -> None:
    program = tmp_path / "llm.mjs"
    shutil.copy(CLIENTS / "node" / "llm.mjs", program)
    (tmp_path / "node_modules").symlink_to(tools() / "node" / "node_modules")
    env = {**os.environ, "HUB": served.url, "KEY": served.key, "MODELS": ",".join(MODELS)}
    done = subprocess.run(["node", program], env=env, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert done.stdout.split() == ["openai", "anthropic"] * len(MODELS)
