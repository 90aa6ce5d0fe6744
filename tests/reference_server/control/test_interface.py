"""The document of the control interface, and that the interface is what it says."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests
from openapi_spec_validator import validate

from contract import Validator, load_rest
from reference_server import RunningServer, running
from reference_server.control.interface import DOCUMENT
from reference_server.scenarios import reading
from reference_server.users import User

DESCRIBED = load_rest(DOCUMENT, [reading.SCHEMA])
VERBS = list(reading.schema()["$defs"]["step"]["properties"])[2:]


def test_the_document_is_valid() -> None:
    validate(DESCRIBED.document)


def test_every_example_of_a_request_fits_its_schema() -> None:
    for operation in DESCRIBED.operations.values():
        if operation.request is not None:
            for name, example in operation.request.examples.items():
                assert operation.request.validator.accepts(example), (operation.id, name)


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_of_scenarios_is_an_operation_with_the_same_arguments(
    server: RunningServer, verb: str
) -> None:
    operation = DESCRIBED.operations[verb]
    assert (operation.method, operation.path) == ("POST", f"/_reference/{verb}")
    definition = reading.schema()["$defs"]["step"]["properties"][verb]["$ref"].split("/")[-1]
    described = reading.schema()["$defs"][definition]["description"]
    assert operation.request is not None
    assert operation.request.schema["description"] == described


def test_there_are_no_other_verbs(control: Any, server: RunningServer) -> None:
    assert set(server.server._interface.verbs.all) == set(VERBS)  # type: ignore[attr-defined]


def test_the_document_and_the_schema_are_served(ask: Any) -> None:
    assert ask("GET", "openapi.json").json() == DESCRIBED.document
    assert ask("GET", "scenario.schema.json").json() == json.loads(reading.SCHEMA.read_text())


def test_answers_are_as_documented(
    control: Any, ask: Any, rest: Any, connect: Any, asha: User, ben: User
) -> None:
    phone = connect(asha)
    phone.emit("nonsense", {})
    phone.emit("typing", {"recipientId": ben.id})
    rest("POST", "/api/messages/send", asha, json={})
    attachment = {"type": "image", "url": "https://cdn.reals2chat.example/1.jpg"}
    run = {"scenario": {"steps": [{"send": {"as": "Ben", "to": "Asha", "text": "Hi"}}]}}
    calls: list[tuple[str, str, Any, int]] = [
        ("POST", "connect", {"as": "Ben"}, 200),
        ("POST", "send", {"as": "Ben", "to": "Asha", "attachment": attachment}, 200),
        ("POST", "typing", {"as": "Ben", "to": "Asha"}, 200),
        ("POST", "stopTyping", {"as": "Ben", "to": "Asha"}, 200),
        ("POST", "read", {"as": "Ben", "with": "Asha"}, 200),
        ("POST", "block", {"as": "Ben", "other": "Diego"}, 200),
        ("POST", "unblock", {"as": "Ben", "other": "Diego"}, 200),
        ("POST", "drop", {"as": "Ben"}, 200),
        ("POST", "leave", {"as": "Ben"}, 409),
        ("POST", "fault", {"kind": "refuse", "user": "Diego"}, 200),
        ("GET", "faults", None, 200),
        ("DELETE", "faults/f0", None, 404),
        ("DELETE", "faults", None, 200),
        ("POST", "clearFaults", None, 200),
        ("GET", "clock", None, 200),
        ("POST", "clock", {"step": "1s"}, 200),
        ("POST", "snapshot", {"name": "now"}, 200),
        ("GET", "snapshots", None, 200),
        ("POST", "restore", {"name": "now"}, 200),
        ("DELETE", "snapshots/now", None, 200),
        ("POST", "restore", {"name": "now"}, 404),
        ("GET", "state", None, 200),
        ("GET", "violations", None, 200),
        ("GET", "traffic", None, 200),
        ("GET", "scenarios", None, 200),
        ("GET", "scenarios/bad-connection", None, 200),
        ("GET", "scenarios/none", None, 404),
        ("POST", "scenarios/three-at-once/run", None, 201),
        ("POST", "runs", run, 201),
        ("GET", "runs", None, 200),
        ("GET", "runs/r0", None, 404),
        ("POST", "runs", {"scenario": {}}, 400),
        ("POST", "reset", None, 200),
        ("DELETE", "violations", None, 200),
    ]
    for method, path, body, status in calls:
        answer = ask(method, path, body)
        assert answer.status_code == status, (method, path, answer.text)
        operation = _operation(method, path)
        validator = operation.responses[status].validator
        assert isinstance(validator, Validator)
        assert validator.accepts(answer.json()), (
            method,
            path,
            validator.violations(answer.json())[0],
            answer.text,
        )


def _operation(method: str, path: str) -> Any:
    parts = f"_reference/{path}".split("/")
    for operation in DESCRIBED.operations.values():
        template = operation.path.split("/")[1:]
        if operation.method == method and len(template) == len(parts):
            pairs = zip(template, parts, strict=True)
            if all(part == given or part.startswith("{") for part, given in pairs):
                return operation
    raise AssertionError(f"{method} {path} is not documented")


def test_an_unknown_path_and_a_wrong_method_are_answered_as_elsewhere(ask: Any) -> None:
    for method, path, status in (("GET", "nothing", 404), ("PUT", "state", 405)):
        answer = ask(method, path)
        assert (answer.status_code, answer.json()["success"]) == (status, False)


def test_without_control_there_is_nothing_there() -> None:
    with running() as server:
        for path in ("", "/", "/state", "/openapi.json"):
            assert requests.get(f"{server.url}/_reference{path}", timeout=5).status_code == 404


def test_a_server_without_control_loads_none_of_it() -> None:
    code = (
        "import sys\n"
        "from reference_server import running\n"
        "with running(): pass\n"
        "print([name for name in sys.modules if name.startswith('reference_server.control')\n"
        "       or name.startswith('hypothesis')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[3]
    )
    assert done.stdout == "[]\n", done.stderr
