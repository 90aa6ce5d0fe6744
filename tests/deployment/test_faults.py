"""What stands beside the server stops and comes back: nothing acknowledged is lost, what is refused
is refused in the contract's words, and no process has to be started again.
"""

import threading
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
import websocket
from redis import Redis

from reference_server.bus import BEAT
from tests import services
from tests.deployment.conftest import Fleet, launched, until
from tests.reference_server.command import Start

pytestmark = [pytest.mark.slow, pytest.mark.needs("secantus"), pytest.mark.needs("redis")]


def is_refusal(answer: requests.Response) -> bool:
    return answer.status_code >= 500 and answer.json() == {
        "success": False,
        "message": answer.json()["message"],
    }


def opens(fleet: Fleet, url: str, user: int) -> bool:
    try:
        fleet.connect(url, user).close()
    except (AssertionError, OSError, websocket.WebSocketException):
        return False
    return True


def test_redis_stops_and_comes_back(start: Start, mongodb: str) -> None:
    port = services.free_port()
    with ExitStack() as running:
        bus = running.enter_context(services.redis(port))
        fleet = launched(start, mongodb.format("redis_stops"), bus)
        here, there = fleet.urls
        chitra, ben = fleet.connect(here, 2), fleet.connect(there, 1)
        assert fleet.send(here, 0, 1, "before").status_code == 201
        running.close()

        # Whether somebody is at the other process cannot be known now.
        assert is_refusal(fleet.send(here, 0, 1, "refused"))
        # Who is at this one is.
        assert fleet.send(there, 0, 1, "to a neighbour").json()["data"]["status"] == "delivered"
        assert not opens(fleet, here, 3)
        left = datetime.now(UTC)
        chitra.close()

        running.enter_context(services.redis(port))
        until(lambda: opens(fleet, here, 3), "sockets open again")
        until(lambda: fleet.send(here, 0, 1, "after").status_code == 201, "messages are taken")
        ben.socket.settimeout(20)
        assert fleet.history(here, 1, 0)[:2] == ["before", "to a neighbour"]
        while (status := ben.received("userStatus"))["userId"] != fleet.id(2) or status["isOnline"]:
            pass  # until ben hears that chitra has gone meanwhile
        ago = datetime.fromisoformat(status["lastSeen"]) - left
        assert timedelta(milliseconds=-1) <= ago < timedelta(seconds=BEAT)
        until(
            lambda: fleet.send(here, 0, 1, "heard again").json()["data"]["status"] == "delivered",
            "presence is shared again",
        )
        while ben.received("receiveMessage")["text"] != "heard again":
            pass


def test_who_came_and_went_while_a_process_heard_nothing_is_told_later(
    start: Start, mongodb: str
) -> None:
    with services.redis() as bus, Redis.from_url(bus) as redis, ExitStack() as connected:
        fleet = launched(start, mongodb.format("unheard"), bus)
        here, there = fleet.urls
        ben, chitra, diego = (
            fleet.connect(url, user) for url, user in ((there, 1), (here, 2), (here, 3))
        )
        while ben.received("userStatus")["userId"] != fleet.id(3):
            pass
        connected.callback(ben.close)
        connected.callback(diego.close)  # who stays, of which ben hears nothing

        redis.client_kill_filter(_type="pubsub")
        chitra.close()
        asha = fleet.connect(here, 0)
        connected.callback(asha.close)

        ben.socket.settimeout(20)
        told: dict[str, bool] = {}
        while told != {fleet.id(0): True, fleet.id(2): False}:
            status = ben.received("userStatus")
            told[status["userId"]] = status["isOnline"]


def test_the_database_stops_and_comes_back(start: Start, tmp_path: Path) -> None:
    port = services.free_port()
    storage = str(tmp_path / "storage")
    with services.redis() as bus, ExitStack() as running:
        store = running.enter_context(services.mongodb(port, storage)).format("database_stops")
        fleet = launched(start, store, bus)
        here, there = fleet.urls
        kept = [f"before {number}" for number in range(20)]
        assert {fleet.send(here, 0, 1, text).status_code for text in kept} == {201}
        asha = fleet.connect(here, 0)
        running.close()

        assert is_refusal(fleet.send(here, 0, 1, "refused"))
        acknowledged = asha.emit("sendMessage", {"recipientId": fleet.id(1), "text": "refused"})
        assert acknowledged["success"] is False

        running.enter_context(services.mongodb(port, storage))
        until(lambda: fleet.send(there, 0, 1, "after").status_code == 201, "messages are taken")
        assert fleet.send(here, 0, 1, "after").status_code == 201
        assert fleet.history(there, 1, 0) == [*kept, "after", "after"]
        acknowledged = asha.emit("sendMessage", {"recipientId": fleet.id(1), "text": "and now"})
        assert acknowledged["success"] is True


def test_a_process_that_is_killed_in_a_burst_loses_nothing_it_acknowledged(
    start: Start, mongodb: str
) -> None:
    with services.redis() as bus:
        fleet = launched(start, mongodb.format("killed_in_a_burst"), bus)
        here, there = fleet.urls
        listener = fleet.connect(there, 1)
        acknowledged: list[str] = []
        half = threading.Event()

        def burst() -> None:
            for number in range(10_000):
                try:
                    answer = fleet.send(here, 0, 1, f"{number}")
                except requests.ConnectionError:
                    return
                if answer.status_code == 201:
                    acknowledged.append(f"{number}")
                if number == 100:
                    half.set()

        sender = threading.Thread(target=burst)
        sender.start()
        assert half.wait(20)
        fleet.processes[0].kill()
        sender.join(20)
        assert not sender.is_alive()
        history = fleet.history(there, 1, 0)
        assert history[: len(acknowledged)] == acknowledged
        # One more may have been kept whose answer did not come.
        assert len(history) <= len(acknowledged) + 1
        assert [listener.received("receiveMessage")["text"] for _ in range(100)] == history[:100]
