"""Fixtures: hubs, and databases under them."""

import secrets
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from support import postgres  # noqa: E402
from support.hub import Hub  # noqa: E402
from support.seed import SEED  # noqa: E402


def pytest_report_header() -> str:
    return f"ALKHUB_TEST_SEED={SEED}"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    """A hub on SQLite."""
    with Hub(tmp_path / "data") as running:
        yield running


@pytest.fixture(params=["sqlite", "postgres"])
def new_hub(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Hub]]:
    """Makes hubs that are not yet started, all on one database."""
    with ExitStack() as stack:
        url = None
        if request.param == "postgres":
            if not postgres.ADMIN:
                pytest.skip("ALKHUB_TEST_POSTGRES_URL is not set")
            url = stack.enter_context(postgres.database(f"clients_{secrets.token_hex(6)}"))

        def make() -> Hub:
            made = Hub(tmp_path / "data", database=url)
            # Whatever state the test leaves it in.
            stack.callback(lambda: made._process and made._process.poll() is None and made.kill())
            return made

        yield make
