"""Where Hypothesis keeps its tables."""

import os
from pathlib import Path

import pytest

from contract.generation import STORAGE, keep_tables


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv(STORAGE, "")  # put back afterwards, whatever the test sets
    monkeypatch.delenv(STORAGE)
    return monkeypatch


def kept() -> Path:
    keep_tables()
    return Path(os.environ[STORAGE])


def test_the_users_cache_is_the_place(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    environment.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert kept() == tmp_path / "r2c-contract" / "hypothesis"


def test_a_relative_cache_is_ignored_as_its_specification_asks(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    environment.setenv("XDG_CACHE_HOME", "here")
    environment.setenv("HOME", str(tmp_path))
    assert kept() == tmp_path / ".cache" / "r2c-contract" / "hypothesis"


def test_a_place_that_the_environment_names_stays(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    environment.setenv(STORAGE, str(tmp_path))
    assert kept() == tmp_path
