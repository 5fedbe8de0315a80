"""A spoke that counts what it is asked to do, and callers that call it through another process, each call with a deadline."""

import asyncio
import json
import random
import threading
import time
import uuid
from collections import Counter

import websockets.asyncio.client
import websockets.sync.client
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage

from .load import RETRY_SECONDS, Client

# A busy machine answers late; a call that hangs does so for much longer.
MARGIN_SECONDS = 4.0
GONE = (ConnectionClosed, InvalidHandshake, InvalidMessage, OSError, EOFError, TimeoutError)
# How a call may fail whose spoke, process, bus or database is taken away.
ALLOWED = {"UNAVAILABLE", "ABORTED", "TIMEOUT", "OPERATION_NOT_FOUND"}
ITEMS = 5


def _operation(name: str, kind: str, **more: object) -> dict:
    return {
        "namespace": "fault", "name": name, "version": "1.0.0", "type": kind, "description": "For a test.",
        "inputSchema": {"type": "object"}, "outputSchema": {}, "accessControl": {"requiredScopes": []}, **more,
    }


OPERATIONS = [
    _operation("quick", "query"),
    _operation("slow", "query"),
    _operation("once", "mutation"),
    _operation("sure", "mutation", idempotent=True),
    _operation("items", "subscription"),
]


def _message(kind: str, payload: dict) -> str:
    return json.dumps({"type": kind, "id": "", "payload": payload})


class Machine(threading.Thread):
    """A spoke that comes back however often it is disconnected."""

    def __init__(self, url: str, headers: dict[str, str], name: str):
        super().__init__(daemon=True, name=name)
        self._url = url.replace("http", "ws", 1) + "/ws"
        self._headers = headers
        self._ended = threading.Event()
        self.executed: Counter[str] = Counter()
        self.faults: list[str] = []
        self.connections = 0

    def end(self) -> None:
        self._ended.set()

    def run(self) -> None:
        try:
            asyncio.run(self._live())
        except Exception as fault:  # noqa: BLE001: whatever it is, the test has to hear of it
            self.faults.append(f"{self.name}: {fault!r}")

    async def _live(self) -> None:
        while not self._ended.is_set():
            try:
                async with websockets.asyncio.client.connect(self._url, additional_headers=self._headers, open_timeout=5) as socket:
                    await self._serve(socket)
            except GONE:
                pass
            await asyncio.sleep(0.1 + random.random() * 0.1)

    async def _serve(self, socket: websockets.asyncio.client.ClientConnection) -> None:
        registration = {"spokeId": self.name, "spokeType": "test", "operations": OPERATIONS}
        await socket.send(_message("call.requested", {"requestId": "register", "operationId": "hub.register", "input": registration}))
        running: dict[str, asyncio.Task] = {}
        try:
            while not self._ended.is_set():
                try:
                    message = json.loads(await asyncio.wait_for(socket.recv(), 0.5))
                except TimeoutError:
                    continue
                payload = message["payload"]
                id_ = payload.get("requestId")
                if message["type"] == "call.requested":
                    running[id_] = asyncio.create_task(self._answer(socket, payload))
                elif message["type"] == "call.aborted" and id_ in running:
                    running.pop(id_).cancel()
                elif id_ == "register":
                    if message["type"] == "call.error":  # its process stops, or its database is away
                        return
                    self.connections += 1
        finally:
            for task in running.values():
                task.cancel()

    async def _answer(self, socket: websockets.asyncio.client.ClientConnection, payload: dict) -> None:
        id_, kind, input_ = payload["requestId"], payload["operationId"], payload["input"]
        self.executed[input_["token"]] += 1
        meta = {"source": "local", "operationId": kind, "timestamp": 0}

        async def respond(data: object) -> None:
            await socket.send(_message("call.responded", {"requestId": id_, "output": {"data": data, "meta": meta}}))

        # A call on behalf of the one that is served; how it ends does not matter here.
        nested = {"requestId": f"n-{id_}", "operationId": "project.list", "input": {"limit": 1}, "parentRequestId": id_}
        try:
            await socket.send(_message("call.requested", nested))
            if kind == "fault.items":
                for number in range(ITEMS):
                    await respond(number)
                    await asyncio.sleep(input_["seconds"] / ITEMS)
                await socket.send(_message("call.completed", {"requestId": id_}))
            else:
                await asyncio.sleep(input_["seconds"])
                await respond(input_["token"])
        except GONE:
            pass


