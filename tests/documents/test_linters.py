"""The linters that people use find nothing in our documents, and something in broken ones."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml
from openapi_spec_validator import OpenAPIV30SpecValidator

ROOT = Path(__file__).parents[2]
LINTERS = Path(__file__).parent / "linters"
OPENAPI = "openapi/openapi.yaml"
ASYNCAPI = "asyncapi/asyncapi.yaml"
DEADLINE = 120
"""Seconds after which a linter is taken to hang."""

SPECTRAL_OPENAPI = [
    "node_modules/.bin/spectral", "lint", "--fail-severity=hint",
    f"--ruleset={LINTERS}/.spectral-openapi.yaml", OPENAPI,
]  # fmt: skip
SPECTRAL_ASYNCAPI = [
    # Spectral notes that it leaves payloads in OpenAPI schemas to others, which is no warning.
    "node_modules/.bin/spectral", "lint", "--fail-severity=warn",
    f"--ruleset={LINTERS}/.spectral-asyncapi.yaml", ASYNCAPI,
]  # fmt: skip
REDOCLY = ["node_modules/.bin/redocly", "lint", f"--config={LINTERS}/redocly.yaml", OPENAPI]
ASYNCAPI_PARSER = ["node", str(LINTERS / "asyncapi.mjs"), ASYNCAPI]

linters = pytest.mark.needs("linters")
pytestmark = pytest.mark.slow
each_linter = pytest.mark.parametrize(
    "command",
    [
        pytest.param(SPECTRAL_OPENAPI, id="spectral-openapi"),
        pytest.param(SPECTRAL_ASYNCAPI, id="spectral-asyncapi"),
        pytest.param(REDOCLY, id="redocly"),
        pytest.param(ASYNCAPI_PARSER, id="asyncapi-parser"),
    ],
)


def run(command: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    program = command[0]
    if program.startswith("node_modules/"):
        program = str(LINTERS / program)
    return subprocess.run(
        [program, *command[1:]],
        cwd=folder,
        env={**os.environ, "REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=DEADLINE,
        check=False,
    )


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """A folder with a copy of both documents, in each of which a reference points nowhere."""
    for document in (OPENAPI, ASYNCAPI):
        copy = tmp_path / document
        copy.parent.mkdir()
        text = (ROOT / document).read_text("utf-8")
        assert "/ObjectId'" in text
        copy.write_text(text.replace("/ObjectId'", "/Nowhere'", 1), "utf-8")
    return tmp_path


@linters
@each_linter
def test_a_linter_finds_neither_error_nor_warning(command: Sequence[str]) -> None:
    result = run(command, ROOT)

    assert result.returncode == 0, result.stdout


@linters
@each_linter
def test_a_linter_reports_a_reference_that_points_nowhere(
    command: Sequence[str], broken: Path
) -> None:
    result = run(command, broken)

    assert result.returncode == 1, result.stdout
    assert "Nowhere" in result.stdout


@linters
def test_the_asyncapi_parser_reads_payloads_in_openapi_schemas(tmp_path: Path) -> None:
    for document in (OPENAPI, ASYNCAPI):
        (tmp_path / document).parent.mkdir()
        shutil.copy(ROOT / document, tmp_path / document)
    file = tmp_path / OPENAPI
    text = file.read_text("utf-8")
    assert "enum: [image, video, file]" in text
    file.write_text(text.replace("enum: [image, video, file]", "enum: image"), "utf-8")

    result = run(ASYNCAPI_PARSER, tmp_path)

    assert result.returncode == 1, result.stdout
    assert "enum" in result.stdout


@linters
def test_openapi_typescript_makes_types_that_the_compiler_takes(tmp_path: Path) -> None:
    types = tmp_path / "api.d.ts"

    made = run(["node_modules/.bin/openapi-typescript", OPENAPI, f"--output={types}"], ROOT)
    compiled = run(["node_modules/.bin/tsc", "--noEmit", "--strict", str(types)], tmp_path)

    assert made.returncode == 0, made.stdout
    assert compiled.returncode == 0, compiled.stdout
    for operation in ("listMessages", "sendMessage", "sendChatMessage"):
        assert f"    {operation}: {{" in types.read_text("utf-8")


def test_the_openapi_document_is_valid_openapi_3_0() -> None:
    document = yaml.safe_load((ROOT / OPENAPI).read_text("utf-8"))

    assert list(OpenAPIV30SpecValidator(document).iter_errors()) == []


def test_no_lock_file_names_the_host_that_packages_came_from() -> None:
    locks = [*(ROOT / "tests").glob("*/package-lock.json"), LINTERS / "package-lock.json"]

    assert [lock for lock in locks if '"resolved"' in lock.read_text("utf-8")] == []
