"""Several workers at one address behave as one server, without a proxy."""

import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import socketio

from reference_server.bus import BEAT, SILENCE
from reference_server.handover import LENGTH_OF_NAME
from tests import services
from tests.deployment.conftest import Fleet, until
from tests.reference_server.command import START_PATIENCE, Lines, Start, run_command, token
from tests.reference_server.conftest import Frames

pytestmark = [
    pytest.mark.slow,
    pytest.mark.needs("secantus"),
    pytest.mark.needs("redis"),
    pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc"),
]


@pytest.fixture
def bus() -> Iterator[str]:
    with services.redis() as address:
        yield address


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where the workers meet, so that one sees what they leave behind. The paths of Unix sockets
    must be short, and pytest's are not.
    """
    with tempfile.TemporaryDirectory(prefix="r2c-") as made:
        yield Path(made)


@pytest.fixture
def fleet(
    start: Start, mongodb: str, bus: str, folder: Path, request: pytest.FixtureRequest
) -> Fleet:
    store = mongodb.format(f"workers_{abs(hash(request.node.name))}")
    shared = ("--workers", "2", "--store", store, "--bus", bus)
    process, announced = start(*shared, TMPDIR=str(folder))
    return Fleet((announced["url"],) * 2, (process,) * 2, announced)


def children(process: "subprocess.Popen[str]") -> list[int]:
    """The workers, in the order in which they were started."""
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    return sorted(map(int, listed.split()))


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def opened(fleet: Fleet, user: int) -> tuple[Frames, str]:
    """A user's socket, and which worker has it."""
    query = f"EIO=4&transport=websocket&token={token(fleet.announced, user)}"
    frames = Frames(f"{fleet.urls[0].replace('http', 'ws', 1)}/socket.io/?{query}")
    name = frames.until("0").partition('"sid":"')[2].partition('"')[0][-LENGTH_OF_NAME:]
    frames.send("40")
    frames.until("40")
    return frames, name


def at(fleet: Fleet, user: int, fits: Callable[[str], bool]) -> tuple[Frames, str]:
    """A user's socket at a worker whose name fits, and that name. Which worker has a connection is
    up to the kernel.
    """
    for _ in range(100):
        frames, name = opened(fleet, user)
        if fits(name):
            return frames, name
        frames.close()
    raise AssertionError("no connection comes to this worker")


def apart(fleet: Fleet, one: int, two: int) -> tuple[Frames, Frames]:
    """Sockets of two users at different workers."""
    first, name = opened(fleet, one)
    return first, at(fleet, two, lambda other: other != name)[0]


def test_users_at_different_workers_reach_each_other(fleet: Fleet) -> None:
    asha, ben = apart(fleet, 0, 1)
    acknowledged = asha.emit("sendMessage", {"recipientId": fleet.id(1), "text": "over"})
    assert acknowledged["data"]["status"] == "delivered"
    assert ben.received("receiveMessage")["text"] == "over"
    assert fleet.send(fleet.urls[0], 1, 0, "and back").json()["data"]["status"] == "delivered"
    assert asha.received("receiveMessage")["text"] == "and back"
    asha.close()
    ben.close()


def test_a_client_polls_and_upgrades_whichever_worker_it_comes_to(fleet: Fleet) -> None:
    clients = [socketio.Client(reconnection=False) for _ in range(8)]
    received: list[list[Any]] = [[] for _ in clients]
    for client, texts in zip(clients, received, strict=True):
        client.on("receiveMessage", lambda message, texts=texts: texts.append(message["text"]))
        client.connect(f"{fleet.urls[0]}?token={token(fleet.announced, 1)}", wait_timeout=20)
    assert {client.transport() for client in clients} == {"websocket"}
    assert len({client.eio.sid[-LENGTH_OF_NAME:] for client in clients}) == 2
    polling = socketio.Client(reconnection=False)
    polling.connect(f"{fleet.urls[0]}?token={token(fleet.announced, 0)}", transports=["polling"])
    for number in range(10):
        message = {"recipientId": fleet.id(1), "text": f"{number}"}
        assert polling.call("sendMessage", message, timeout=20)["success"] is True
    expected = [f"{number}" for number in range(10)]
    until(lambda: received == [expected] * len(clients), "each has all, in their order")
    for client in (*clients, polling):
        client.disconnect()


def names(folder: Path) -> set[str]:
    """Those of the workers that are there now."""
    return {path.name for path in folder.glob("*/*")}


