"""Reads scenarios and says what is wrong with one, and where."""

import difflib
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema_rs
from jsonschema_rs import ValidationErrorKind as Kind

from contract import DocumentError, line_of, read_file
from contract.shape import problem_of
from reference_server.control.durations import seconds
from reference_server.control.names import named
from reference_server.errors import Refusal
from reference_server.users import Directory

SCHEMA = Path(__file__).with_name("scenario.schema.json")
SHIPPED = Path(__file__).with_name("shipped")
_TIMES = ("after", "at")
_USERS = ("as", "to", "with", "other", "user")

Path_ = Sequence[str | int]


class ScenarioError(Exception):
    """A scenario that cannot be used; the text is one sentence with the place in it."""

    def __init__(self, path: Path_, problem: str) -> None:
        self.path = path
        """Keys and indices of the place."""
        self.problem = problem
        place = ".".join(map(str, path)) or "The scenario"
        super().__init__(f"{place}: {problem}.")


@dataclass(frozen=True, slots=True)
class Step:
    """One verb at its time."""

    due: float
    """Seconds after the beginning."""
    verb: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Scenario:
    """Steps in the order of their times."""

    name: str
    title: str
    description: str
    steps: tuple[Step, ...]

    @property
    def seconds(self) -> float:
        """How long it takes."""
        return self.steps[-1].due


def read(file: Path) -> tuple[Scenario, Any]:
    """The scenario in a YAML or JSON file, named after it, and the file's content.

    Raises DocumentError, one line with file, line and reason.
    """
    content = read_file(file)
    try:
        return parse(file.stem, content), content
    except ScenarioError as error:
        raise located(file, error) from None


def located(file: Path, error: ScenarioError) -> DocumentError:
    """The error as one about a line of a file."""
    place = ".".join(str(part) for part in error.path)
    problem = f"{place} {error.problem}" if place else error.problem
    return DocumentError(file, f"line {line_of(file, error.path)}", problem)


def parse(name: str, content: Any) -> Scenario:
    """The scenario that decoded YAML or JSON holds. Raises ScenarioError."""
    errors = sorted(_validator().iter_errors(content), key=_specific)
    if errors:
        raise _error(errors[0])
    steps: list[Step] = []
    now = 0.0
    for index, given in enumerate(content["steps"]):
        (verb,) = given.keys() - set(_TIMES)
        if "at" in given and seconds(given["at"]) < now:
            raise ScenarioError(("steps", index, "at"), "lies before the step above it")
        now = seconds(given["at"]) if "at" in given else now + seconds(given.get("after", 0))
        steps.append(Step(now, verb, given[verb]))
    return Scenario(name, content.get("title", name), content.get("description", ""), tuple(steps))


def require_users(scenario: Scenario, users: Directory) -> None:
    """Raises ScenarioError for a step that names a user who does not exist."""
    for index, step in enumerate(scenario.steps):
        for field in _USERS:
            if field in step.arguments:
                try:
                    named(users, step.arguments[field])
                except Refusal as refusal:
                    problem = f"names no user. {refusal.message.removesuffix('.')}"
                    raise ScenarioError(("steps", index, step.verb, field), problem) from None


@functools.cache
def shipped() -> Mapping[str, Path]:
    """The files of the scenarios that ship with the server, by name."""
    return {file.stem: file for file in sorted(SHIPPED.glob("*.yaml"))}


@functools.cache
def schema() -> Any:
    """The JSON Schema of scenarios."""
    return read_file(SCHEMA)


@functools.cache
def _validator() -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(schema(), validate_formats=True, mask="it")


def _specific(error: jsonschema_rs.ValidationError) -> tuple[int, bool]:
    """What is deepest comes first; what a wrong field brings about comes after that."""
    return -len(error.instance_path), isinstance(error.kind, Kind.OneOfNotValid)


def _error(error: jsonschema_rs.ValidationError) -> ScenarioError:
    path = list(error.instance_path)
    verbs = [verb for verb in schema()["$defs"]["step"]["properties"] if verb not in _TIMES]
    match error.kind:
        case Kind.AdditionalProperties(unexpected=names):
            known = verbs if path[:1] == ["steps"] and len(path) == 2 else []
            close = difflib.get_close_matches(names[0], known, n=1)
            hint = f" (did you mean {close[0]}?)" if close else ""
            if " " in names[0]:
                hint = "; put a text that holds a comma in quotes"
            return ScenarioError([*path, names[0]], f"is no field here{hint}")
        case Kind.OneOfNotValid() | Kind.OneOfMultipleValid():
            return ScenarioError(path, f"needs exactly one of {', '.join(verbs)}")
        case Kind.Not():
            return ScenarioError([*path, "at"], "stands beside after; one of them is enough")
        case Kind.AnyOf():
            return ScenarioError(path, "has to be milliseconds, or a text such as 800ms or 3s")
        case Kind.Format():
            return ScenarioError(path, "has to be a time such as 2026-01-01T08:00:00Z")
        case Kind.MinLength():
            return ScenarioError(path, "must not be empty")
        case _:
            return ScenarioError(path, problem_of(error))
