"""Scenario files are read, and wrong ones refused with line and reason."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from contract import DocumentError
from reference_server import users
from reference_server.scenarios import reading


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    def written(text: str) -> Path:
        file = tmp_path / "mine.yaml"
        file.write_text(text, encoding="utf-8")
        return file

    return written


def test_steps_have_their_times_from_the_beginning(write: Any) -> None:
    scenario, content = reading.read(
        write(
            """
title: Ben says hello
steps:
  - connect: {as: Ben}
  - after: 500
    typing: {as: Ben, to: Asha}
  - after: 1.5s
    stopTyping: {as: Ben, to: Asha}
  - send: {as: Ben, to: Asha, text: Hello}
  - at: 1min
    leave: {as: Ben}
"""
        )
    )
    assert (scenario.name, scenario.title, scenario.description) == ("mine", "Ben says hello", "")
    assert [(step.due, step.verb) for step in scenario.steps] == [
        (0, "connect"),
        (0.5, "typing"),
        (2, "stopTyping"),
        (2, "send"),
        (60, "leave"),
    ]
    assert scenario.seconds == 60
    assert scenario.steps[3].arguments == {"as": "Ben", "to": "Asha", "text": "Hello"}
    assert content["title"] == "Ben says hello"


def wrong(text: str, line: int, reason: str) -> Any:
    return pytest.param(text, line, reason, id=reason)


BEGIN = "title: Mine\nsteps:\n  - connect: {as: Ben}\n"


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        wrong(f"{BEGIN}  - sned: {{as: Ben}}\n", 4, "steps.1.sned is no field here (did you mean"),
        wrong(f"{BEGIN}  - after: 1s\n", 4, "steps.1 needs exactly one of connect, leave, drop"),
        wrong(
            f"{BEGIN}  - typing: {{as: Ben, to: Asha}}\n    leave: {{as: Ben}}\n",
            4,
            "steps.1 needs exactly one of",
        ),
        wrong(f"{BEGIN}  - send:\n      as: Ben\n", 4, "steps.1.send needs the field to"),
        wrong(
            f"{BEGIN}  - send:\n      as: Ben\n      to: Asha\n      text: 5\n",
            7,
            "steps.1.send.text has to be a text",
        ),
        wrong(
            f"{BEGIN}  - send:\n      as: Ben\n      to: Asha\n      txt: x\n",
            7,
            "steps.1.send.txt is no field here",
        ),
        wrong(
            f"{BEGIN}  - after: 3 weeks\n    leave: {{as: Ben}}\n",
            4,
            "steps.1.after has to be milliseconds, or a text such as 800ms or 3s",
        ),
        wrong(
            f"{BEGIN}  - leave: {{as: Ben}}\n    at: 1s\n    after: 2s\n",
            5,
            "steps.1.at stands beside after; one of them is enough",
        ),
        wrong(
            f"{BEGIN}  - at: 2s\n    leave: {{as: Ben}}\n  - at: 1s\n    connect: {{as: Ben}}\n",
            6,
            "steps.2.at lies before the step above it",
        ),
        wrong(f"{BEGIN}  - fault: {{kind: fire}}\n", 4, "steps.1.fault.kind has to be one of"),
        wrong(
            f"{BEGIN}  - clock: {{set: noon}}\n",
            4,
            "steps.1.clock.set has to be a time such as 2026-01-01T08:00:00Z",
        ),
        wrong("title: Mine\nstep: []\n", 2, "step is no field here"),
        wrong(
            f"{BEGIN}  - send: {{as: Ben, to: Asha, text: Well, yes}}\n",
            4,
            "steps.1.send.yes is no field here",
        ),
        wrong(
            f"{BEGIN}  - send: {{as: Ben, to: Asha, text: Well, I see}}\n",
            4,
            "steps.1.send.I see is no field here; put a text that holds a comma in quotes",
        ),
        wrong("title: Mine\n", 1, "needs the field steps"),
        wrong("steps: []\n", 1, "steps has to hold one"),
        wrong("- connect\n", 1, "has to be a mapping"),
        wrong(f"{BEGIN}  - connect: {{as: Ben\n", 5, "is not YAML"),
    ],
)
def test_a_wrong_file_is_refused_with_line_and_reason(
    write: Any, text: str, line: int, reason: str
) -> None:
    file = write(text)
    with pytest.raises(DocumentError) as refused:
        reading.read(file)
    assert str(refused.value).startswith(f"{file}, line {line}")
    assert reason in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


def test_a_file_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="No such file"):
        reading.read(tmp_path / "none.yaml")


def test_users_who_do_not_exist_are_named_with_their_place() -> None:
    content = {"steps": [{"send": {"as": "Ben", "to": "Nobody", "text": "x"}}]}
    scenario = reading.parse("mine", content)
    with pytest.raises(reading.ScenarioError) as refused:
        reading.require_users(scenario, users.load())
    assert refused.value.path == ("steps", 0, "send", "to")
    assert str(refused.value).startswith("steps.0.send.to: names no user. There is no user Nobody;")


@pytest.mark.parametrize("name", list(reading.shipped()))
def test_what_ships_can_be_played_by_the_seeded_users(name: str) -> None:
    scenario, _ = reading.read(reading.shipped()[name])
    reading.require_users(scenario, users.load())
    assert scenario.name == name
    assert scenario.description
    assert scenario.seconds < 60


def test_three_scenarios_ship() -> None:
    assert set(reading.shipped()) == {"bad-connection", "ben-sends-a-picture", "three-at-once"}


def test_the_schema_is_one() -> None:
    jsonschema_rs.meta.validate(reading.schema())
