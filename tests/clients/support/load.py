"""Clients that keep a hub busy while its parts come and go, and remember what they were told."""

import json
import random
import threading
import time
from collections import Counter

import requests

# Above the 30 s that an operation may take: who has no answer then was left hanging.
HANGING_SECONDS = 45
RETRY_SECONDS = 0.05
GONE = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)


class Client(threading.Thread):
    """Does one thing again and again until it is told to end."""

    def __init__(self, url: str, headers: dict[str, str], name: str):
        super().__init__(daemon=True, name=name)
        self.url = url
        self.headers = headers
        self.faults: list[str] = []
        self.longest = 0.0
        self.failures: Counter[str] = Counter()
        self._ended = threading.Event()

    def end(self) -> None:
        self._ended.set()

    def run(self) -> None:
        turn = 0
        while not self._ended.is_set():
            try:
                self.turn(turn)
            except Exception as fault:  # noqa: BLE001: whatever it is, the test has to hear of it
                self.faults.append(f"{self.name}: {fault!r}")
                return
            turn += 1

    def turn(self, turn: int) -> None:
        raise NotImplementedError

    def post(self, path: str, body: dict, **headers: str) -> requests.Response | None:
        """None where it is worth another try; a request that hangs is an exception."""
        began = time.monotonic()
        try:
            answer = requests.post(f"{self.url}{path}", json=body, headers=self.headers | headers, timeout=(5, HANGING_SECONDS))
        except requests.ConnectTimeout:
            self.failures["not connected"] += 1
            return None
        except GONE as gone:
            if "Read timed out" in str(gone):
                raise
            self.failures["cut off"] += 1
            return None
        finally:
            self.longest = max(self.longest, time.monotonic() - began)
        if answer.status_code >= 500:
            self.failures[str(answer.status_code)] += 1
            return None
        return answer


class Writer(Client):
    """Creates projects; repeats each with its key until it is acknowledged."""

    def __init__(self, *arguments: object):
        super().__init__(*arguments)
        self.acknowledged: dict[str, str] = {}
        self.repeated = 0

    def turn(self, turn: int) -> None:
        name = f"{self.name}-{turn}"
        body = {"name": name, "repository": f"https://git.example/{name}"}
        while (answer := self.post("/api/projects", body, **{"Idempotency-Key": f"key-{name}"})) is None:
            self.repeated += 1
            time.sleep(RETRY_SECONDS)
        if answer.status_code != 200:
            raise AssertionError(f"{name}: {answer.status_code} {answer.text}")
        self.acknowledged[name] = answer.json()["id"]


class Publisher(Client):
    """Publishes events; nothing is repeated, so what was not acknowledged may be there or not."""

    def __init__(self, *arguments: object):
        super().__init__(*arguments)
        self.acknowledged: list[str] = []
        self.unknown: list[str] = []

    def turn(self, turn: int) -> None:
        id_ = f"{self.name}-{turn}"
        answer = self.post("/api/events", {"type": "custom.fault", "id": id_, "payload": {"turn": turn}})
        if answer is None:
            self.unknown.append(id_)
            time.sleep(RETRY_SECONDS)
        elif answer.status_code == 200:
            self.acknowledged.append(id_)
        else:
            raise AssertionError(f"{id_}: {answer.status_code} {answer.text}")


class Reader(Client):
    """Reads server-sent events from the beginning, and resumes after the last one that it has seen."""

    LAST = "the-last"

    def __init__(self, *arguments: object):
        super().__init__(*arguments)
        self.sequences: list[int] = []
        self.seen: set[str] = set()
        self.resumed = -1
        self._last = "0"

    def turn(self, turn: int) -> None:
        self.resumed += 1
        headers = self.headers | {"Last-Event-ID": self._last, "Accept-Encoding": "identity"}
        try:
            # A silent stream has a comment every 15 s: one of which nothing comes for so long hangs.
            with requests.get(f"{self.url}/api/events", headers=headers, stream=True, timeout=(5, HANGING_SECONDS)) as stream:
                if stream.status_code >= 500:
                    self.failures[str(stream.status_code)] += 1
                elif stream.status_code != 200:
                    raise AssertionError(f"{stream.status_code} {stream.text}")
                else:
                    self._read(stream)
        except requests.ConnectTimeout:
            self.failures["not connected"] += 1
        except GONE as gone:
            if "Read timed out" in str(gone):
                raise
            self.failures["cut off"] += 1
        self._ended.wait(RETRY_SECONDS + random.random() * RETRY_SECONDS)

    def _read(self, stream: requests.Response) -> None:
        fields: dict[str, str] = {}
        for line in stream.iter_lines(decode_unicode=True):
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
                continue
            # Only a whole event counts.
            if "id" in fields:
                self._take(fields)
            elif fields.get("event") == "error":
                self.failures[f"ended: {fields['data'][:80]}"] += 1
            fields = {}
            if self._ended.is_set():
                return

    def _take(self, fields: dict[str, str]) -> None:
        self._last = fields["id"]
        if fields["event"] == "hub.position":
            return
        event = json.loads(fields["data"])
        if str(event["sequence"]) != fields["id"]:
            raise AssertionError(f"id {fields['id']} of {event}")
        self.sequences.append(event["sequence"])
        self.seen.add(event["id"])
        if event["id"] == self.LAST:
            self.end()
