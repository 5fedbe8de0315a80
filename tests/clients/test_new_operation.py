"""Adding an operation touches two files, and one without a handler does not compile."""

from pathlib import Path

import requests

from support.hub import Hub
from support.scratch import Scratch

# Features are those of the whole workspace, as in scripts/test, so that what that built is used again.
BUILD = ("build", "--workspace", "--bin", "alkhub")

YAML = "operations/demo/greet.yaml"
HANDLER = "src/operations/demo/greet.rs"


def test_an_operation_is_two_files(tmp_path: Path) -> None:
    with Scratch(tmp_path) as scratch:
        adds_an_operation(scratch, tmp_path)
        misses_its_handler(scratch)


def adds_an_operation(scratch: Scratch, tmp_path: Path) -> None:
    scratch.codegen("new", "demo.greet")
    assert by_hand(scratch) == {YAML: "??", HANDLER: "??"}

    # The author fills in the handler.
    handler = scratch.root / HANDLER
    template = handler.read_text()
    assert '"Hello, {}"' in template
    handler.write_text(template.replace('"Hello, {}"', '"Good day, {}"'))
    scratch.cargo(*BUILD)
    assert by_hand(scratch) == {YAML: "??", HANDLER: "??"}

    with Hub(tmp_path / "data", binary=scratch.hub) as hub:
        url = f"{hub.url}/api/demo/greet"
        answer = requests.get(url, params={"name": "operator"}, headers=hub.headers, timeout=10)
        assert (answer.status_code, answer.json()) == (200, {"message": "Good day, operator"}), answer.text
        refused = requests.get(url, headers=hub.headers, timeout=10)
        assert refused.status_code == 422, refused.text
        assert requests.get(url, params={"name": "a"}, timeout=10).status_code == 401
        document = requests.get(f"{hub.url}/openapi.json", timeout=10).json()
        assert document["paths"]["/api/demo/greet"]["get"]["operationId"] == "demo.greet"


def by_hand(scratch: Scratch) -> dict[str, str]:
    """What changed, less what codegen writes."""
    return {path: code for path, code in scratch.changes().items() if not path.startswith("generated/")}


def misses_its_handler(scratch: Scratch) -> None:
    handler = scratch.root / HANDLER

    # A handler that does not handle.
    handler.write_text("//! Nothing yet.\n")
    output = scratch.cargo(*BUILD, fails=True)
    assert "`Greet` is declared but" in output and "demo::Greet" in output, output

    # No handler at all.
    handler.unlink()
    output = scratch.cargo(*BUILD, fails=True)
    assert HANDLER in output and "demo::Greet" in output, output
