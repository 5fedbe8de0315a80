"""A provider of language models that answers in the shapes of OpenAI and Anthropic, as simply as they can be."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEYS = {"openai": "sk-provider-openai-0001", "anthropic": "sk-provider-anthropic-0002"}
ARGUMENTS = {"city": "Paris"}


def _content(asked: dict[str, Any]) -> tuple[str | None, str]:
    """The tool that is called, if there is one, and the text or its arguments."""
    text = json.dumps(asked)
    if asked.get("tools") and not any(mark in text for mark in ('"tool"', "tool_result", "function_call_output")):
        return "get_weather", json.dumps(ARGUMENTS)
    return (None, '{"answer": 42}') if "json_schema" in text else (None, f"Hello from {asked['model']}")


def _message(asked: dict[str, Any]) -> dict[str, Any]:
    tool, text = _content(asked)
    block = {"type": "tool_use", "id": "toolu_1", "name": tool, "input": ARGUMENTS} if tool else {"type": "text", "text": text}
    return {
        "id": "msg_1", "type": "message", "role": "assistant", "model": asked["model"], "content": [block],
        "stop_reason": "tool_use" if tool else "end_turn", "stop_sequence": None,
        "usage": {"input_tokens": 11, "output_tokens": 4},
    }  # fmt: skip


def _messages(asked: dict[str, Any]) -> Iterator[str]:
    tool, text = _content(asked)
    message = _message(asked)
    start = message["content"][0] | ({"input": {}} if tool else {"text": ""})
    delta = "input_json_delta" if tool else "text_delta"
    events = [
        {"type": "message_start", "message": message | {"content": [], "stop_reason": None, "usage": {"input_tokens": 11, "output_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": start},
        *({"type": "content_block_delta", "index": 0, "delta": {"type": delta, "partial_json" if tool else "text": part}} for part in (text[:5], text[5:])),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": message["stop_reason"], "stop_sequence": None}, "usage": {"output_tokens": 4}},
        {"type": "message_stop"},
    ]
    return (f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)


def _completion(asked: dict[str, Any]) -> dict[str, Any]:
    tool, text = _content(asked)
    said: dict[str, Any] = {"role": "assistant", "content": None if tool else text, "refusal": None}
    if tool:
        said["tool_calls"] = [{"id": "call_1", "type": "function", "function": {"name": tool, "arguments": text}}]
    return {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": asked["model"],
        "choices": [{"index": 0, "message": said, "logprobs": None, "finish_reason": "tool_calls" if tool else "stop"}],
        "usage": {"prompt_tokens": 11, "completion_tokens": 4, "total_tokens": 15},
    }  # fmt: skip


def _chunks(asked: dict[str, Any]) -> Iterator[str]:
    tool, text = _content(asked)

    def chunk(delta: dict[str, Any] | None, finish: str | None = None, **more: Any) -> str:
        choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
        whole = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": asked["model"], "choices": choices, **more}
        return f"data: {json.dumps(whole)}\n\n"

    yield chunk({"role": "assistant", "content": ""})
    if tool:
        yield chunk({"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": {"name": tool, "arguments": ""}}]})
    for part in (text[:5], text[5:]):
        yield chunk({"tool_calls": [{"index": 0, "function": {"arguments": part}}]} if tool else {"content": part})
    yield chunk({}, "tool_calls" if tool else "stop")
    if asked.get("stream_options", {}).get("include_usage"):
        yield chunk(None, usage=_completion(asked)["usage"])
    yield "data: [DONE]\n\n"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        shown = self.headers.get("x-api-key") or self.headers.get("authorization", "").removeprefix("Bearer ")
        anthropic = self.path == "/v1/messages"
        if shown != KEYS["anthropic" if anthropic else "openai"]:
            return self._answer(401, {"error": {"type": "authentication_error", "message": f"not {shown}"}})
        if asked["model"] == "wrong":
            return self._answer(400, {"type": "error", "error": {"type": "invalid_request_error", "message": "told to fail"}})
        if self.path == "/v1/embeddings":
            usage = {"prompt_tokens": 3, "total_tokens": 3}
            vector = {"object": "embedding", "index": 0, "embedding": "AAAAPwAAAL8=" if asked.get("encoding_format") == "base64" else [0.5, -0.5]}
            return self._answer(200, {"object": "list", "model": asked["model"], "data": [vector], "usage": usage})
        if not asked.get("stream"):
            return self._answer(200, (_message if anthropic else _completion)(asked))
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        for event in (_messages if anthropic else _chunks)(asked):
            self.wfile.write(event.encode())
        self.close_connection = True

    def _answer(self, status: int, value: dict[str, Any]) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Provider:
    """A running provider on a free port."""

    def __enter__(self) -> "Provider":
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
