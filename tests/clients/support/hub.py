"""Starts the hub as a person would, and ends it in one of the ways in which programs end."""

import re
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import requests

from .paths import hub_binary

KEY = "alk_clienttests00000001_" + "5ca1ab1e" * 8
START_SECONDS = 30
STOP_SECONDS = 15
_SERVES = re.compile(r"serves on (http://\S+)")


class Hub:
    """A running hub on a free port of the loopback interface."""

    def __init__(self, data: Path, *, database: str | None = None, binary: Path | None = None, env: Mapping[str, str] | None = None, listen: str = "127.0.0.1:0"):
        self.data = data
        self.key = KEY
        self.url = ""
        self._database = database
        self._binary = binary or hub_binary()
        self._env = dict(env or {})
        self._listen = listen
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        """Both output streams of all its runs."""
        return self.data / "output.log"

    @property
    def headers(self) -> dict[str, str]:
        """The administrator's credentials."""
        return {"Authorization": f"Bearer {self.key}"}

    def start(self) -> "Hub":
        """Starts it and waits until it is ready."""
        self.data.mkdir(parents=True, exist_ok=True)
        # Nothing of the caller's own configuration: PATH and HOME are all that a hub may want.
        env = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self.data),
            "ALKHUB_BOOTSTRAP_KEY": self.key,
            "RUST_BACKTRACE": "1",
            **({"ALKHUB_DATABASE_URL": self._database} if self._database else {}),
            **self._env,
        }
        with self.log.open("ab") as log:
            before = log.tell()
            self._process = subprocess.Popen(
                # A hub must not outlive tests that were killed. Not by preexec_fn, which may hang where there are threads.
                ["setpriv", "--pdeathsig", "KILL", "--", self._binary, "serve", "--listen", self._listen, "--data", self.data / "hub"],
                cwd=self.data,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._await_ready(before)
        return self

    def _await_ready(self, before: int) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            code = self._process.poll()
            if code is not None:
                raise RuntimeError(f"the hub ended at start with {code}\n{self.output()}")
            with self.log.open("rb") as log:
                log.seek(before)
                found = _SERVES.search(log.read().decode(errors="replace"))
            if found:
                self.url = found[1].rstrip("/")
                try:
                    if requests.get(f"{self.url}/readyz", timeout=5).ok:
                        return
                except requests.ConnectionError:
                    pass
            time.sleep(0.02)
        self.kill()
        raise TimeoutError(f"the hub was not ready after {START_SECONDS} s\n{self.output()}")

    def output(self) -> str:
        """The end of what it printed."""
        return self.log.read_text(errors="replace")[-8000:] if self.log.exists() else ""

    def kill(self) -> None:
        """kill -9: it gets no chance to tidy up."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        """Asks it to stop; gives its exit code."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise TimeoutError(f"the hub did not stop within {STOP_SECONDS} s\n{self.output()}") from None

    def __enter__(self) -> "Hub":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
