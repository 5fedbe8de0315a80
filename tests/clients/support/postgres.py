"""Databases of their own on the Postgres that scripts/test started."""

import os
import subprocess
from contextlib import contextmanager
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

ADMIN = os.environ.get("ALKHUB_TEST_POSTGRES_URL")


def query(url: str, sql: str) -> str:
    """Runs a statement with psql."""
    psql = Path(os.environ.get("ALKHUB_TEST_POSTGRES_BIN", "/usr/bin")) / "psql"
    done = subprocess.run(
        [psql, "-X", "-qAt", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", sql], capture_output=True, text=True, timeout=30
    )
    if done.returncode != 0:
        raise RuntimeError(f"psql: {done.stderr}")
    return done.stdout.strip()


@contextmanager
def database(name: str) -> Iterator[str]:
    """A new database; gives its address."""
    assert ADMIN, "ALKHUB_TEST_POSTGRES_URL is not set"
    query(ADMIN, f'CREATE DATABASE "{name}"')
    try:
        yield urlunsplit(urlsplit(ADMIN)._replace(path=f"/{name}"))
    finally:
        query(ADMIN, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
