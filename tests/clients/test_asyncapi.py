"""generated/spoke.json, read by the AsyncAPI tools."""

import shutil
import subprocess
from pathlib import Path

from support.paths import CLIENTS, ROOT, tools


def test_document_is_sound(tmp_path: Path) -> None:
    (tmp_path / "node_modules").symlink_to(tools() / "node" / "node_modules")
    shutil.copy(CLIENTS / "node" / "asyncapi.mjs", tmp_path)
    done = subprocess.run(
        ["node", "asyncapi.mjs", ROOT / "generated" / "spoke.json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " messages, 4 operations" in done.stdout, done.stdout
