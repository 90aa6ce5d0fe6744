"""Which checks stand behind a requirement, read from where they are: no list can be wrong."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from conformance.scenarios import FOLDER
from contract import Contract

_SUITE = Path(__file__).parents[1]
MONITORS = (*sorted((_SUITE / "judging").glob("*.py")), _SUITE / "stage" / "watch.py")
"""What looks at every answer, event and acknowledgement, and at whether the backend lives."""
FUZZING = tuple(sorted((_SUITE / "fuzzing").glob("*.py")))


@dataclass(frozen=True, slots=True)
class Checks:
    """What judges one requirement."""

    scenarios: tuple[str, ...] = ()
    """Their names as words."""
    fuzzing: bool = False
    monitor: bool = False

    @property
    def short(self) -> str:
        """For a column of a list, such as `2S F M`; empty where nothing judges it."""
        count = f"{len(self.scenarios)}S" if self.scenarios else ""
        return " ".join(filter(None, (count, "F" * self.fuzzing, "M" * self.monitor)))

    def sentences(self) -> Iterator[str]:
        """For an explanation."""
        if self.scenarios:
            yield "Judged by the scenarios: " + "; ".join(self.scenarios) + "."
        if self.fuzzing:
            yield "Judged by fuzzing: requests and payloads that are generated from the document."
        if self.monitor:
            yield "Judged by a monitor: whatever goes over the wire during the whole run."


LEGEND = "S scenarios, F fuzzing, M a monitor of all traffic"


def checks_of(contract: Contract) -> Mapping[str, Checks]:
    """The checks behind every requirement of a contract, by id."""
    scenarios = scenarios_by_requirement()
    monitored, fuzzed = (_texts(files) for files in (MONITORS, FUZZING))
    return {
        id: Checks(scenarios.get(id, ()), requirement.blamed or id in fuzzed, id in monitored)
        for id, requirement in contract.requirements.items()
    }


@cache
def scenarios_by_requirement(folder: Path = FOLDER) -> Mapping[str, tuple[str, ...]]:
    """The names of the scenarios that judge each requirement, read from their source."""
    found: dict[str, list[str]] = {}
    for file in sorted(folder.glob("test_*.py")):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef):
                for id in _declared(node):
                    found.setdefault(id, []).append(
                        node.name.removeprefix("test_").replace("_", " ")
                    )
    return {id: tuple(names) for id, names in found.items()}


def _declared(function: ast.FunctionDef) -> tuple[str, ...]:
    return tuple(
        argument.value
        for decorator in function.decorator_list
        if isinstance(decorator, ast.Call)
        and isinstance(decorator.func, ast.Name)
        and decorator.func.id == "requirement"
        for argument in decorator.args
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    )


@cache
def _texts(files: tuple[Path, ...]) -> frozenset[str]:
    """All constants in these files that are texts."""
    return frozenset(
        node.value
        for file in files
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
