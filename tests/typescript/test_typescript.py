"""The types that `r2c-server types` writes: compiled strictly, used, and held against the tool."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from contract import load
from contract.typescript import outright, rest_types
from reference_server import running
from tests.reference_server.extending import asyncapi
from tests.typescript.rich import rich_document

pytestmark = pytest.mark.needs("typescript")
HERE = Path(__file__).parent
DEADLINE = 120
"""Seconds after which a tool is taken to hang."""


def run(command: list[str], folder: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "PYTHONPATH": str(HERE.parents[1]), **variables}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=DEADLINE
    )


def tool(name: str) -> str:
    return str(HERE / "node_modules" / ".bin" / name)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A frontend's project with the types in a folder of it."""
    folder = tmp_path_factory.mktemp("frontend")
    for name in ("client.ts", "wrong.ts", "tsconfig.json", "package.json"):
        (folder / name).write_bytes((HERE / name).read_bytes())
    (folder / "node_modules").symlink_to(HERE / "node_modules")
    command = [sys.executable, "-m", "reference_server", "types", "--out", str(folder / "chat")]
    written = run(command, folder)
    assert (written.returncode, written.stderr) == (0, "")
    return folder


@pytest.fixture(scope="module")
def refused(project: Path) -> dict[str, set[int]]:
    """The lines, by file, that the compiler refuses; it compiles what it can all the same."""
    compiled = run([tool("tsc"), "--project", "."], project)
    places = re.findall(r"^(\S+)\((\d+),\d+\): error", compiled.stdout, re.MULTILINE)
    assert len(places) == compiled.stdout.count(": error "), compiled.stdout
    lines: dict[str, set[int]] = {}
    for file, line in places:
        lines.setdefault(file, set()).add(int(line))
    return lines


def test_what_is_wrong_does_not_compile_and_nothing_else(
    project: Path, refused: dict[str, set[int]]
) -> None:
    lines = (project / "wrong.ts").read_text().splitlines()
    wrong = {number for number, line in enumerate(lines, start=1) if line.endswith("// wrong")}
    assert len(wrong) > 20
    assert refused == {"wrong.ts": wrong}


def test_a_client_that_compiles_works(project: Path, refused: dict[str, set[int]]) -> None:
    assert "client.ts" not in refused
    with running() as server:
        asha, ben = list(server.users)[:2]
        users = {
            "asha": {"_id": asha.id, "token": server.token(asha)},
            "ben": {"_id": ben.id, "token": server.token(ben)},
        }
        variables = {"R2C_URL": server.url, "R2C_USERS": json.dumps(users)}
        ended = run(["node", "built/client.js"], project, **variables)
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout)
    assert told["operations"] == ["", "true", "Asha", "Asha"]
    assert told["events"][-1] == "true true"
    assert {"true typed delivered", "delivered", "refused: true", "true false", "true"} <= set(
        told["events"]
    )


@pytest.mark.parametrize("rich", [False, True], ids=["the-contract", "a-copy-with-all-there-is"])
def test_the_operations_are_typed_as_openapi_typescript_types_them(
    tmp_path: Path, rich: bool
) -> None:
    contract = load(openapi=rich_document(tmp_path) if rich else None)
    document = tmp_path / "outright.json"
    document.write_text(json.dumps(outright(contract.openapi)))
    made = run([tool("openapi-typescript"), str(document), "--empty-objects-unknown"], tmp_path)
    assert made.returncode == 0, made.stderr
    theirs = made.stdout[made.stdout.index("export interface paths") :]
    assert rest_types(contract) == theirs


def test_the_types_of_a_copy_compile_in_older_settings_too(tmp_path: Path) -> None:
    messages: Any = [{"name": "poke", "payload": {"type": "object", "required": ["x"]}}]
    poke = {"action": "receive", "messages": messages}
    command = [
        sys.executable, "-m", "reference_server", "types", "--out", str(tmp_path / "chat"),
        "--openapi", str(rich_document(tmp_path)),
        "--asyncapi", str(asyncapi(tmp_path, {"onPoke": poke})),
    ]  # fmt: skip
    written = run(command, tmp_path)
    assert written.returncode == 0, written.stderr
    (tmp_path / "node_modules").symlink_to(HERE / "node_modules")
    options = ["--strict", "--noEmit", "--skipLibCheck", "--target", "es2022"]
    files = [str(file) for file in sorted((tmp_path / "chat").iterdir())]
    older = ["--module", "commonjs", "--moduleResolution", "node10"]
    compiled = run([tool("tsc"), *options, *older, *files], tmp_path)
    assert compiled.stdout == ""
    assert (
        "poke: (payload: Record<string, unknown>) => void;"
        in (tmp_path / "chat" / "events.ts").read_text()
    )
