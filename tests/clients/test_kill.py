"""kill -9 under load: what was answered is there after the restart."""

import random
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

import requests

from support.hub import Hub
from support.seed import SEED

CLIENTS = 16
ROUNDS = 3
LOAD_SECONDS = 60


class Load:
    """Clients that create projects until the hub goes away, and remember what it answered."""

    def __init__(self, hub: Hub, round_: int):
        self.answered: dict[str, str] = {}
        self.sent: set[str] = set()
        self.faults: list[str] = []
        self._hub = hub
        self._round = round_
        self._lock = threading.Lock()
        self._deadline = time.monotonic() + LOAD_SECONDS
        self._threads = [threading.Thread(target=self._client, args=(n,), daemon=True) for n in range(CLIENTS)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join(LOAD_SECONDS)
            assert not thread.is_alive(), "a client hangs"

    def count(self) -> int:
        with self._lock:
            return len(self.answered)

    def _client(self, number: int) -> None:
        with requests.Session() as session:
            session.headers.update(self._hub.headers)
            turn = 0
            while time.monotonic() < self._deadline:
                name = f"r{self._round}-c{number}-{turn}"
                turn += 1
                with self._lock:
                    self.sent.add(name)
                body = {"name": name, "repository": f"https://git.example/{name}"}
                try:
                    answer = session.post(f"{self._hub.url}/api/projects", json=body, timeout=20)
                    project = answer.json()
                except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError, ValueError):
                    return  # the hub is gone
                with self._lock:
                    if answer.status_code == 200:
                        self.answered[project["id"]] = name
                    else:
                        self.faults.append(f"{answer.status_code} {answer.text}")
                        return


def projects(hub: Hub) -> dict[str, str]:
    """All projects by id, read page by page."""
    found: dict[str, str] = {}
    cursor = None
    while True:
        params = {"limit": 100, **({"cursor": cursor} if cursor else {})}
        answer = requests.get(f"{hub.url}/api/projects", params=params, headers=hub.headers, timeout=20)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        for item in page["items"]:
            assert item["id"] not in found, "a project stands on two pages"
            found[item["id"]] = item["name"]
        cursor = page.get("nextCursor")
        if not cursor:
            return found


def assert_sound(data: Path) -> None:
    """SQLite's own opinion of its file."""
    for file in data.rglob("*.db"):
        with sqlite3.connect(file) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",), file


def test_answered_creates_survive_kill_9(new_hub: Callable[[], Hub]) -> None:
    chance = random.Random(SEED)
    answered: dict[str, str] = {}
    sent: set[str] = set()
    for round_ in range(ROUNDS):
        hub = new_hub().start()
        load = Load(hub, round_)
        load.start()
        enough = chance.randint(100, 1000)
        deadline = time.monotonic() + LOAD_SECONDS
        while load.count() < enough:
            assert time.monotonic() < deadline, f"only {load.count()} creates in {LOAD_SECONDS} s: {load.faults[:3]}"
            assert not load.faults, load.faults[:3]
            time.sleep(0.002)
        hub.kill()
        load.join()
        assert not load.faults, load.faults[:3]
        answered |= load.answered
        sent |= load.sent
        assert_sound(hub.data)

        again = new_hub().start()
        found = projects(again)
        lost = {id_: name for id_, name in answered.items() if found.get(id_) != name}
        assert not lost, f"round {round_}: {len(lost)} of {len(answered)} answered creates are lost: {list(lost.items())[:5]}"
        unknown = set(found.values()) - sent
        assert not unknown, f"round {round_}: nobody created {sorted(unknown)[:5]}"
        assert again.stop() == 0, again.output()
