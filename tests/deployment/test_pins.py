"""The packages that a deployment installs are those of pyproject.toml, each with its hashes."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
WANTED = [
    Requirement(each)
    for each in (
        *PROJECT["build-system"]["requires"],
        *PROJECT["project"]["dependencies"],
        *PROJECT["project"]["optional-dependencies"]["bus"],
    )
]
PIN = re.compile(r"^(?P<name>[\w.-]+)==(?P<version>\S+) \\\n(?P<hashes>(?: +--hash=.*\n)+)", re.M)
PINS = {
    match["name"]: match
    for match in PIN.finditer((ROOT / "deploy" / "requirements.txt").read_text("utf-8"))
}


@pytest.mark.parametrize("wanted", WANTED, ids=str)
def test_what_the_project_asks_for_is_pinned(wanted: Requirement) -> None:
    assert wanted.specifier.contains(PINS[wanted.name.lower()]["version"])


def test_every_pin_has_hashes_and_nothing_else_is_in_the_file() -> None:
    lines = (ROOT / "deploy" / "requirements.txt").read_text("utf-8").splitlines()
    hashes = [
        line for line in lines if re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}(?: \\)?", line)
    ]
    comments = [line for line in lines if line.startswith("#")]
    assert len(hashes) + len(comments) + len(PINS) == len(lines)
