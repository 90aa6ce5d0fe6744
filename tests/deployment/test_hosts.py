"""Servers on several hosts, and what comes of it when one of them is cut off."""

import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from reference_server.bus import BEAT, SILENCE
from tests import services
from tests.deployment.conftest import PATIENCE, Fleet, until
from tests.deployment.hosts import Host, NotAllowed, hosts
from tests.reference_server.command import Start
from tests.reference_server.conftest import Frames

pytestmark = [pytest.mark.slow, pytest.mark.needs("secantus"), pytest.mark.needs("redis")]

PORT = 6379  # of Redis, which has a host of its own


@pytest.fixture
def network() -> Iterator[list[Host]]:
    # Whether this is allowed is no matter of tools that are missing.
    with ExitStack() as made:
        try:
            network = made.enter_context(hosts(2))
        except NotAllowed as error:
            pytest.skip(f"network namespaces: {error}")
        yield network


def told(frames: Frames, fleet: Fleet, user: int, *, online: bool) -> None:
    """Waits until a socket hears that a user has come or gone."""
    while (status := frames.received("userStatus")) is not None:
        if (status["userId"], status["isOnline"]) == (fleet.id(user), online):
            return


def test_a_host_that_is_cut_off_is_missed_and_comes_back_by_itself(
    start: Start, network: list[Host]
) -> None:
    hub, one, two = network
    with (
        services.mongodb(27017, host=hub.address, within=hub.within) as store,
        ExitStack() as redis,
    ):
        bus = redis.enter_context(services.redis(PORT, hub.address, hub.within))
        shared = ("--workers", "2", "--store", store.format("hosts"), "--bus", bus)
        (first, announced), (second, other) = (
            start("--host", each.address, *shared, within=each.within, R2C_SECRET="s" * 32)
            for each in (one, two)
        )
        fleet = Fleet((announced["url"], other["url"]), (first, second), announced)
        here, there = fleet.urls
        ben = fleet.connect(there, 1)
        asha = fleet.connect(here, 0)
        told(ben, fleet, 0, online=True)
        assert fleet.send(there, 1, 0, "over").json()["data"]["status"] == "delivered"
        assert asha.received("receiveMessage")["text"] == "over"

        one.link("down")
        ben.socket.settimeout(SILENCE + 2 * BEAT + PATIENCE)
        begun = time.monotonic()
        told(ben, fleet, 0, online=False)
        assert time.monotonic() - begun < SILENCE + 2 * BEAT
        assert fleet.send(there, 1, 0, "missed").json()["data"]["status"] == "sent"
        # What the cut off host has of its connections to Redis is not true any more.
        redis.close()
        redis.enter_context(services.redis(PORT, hub.address, hub.within))
        one.link("up")

        told(ben, fleet, 0, online=True)
        until(lambda: fleet.send(there, 1, 0, "back").status_code == 201, "messages are taken")
        asha.socket.settimeout(PATIENCE)
        while asha.received("receiveMessage")["text"] != "back":
            pass
        until(lambda: fleet.send(here, 0, 1, "and here").status_code == 201, "it takes them too")
        while ben.received("receiveMessage")["text"] != "and here":
            pass
        assert fleet.history(here, 0, 1)[:2] == ["over", "missed"]
        asha.close()
        ben.close()
        for process in fleet.processes:
            process.terminate()
            assert process.wait(PATIENCE) == 0
