"""Where things are."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
CLIENTS = ROOT / "tests" / "clients"
DOCUMENT = ROOT / "generated" / "openapi.json"


def target() -> Path:
    """Cargo's output directory."""
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()


def hub_binary() -> Path:
    """The hub under test: ALKHUB_TEST_BIN, or what cargo built last."""
    path = Path(os.environ.get("ALKHUB_TEST_BIN", target() / "debug" / "alkhub")).resolve()
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: run `cargo build`, or scripts/test, which does")
    return path


def tools() -> Path:
    """The private folder into which scripts/test installs clients."""
    return Path(os.environ.get("ALKHUB_TEST_TOOLS", target() / "test-tools"))
