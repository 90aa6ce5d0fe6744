"""Finds the scenarios with pytest; playing them is the suite's own business (`programme`)."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

REQUIREMENT, UNDISTURBED = "requirement", "undisturbed"


@dataclass(frozen=True, slots=True)
class Scenario:
    """A function that plays on a stage, and the requirements it has to judge."""

    name: str
    """As in the source, such as `test_a_message_to_nobody`."""
    requirements: tuple[str, ...]
    play: Callable[..., Any]
    """Takes the stage."""
    undisturbed: bool = False
    """Whether nobody else may play at the same time."""

    @property
    def sentence(self) -> str:
        """The name as words."""
        return self.name.removeprefix("test_").replace("_", " ")


class _Collection:
    """A pytest plug-in that keeps what was collected."""

    def __init__(self) -> None:
        self.scenarios: tuple[Scenario, ...] = ()
        self.broken: list[str] = []

    def pytest_configure(self, config: pytest.Config) -> None:
        config.addinivalue_line("markers", f"{REQUIREMENT}(*ids): what a scenario judges")
        config.addinivalue_line("markers", f"{UNDISTURBED}: nobody plays at the same time")

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.scenarios = tuple(
            Scenario(item.name, _declared(item), item.obj, _is_undisturbed(item))
            for item in session.items
            if isinstance(item, pytest.Function)
        )

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.broken.append(report.longreprtext)


def collected(folder: Path) -> tuple[Scenario, ...]:
    """All scenarios of a folder, in the order of its files and their lines.

    Nothing of the surroundings takes part: no configuration, no conftest, no plug-in that happens
    to be installed. Raises KeyboardInterrupt, and RuntimeError where a file cannot be imported or
    pytest itself failed.
    """
    collection = _Collection()
    with pytest.MonkeyPatch.context() as surroundings:
        surroundings.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        surroundings.delenv("PYTEST_ADDOPTS", raising=False)
        surroundings.delenv("PYTEST_PLUGINS", raising=False)
        status = pytest.main(
            [
                str(folder),
                "--collect-only",
                "--rootdir",
                str(folder),
                "-c",
                str(folder / "pytest.ini"),
                "--noconftest",
                "--import-mode=importlib",
                "-p",
                "no:cacheprovider",
                "-p",
                "no:terminal",
                "-p",
                "no:logging",
                "-p",
                "no:warnings",
                "--capture=no",
            ],
            plugins=[collection],
        )
    if collection.broken:
        raise RuntimeError(f"a scenario cannot be read: {collection.broken[0]}")
    if status is pytest.ExitCode.INTERRUPTED:
        raise KeyboardInterrupt  # which pytest keeps to itself
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        raise RuntimeError(f"pytest ended with status {int(status)}")
    return collection.scenarios


def _declared(item: pytest.Item) -> tuple[str, ...]:
    return tuple(id for mark in item.iter_markers(REQUIREMENT) for id in mark.args)


def _is_undisturbed(item: pytest.Item) -> bool:
    return item.get_closest_marker(UNDISTURBED) is not None
