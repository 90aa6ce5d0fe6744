"""Each test that SECURITY.md names as proof is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROWS = [
    (file, name)
    for line in (ROOT / "SECURITY.md").read_text("utf-8").splitlines()
    if (file := next(iter(re.findall(r"\]\((tests/[\w/.]+)\)", line)), None))
    for name in re.findall(r"`(test_\w+)`", line.split("](")[-1])
]


def test_there_is_something_to_look_for() -> None:
    assert len(ROWS) > 15


@pytest.mark.parametrize(("file", "name"), ROWS, ids=[name for _, name in ROWS])
def test_the_test_that_shows_it_is_there(file: str, name: str) -> None:
    assert f"def {name}(" in (ROOT / file).read_text("utf-8")
