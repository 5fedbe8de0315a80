"""A spoke in twenty lines, over a WebSocket library that knows nothing of alkhub."""

import json
import threading
from contextlib import contextmanager
from collections.abc import Iterator

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from .hub import Hub

ECHO = {
    "namespace": "test",
    "name": "echo",
    "version": "1.0.0",
    "type": "query",
    "description": "Answers with its input.",
    "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}},
    "outputSchema": {"type": "object"},
    "accessControl": {"requiredScopes": []},
}


def _message(kind: str, payload: dict) -> str:
    return json.dumps({"type": kind, "id": "", "payload": payload})


def serve_once(hub: Hub, spoke_id: str, ended: threading.Event) -> None:
    """Connects, registers `test.echo` and answers until the connection ends."""
    url = hub.url.replace("http", "ws", 1) + "/ws"
    with connect(url, additional_headers=hub.headers, open_timeout=10) as socket:
        registration = {"spokeId": spoke_id, "spokeType": "test", "operations": [ECHO]}
        request = {"requestId": "register", "operationId": "hub.register", "input": registration}
        socket.send(_message("call.requested", request))
        while not ended.is_set():
            try:
                message = json.loads(socket.recv(timeout=0.2))
            except TimeoutError:
                continue
            payload = message["payload"]
            if message["type"] == "call.requested":
                meta = {"source": "local", "operationId": payload["operationId"], "timestamp": 0}
                output = {"data": payload["input"], "meta": meta}
                socket.send(_message("call.responded", {"requestId": payload["requestId"], "output": output}))


@contextmanager
def spoke(hub: Hub, spoke_id: str) -> Iterator[None]:
    """A spoke that comes back however often it is disconnected."""
    ended = threading.Event()

    def serve() -> None:
        while not ended.is_set():
            try:
                serve_once(hub, spoke_id, ended)
            except (ConnectionClosed, OSError, EOFError):
                ended.wait(0.1)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(15)
