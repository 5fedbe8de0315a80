"""Private Postgres, Redis and nginx that a test may stop and start again."""

import os
import pwd
import random
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from .paths import ROOT

START_SECONDS = 60
DEPLOY = ROOT / "deploy"


def stable_port() -> int:
    """A free port that the system gives to no outgoing connection, so that it is still free after a restart."""
    low = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    chance = random.SystemRandom()
    for _ in range(200):
        port = chance.randrange(10000, low) if low > 11000 else chance.randrange(low, 60000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port")


def until(what: str, condition: Callable[[], object], seconds: float = START_SECONDS, every: float = 0.02) -> float:
    """Waits for a condition; gives the time that it took."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > seconds:
            raise TimeoutError(f"{what}: not after {seconds} s")
        time.sleep(every)
    return time.monotonic() - began


class Service:
    """A server in the foreground, in a private folder, gone with the test."""

    account = "nobody"
    ends_by = signal.SIGKILL

    def __init__(self) -> None:
        self.port = stable_port()
        # Not below pytest's folder: another account cannot reach that, and a socket's path has to be short.
        self.folder = Path(tempfile.mkdtemp(prefix="alkhub-fault.", dir="/tmp"))
        self._process: subprocess.Popen[bytes] | None = None
        self._as: list[str] = []
        if os.geteuid() == 0:
            try:
                account = pwd.getpwnam(self.account)
            except KeyError:
                account = pwd.getpwnam("nobody")
            self._as = ["--reuid", str(account.pw_uid), "--regid", str(account.pw_gid), "--clear-groups"]

    def own(self) -> None:
        """Hands the folder to whom the server runs as."""
        if self._as:
            subprocess.run(["chown", "-R", f"{self._as[1]}:{self._as[3]}", self.folder], check=True)

    def command(self) -> list[str | Path]:
        raise NotImplementedError

    def answers(self) -> bool:
        raise NotImplementedError

    def start(self) -> None:
        """Starts it and waits until it answers."""
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                ["setpriv", *self._as, "--pdeathsig", self.ends_by.name.removeprefix("SIG"), "--", *self.command()],
                cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )
        until(f"{type(self).__name__} answers", self._up)

    def _up(self) -> bool:
        if self._process.poll() is not None:
            raise RuntimeError(f"{self.command()[0]} ended\n{(self.folder / 'server.log').read_text(errors='replace')[-4000:]}")
        return self.answers()

    def stop(self, by: signal.Signals | None = None) -> None:
        """Ends it by a signal, and waits for its end."""
        if self._process and self._process.poll() is None:
            self._process.send_signal(by or self.ends_by)
            self._process.wait(60)

    def __enter__(self) -> "Service":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class Postgres(Service):
    """Durable but for the machine: its processes may be killed."""

    account = "postgres"
    FAST, IMMEDIATE = signal.SIGINT, signal.SIGQUIT
    ends_by = IMMEDIATE

    def __init__(self) -> None:
        super().__init__()
        self._bin = Path(os.environ["ALKHUB_TEST_POSTGRES_BIN"])
        password = secrets.token_hex(16)
        self.url = f"postgres://postgres:{password}@127.0.0.1:{self.port}/postgres"
        (self.folder / "password").write_text(password)
        (self.folder / "data").mkdir()
        self.own()
        subprocess.run(
            ["setpriv", "--reset-env", *self._as, "--", self._bin / "initdb", "-D", self.folder / "data", "-U", "postgres",
             "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "--auth=scram-sha-256", f"--pwfile={self.folder / 'password'}"],
            check=True, cwd=self.folder, capture_output=True, timeout=120,
        )
        with (self.folder / "data" / "postgresql.conf").open("a") as conf:
            conf.write(
                f"listen_addresses = '127.0.0.1'\nport = {self.port}\nunix_socket_directories = '{self.folder}'\n"
                "fsync = off\nfull_page_writes = off\nshared_buffers = 64MB\n"
            )

    def command(self) -> list[str | Path]:
        return [self._bin / "postgres", "-D", self.folder / "data"]

    def answers(self) -> bool:
        ready = [self._bin / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres"]
        return subprocess.run(ready).returncode == 0


class Redis(Service):
    """Keeps nothing, as one for a bus may."""

    def __init__(self) -> None:
        super().__init__()
        self._password = secrets.token_hex(16)
        self.url = f"redis://:{self._password}@127.0.0.1:{self.port}"
        (self.folder / "redis.conf").write_text(
            f'bind 127.0.0.1\nport {self.port}\nrequirepass {self._password}\nsave ""\nappendonly no\ndir {self.folder}\n'
        )
        self.own()

    def command(self) -> list[str | Path]:
        return ["redis-server", self.folder / "redis.conf"]

    def answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=2) as wire:
                wire.sendall(f"AUTH {self._password}\r\nPING\r\n".encode())
                return b"+PONG" in wire.recv(100) or b"+PONG" in wire.recv(100)
        except OSError:
            return False


class Nginx(Service):
    """With the very files of deploy/, but for ports."""

    # Killed outright, it would leave its workers behind.
    ends_by = signal.SIGTERM

    def __init__(self, hubs: list[int]) -> None:
        super().__init__()
        self.url = f"http://127.0.0.1:{self.port}"
        # Debian's is in sbin, which is not everybody's PATH.
        self.program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
        assert self.program, "nginx is not installed; scripts/test does it"
        server, listens = re.subn(r"^(\s*)listen 80;", rf"\1listen 127.0.0.1:{self.port};", (DEPLOY / "nginx/alkhub.conf").read_text(), flags=re.M)
        ports = iter(hubs)
        upstream, servers = re.subn(r"127\.0\.0\.1:808\d", lambda _: f"127.0.0.1:{next(ports)}", (DEPLOY / "nginx/alkhub-upstream.conf").read_text())
        assert (listens, servers) == (1, len(hubs)), "deploy/nginx does not say what is replaced here"
        (self.folder / "alkhub.conf").write_text(server)
        (self.folder / "alkhub-upstream.conf").write_text(upstream)
        temporary = "".join(f"    {kind}_temp_path {self.folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (self.folder / "nginx.conf").write_text(
            f"daemon off;\npid {self.folder}/pid;\nerror_log stderr warn;\nworker_processes 2;\nevents {{}}\n"
            f"http {{\n    access_log off;\n{temporary}    include {self.folder}/alkhub*.conf;\n}}\n"
        )
        self.own()

    def command(self) -> list[str | Path]:
        return [self.program, "-e", "stderr", "-p", self.folder, "-c", self.folder / "nginx.conf"]

    def answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=2).close()
        except OSError:
            return False
        return True
