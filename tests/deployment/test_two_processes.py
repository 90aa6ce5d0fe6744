"""Two processes on one database and one bus behave as one server."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import requests
import tomli_w

from reference_server.bus import BEAT, SILENCE
from tests import services
from tests.deployment.conftest import Fleet, launched
from tests.reference_server.command import START_PATIENCE, Start, environment, run_command, token

PLAYERS = Path(__file__).parents[2] / "conformance" / "backend" / "players.yaml"
pytestmark = [pytest.mark.slow, pytest.mark.needs("secantus"), pytest.mark.needs("redis")]


@pytest.fixture
def bus() -> Iterator[str]:
    # One for each test: of processes that were killed it knows for some seconds more.
    with services.redis() as address:
        yield address


@pytest.fixture
def fleet(start: Start, mongodb: str, bus: str, request: pytest.FixtureRequest) -> Fleet:
    return launched(start, mongodb.format(f"test_{abs(hash(request.node.name))}"), bus)


@pytest.mark.needs("nginx")
def test_behind_a_proxy_they_keep_the_whole_contract(
    start: Start, mongodb: str, bus: str, tmp_path: Path
) -> None:
    fleet = launched(start, mongodb.format("suite"), bus, "--users", str(PLAYERS))
    ports = [int(url.rpartition(":")[2]) for url in fleet.urls]
    with services.nginx(tmp_path, *ports) as url:
        target = {
            "target": {"url": url},
            "auth": {"secret": fleet.announced["secret"]},
            "users": fleet.announced["users"],
            "friends": {"pairs": fleet.announced["friends"]},
        }
        (tmp_path / "target.toml").write_text(tomli_w.dumps(target), "utf-8")
        done = subprocess.run(
            [
                *(sys.executable, "-m", "conformance", "--profile", "quick", "--seed", "1"),
                *("--target", tmp_path / "target.toml", "--report-dir", tmp_path / "report"),
            ],
            capture_output=True,
            text=True,
            timeout=240,
            env=environment(),
        )
    assert done.returncode == 0, done.stdout[-3000:]
    report = json.loads((tmp_path / "report" / "report.json").read_text("utf-8"))
    assert report["verdict"] == "conformant"
    assert {each["status"] for each in report["requirements"]} == {"passed"}


@pytest.mark.needs("nginx")
def test_a_payload_that_is_too_long_does_not_cost_others_their_sessions(
    fleet: Fleet, tmp_path: Path
) -> None:
    ports = [int(url.rpartition(":")[2]) for url in fleet.urls]
    with services.nginx(tmp_path, *ports) as proxy:
        sessions = []
        for user in range(8):
            query = f"EIO=4&transport=polling&token={token(fleet.announced, user)}"
            sid = requests.get(f"{proxy}/socket.io/?{query}", timeout=20).text.split('"')[3]
            sessions.append(f"{proxy}/socket.io/?{query}&sid={sid}")
        for url in sessions[:4]:
            for _ in range(2):
                with suppress(requests.RequestException):
                    assert requests.post(url, b"4" * 5_000_000, timeout=20).status_code >= 400
        assert [requests.post(url, "40", timeout=20).text for url in sessions] == ["OK"] * 8


def test_a_message_reaches_a_socket_at_the_other_process(fleet: Fleet) -> None:
    here, there = fleet.urls
    asha, ben = fleet.connect(here, 0), fleet.connect(there, 1)
    answer = asha.emit("sendMessage", {"recipientId": fleet.id(1), "text": "over"})
    assert answer["data"]["status"] == "delivered"
    assert ben.received("receiveMessage")["text"] == "over"
    assert fleet.send(there, 1, 0, "and back").json()["data"]["status"] == "delivered"
    assert asha.received("receiveMessage")["text"] == "and back"


def test_friends_hear_of_the_first_socket_and_the_last_wherever_they_are(fleet: Fleet) -> None:
    here, there = fleet.urls
    ben = fleet.connect(there, 1)
    phone, laptop = fleet.connect(here, 0), fleet.connect(there, 0)
    assert ben.received("userStatus")["isOnline"] is True
    phone.close()
    # One socket is left, at the other process: nothing is told before the message.
    assert fleet.send(here, 2, 1, "a fence").status_code == 201
    packet = ben.until('42["')
    assert packet.startswith('42["receiveMessage"'), packet
    laptop.close()
    status = ben.received("userStatus")
    assert (status["isOnline"], bool(status["lastSeen"])) == (False, True)


def test_the_users_of_a_process_that_is_killed_are_taken_away(fleet: Fleet) -> None:
    here, there = fleet.urls
    ben = fleet.connect(there, 1)
    asha = fleet.connect(here, 0)
    assert ben.received("userStatus")["isOnline"] is True
    ben.socket.settimeout(SILENCE + BEAT + START_PATIENCE)
    fleet.processes[0].kill()
    status = ben.received("userStatus")
    assert (status["userId"], status["isOnline"]) == (fleet.id(0), False)
    asha.close()
    assert fleet.send(there, 1, 0, "are you there?").json()["data"]["status"] == "sent"


def test_a_process_that_ends_takes_its_users_away_at_once(fleet: Fleet) -> None:
    here, there = fleet.urls
    ben = fleet.connect(there, 1)
    asha = fleet.connect(here, 0)
    assert ben.received("userStatus")["isOnline"] is True
    ben.socket.settimeout(BEAT)
    fleet.processes[0].terminate()
    assert ben.received("userStatus")["isOnline"] is False
    asha.close()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--bus", "redis://127.0.0.1:6379/0"), "needs a --store"),
        (("--store", "{}", "--bus", "http://127.0.0.1"), "not the address of a Redis server"),
        (("--store", "{}", "--bus", "redis://127.0.0.1:x"), "not the address of a Redis server"),
        (("--store", "{}", "--bus", "redis://127.0.0.1:1/0"), "does not answer"),
        (("--store", "{}", "--bus", "redis://127.0.0.1:1/0", "--control"), "leave out --bus"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    mongodb: str, arguments: tuple[str, ...], sentence: str
) -> None:
    done = run_command("--port", "0", *(each.format(mongodb.format("x")) for each in arguments))
    assert done.returncode == 2
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1