class Caller(Client):
    """Calls over a WebSocket, one call after the other, and keeps how each ended."""

    def __init__(self, url: str, headers: dict[str, str], name: str, spokes: list[str], seed: int):
        super().__init__(url, headers, name)
        self._chance = random.Random(f"{seed} {name}")
        self._spokes = spokes
        self.answered = 0
        # By token: the operation, and whether it may be carried out more than once.
        self.mutations: dict[str, bool] = {}
        self.over = 0.0

    def turn(self, turn: int) -> None:
        connected = False
        try:
            url = self.url.replace("http", "ws", 1) + "/ws"
            with websockets.sync.client.connect(url, additional_headers=self.headers, open_timeout=5) as socket:
                connected = True
                while not self._ended.is_set():
                    self._call(socket)
        except GONE:
            self.failures[f"call: {'cut off' if connected else 'not connected'}"] += 1
            self._ended.wait(RETRY_SECONDS)

    def _call(self, socket: websockets.sync.client.ClientConnection) -> None:
        chance, token = self._chance, uuid.uuid4().hex
        name = chance.choice(["quick", "quick", "slow", "once", "once", "sure", "items"])
        prefix = chance.choice(["", *(f"{spoke}." for spoke in self._spokes)])
        seconds = {"quick": 0.0, "slow": chance.uniform(0.5, 2.0), "items": chance.uniform(0.0, 1.0)}.get(name, chance.uniform(0.0, 0.1))
        allowed = chance.uniform(1.0, 4.0)
        if name in ("once", "sure"):
            self.mutations[token] = name == "sure"
        began = time.monotonic()
        socket.send(_message("call.requested", {
            "requestId": token, "operationId": f"{prefix}fault.{name}", "input": {"token": token, "seconds": seconds},
            "deadline": int((time.time() + allowed) * 1000),
        }))
        items: list[int] = []
        while True:
            try:
                message = json.loads(socket.recv(timeout=max(0.0, began + allowed + MARGIN_SECONDS - time.monotonic())))
            except TimeoutError as late:
                raise AssertionError(f"{self.name}: {prefix}fault.{name} goes on {MARGIN_SECONDS:g} s after its deadline") from late
            payload = message["payload"]
            if payload.get("requestId") != token:
                continue
            if message["type"] == "call.responded" and name == "items":
                items.append(payload["output"]["data"])
                if items != list(range(len(items))):
                    raise AssertionError(f"{self.name}: items {items}")
                continue
            break
        took = time.monotonic() - began
        self.longest = max(self.longest, took)
        self.over = max(self.over, took - allowed)
        kind = message["type"]
        if kind == "call.responded":
            if payload["output"]["data"] != token:
                raise AssertionError(f"{self.name}: {payload} is the answer of another call")
            self.answered += 1
        elif kind == "call.completed" and len(items) == ITEMS:
            self.answered += 1
        elif kind == "call.error" and payload["code"] in ALLOWED:
            self.failures[f"call: {payload['code']}"] += 1
            if payload["code"] in ("UNAVAILABLE", "OPERATION_NOT_FOUND"):
                self._ended.wait(RETRY_SECONDS)
        elif kind == "call.error" and payload["code"] == "ACCESS_DENIED":
            raise AssertionError(f"{self.name}: {payload}")
        else:
            raise AssertionError(f"{self.name}: {name} ended with {message} after {items}")
