"""`r2c-server play`: runs a scenario on a running server and tells how it goes."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests

from contract import DocumentError
from reference_server.errors import StartError
from reference_server.scenarios import reading
from reference_server.users import Directory, User

FINISHED, FAILED = 0, 1
ANSWER_PATIENCE = 10.0  # seconds for an answer to begin
SILENCE_PATIENCE = 60.0  # seconds; a stream shows that it lives every fifteen

Json = dict[str, Any]


def play(wanted: str | None, url: str) -> int:
    """Run the scenario of a file, or of this name, on the server at a URL; without one, tell which
    ship. Returns 0 where it finished, 1 where it did not.

    Raises StartError, one sentence, where it cannot begin or is cut off.
    """
    if wanted is None:
        _list()
        return FINISHED
    file = Path(wanted)
    if not file.exists():
        shipped = reading.shipped()
        if wanted not in shipped and not file.suffix:
            raise StartError(
                f"{wanted} is neither a file nor a scenario that ships; there are "
                f"{', '.join(shipped)}."
            )
        file = shipped.get(wanted, file)
    control = _Control(url.rstrip("/"))
    try:
        scenario, content = reading.read(file)
        try:
            reading.require_users(scenario, control.users())
        except reading.ScenarioError as error:
            raise reading.located(file, error) from None
    except DocumentError as error:
        raise StartError(f"The scenario {error}.") from None
    run = control.call("POST", "runs", {"name": scenario.name, "scenario": content})
    _tell(scenario.title)
    try:
        return _follow(control, run["id"], run["entry"])
    except KeyboardInterrupt:
        control.call("DELETE", f"runs/{run['id']}")
        _tell("stopped")
        return FAILED


def _list() -> None:
    for name, file in reading.shipped().items():
        scenario, _ = reading.read(file)
        _tell(f"{name} ({scenario.seconds:g} s)\n  {scenario.title}")


def _tell(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _follow(control: "_Control", run: str, started: int) -> int:
    """Tell each step as it is taken, until the run ends."""
    for entry in control.stream(started):
        if entry["kind"] != "scenario" or entry.get("run") != run:
            continue
        match entry["name"]:
            case "step":
                said = _said(entry["arguments"])
                _tell(f"{entry['step']:>4}/{entry['steps']}  {entry['verb']}  {said}")
            case "finished":
                _tell("finished")
                return FINISHED
            case "failed":
                sys.stderr.write(f"r2c-server play: {entry['problem']}\n")
                return FAILED
            case "stopped":
                sys.stderr.write("r2c-server play: The run was stopped.\n")
                return FAILED
    raise StartError("The server ended before the scenario did.")


def _said(arguments: Any) -> str:
    """Arguments as they stand in a file; they are a text where they are long and cut off."""
    if isinstance(arguments, dict):
        return ", ".join(f"{name}: {_short(value)}" for name, value in arguments.items())
    return _short(arguments)


def _short(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


class _Control:
    """The control interface of a running server."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.trust_env = False

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The data of an answer. Raises StartError."""
        answer = self._send(method, path, json=body)
        try:
            content = answer.json()
            if answer.status_code == 404 and path == "state":
                raise StartError(self._no_control(404))
            if not answer.ok:
                raise StartError(f"The server refused: {content['message']}")
            return content["data"]
        except (ValueError, KeyError, TypeError):
            raise StartError(self._no_control(answer.status_code)) from None

    def users(self) -> Any:
        """The users of the server."""
        state = self.call("GET", "state")
        return Directory(User(each["_id"], each["userId"], each["name"]) for each in state["users"])

    def stream(self, since: int) -> Iterator[Json]:
        """The entries after this one, as they are made. Raises StartError where it breaks off."""
        answer = self._send("GET", f"stream?since={since}", stream=True)
        try:
            with answer:
                for line in answer.iter_lines(chunk_size=1):
                    if line.startswith(b"data: "):
                        yield json.loads(line.removeprefix(b"data: "))
        except requests.RequestException:
            raise StartError("The server ended before the scenario did.") from None

    def _send(self, method: str, path: str, **options: Any) -> Any:
        try:
            return self._session.request(
                method,
                f"{self._url}/_reference/{path}",
                timeout=(ANSWER_PATIENCE, SILENCE_PATIENCE),
                **options,
            )
        except (requests.RequestException, ValueError):
            raise StartError(
                f"No server answers at {self._url}; start one with r2c-server, or give --url."
            ) from None

    def _no_control(self, status: int) -> str:
        return (
            f"What answers at {self._url} has no control interface (status {status}); is it an"
            " r2c-server that runs with control?"
        )