def test_a_worker_that_is_killed_in_a_burst_loses_nothing_and_is_replaced(
    fleet: Fleet, folder: Path
) -> None:
    url, process = fleet.urls[0], fleet.processes[0]
    errors = Lines(process.stderr)
    first, second = children(process)
    before = names(folder)
    acknowledged: list[str] = []
    unanswered: list[str] = []
    under_way, ended = threading.Event(), threading.Event()

    def burst() -> None:
        number = 0
        while not ended.is_set():
            number += 1
            try:
                answer = fleet.send(url, 0, 1, f"{number}")
            except requests.ConnectionError:
                unanswered.append(f"{number}")
                continue
            assert answer.status_code == 201
            acknowledged.append(f"{number}")
            if number == 50:
                under_way.set()

    sender = threading.Thread(target=burst)
    sender.start()
    assert under_way.wait(20)
    os.kill(first, signal.SIGKILL)
    errors.until("Worker 1 was ended by SIGKILL; it is started again")
    until(lambda: len(names(folder) - before) == 1, "another worker is there")
    at(fleet, 4, lambda name: name not in before)[0].close()
    ended.set()
    sender.join(20)
    history = fleet.history(url, 1, 0)
    assert [text for text in history if text not in unanswered] == acknowledged
    assert second in children(process)


def test_the_users_of_a_worker_that_is_killed_go_and_its_sessions_are_unknown(
    fleet: Fleet, folder: Path
) -> None:
    url = fleet.urls[0]
    asha, name = opened(fleet, 0)
    ben, other = at(fleet, 1, lambda other: other != name)
    query = f"EIO=4&transport=polling&token={token(fleet.announced, 5)}"
    answers = [requests.get(f"{url}/socket.io/?{query}", timeout=20) for _ in range(12)]
    sids = [answer.text.split('"')[3] for answer in answers]
    os.kill(children(fleet.processes[0])[0], signal.SIGKILL)
    until(lambda: not {name, other} <= names(folder), "the killed one is missed")
    gone, stays, listener = (other, name, asha) if name in names(folder) else (name, other, ben)
    for sid in sids:
        if sid.endswith(gone):
            answer = requests.get(f"{url}/socket.io/?{query}&sid={sid}", timeout=20)
            assert (answer.status_code, answer.json()["success"]) == (400, False)
        else:
            assert sid.endswith(stays)
            answer = requests.post(f"{url}/socket.io/?{query}&sid={sid}", "40", timeout=20)
            assert answer.status_code == 200
    listener.socket.settimeout(SILENCE + BEAT + START_PATIENCE)
    while (status := listener.received("userStatus"))["isOnline"]:
        pass
    assert status["userId"] == fleet.id(1 if listener is asha else 0)
    asha.close()
    ben.close()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_workers_end_with_their_parent_and_leave_nothing(
    fleet: Fleet, folder: Path, how: signal.Signals
) -> None:
    process = fleet.processes[0]
    workers = children(process)
    frames = fleet.connect(fleet.urls[0], 0)
    begun = time.monotonic()
    process.send_signal(how)
    output, errors = process.communicate(timeout=START_PATIENCE)
    until(lambda: not any(map(lives, workers)), "the workers end")
    assert time.monotonic() - begun < 6
    assert process.returncode == (0 if how != signal.SIGKILL else -how)
    assert (output.count("Listening on"), errors) == (1, "")
    until(lambda: not list(folder.iterdir()), "their folder is gone")
    frames.close()


def test_nobody_else_may_enter_where_workers_meet(fleet: Fleet, folder: Path) -> None:
    (made,) = folder.iterdir()
    assert (fleet.processes[0].poll(), made.stat().st_mode & 0o777) == (None, 0o700)


def test_a_port_that_is_taken_by_workers_is_taken(fleet: Fleet, mongodb: str, bus: str) -> None:
    port = fleet.urls[0].rpartition(":")[2]
    shared = ("--workers", "2", "--store", mongodb.format("x"), "--bus", bus)
    done = run_command("--port", port, *shared)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert f"Cannot listen on 127.0.0.1 port {port}" in done.stderr


def test_workers_that_cannot_begin_say_why_once(mongodb: str) -> None:
    shared = ("--workers", "3", "--store", mongodb.format("x"), "--bus", "redis://127.0.0.1:1/0")
    done = run_command("--port", "0", *shared)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "Redis server of --bus does not answer" in done.stderr
