"""The order of a user's events when faults hold some of them back."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from contract import load
from reference_server.control.faults import Fault, Faults
from reference_server.control.lanes import Lane, Passage

CONTRACT = load()


def fault(kind: str, **more: Any) -> Fault:
    return Faults(CONTRACT).arm({"kind": kind, **more}, None)


class Events:
    """Events that say what became of them."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.lane = Lane()
        self._said = asyncio.Event()

    async def carry(self, name: str, met: Fault | None = None) -> None:
        def say(what: str) -> Callable[..., Awaitable[None]]:
            async def said(code: int | None = None) -> None:
                self.told.append(f"{what}{name}{code or ''}")
                self._said.set()

            return said

        await self.lane.carry(Passage(say(""), say("again "), say("cut "), say("fail ")), met)

    async def until(self, *told: str) -> None:
        async with asyncio.timeout(5):
            while self.told != list(told):
                await self._said.wait()
                self._said.clear()


def play(scenario: Callable[[Events], Awaitable[None]]) -> None:
    async def run() -> None:
        await scenario(Events())

    asyncio.run(run())


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("drop", []),
        ("duplicate", ["a", "again a"]),
        ("disconnect", ["cut a"]),
        ("error", ["fail a500"]),
    ],
)
def test_an_event_meets_its_fault_alone(kind: str, told: list[str]) -> None:
    async def scenario(events: Events) -> None:
        await events.carry("a", fault(kind))
        await events.carry("b")
        assert events.told == [*told, "b"]

    play(scenario)


def test_what_comes_behind_a_delayed_event_waits_for_it_and_no_longer() -> None:
    async def scenario(events: Events) -> None:
        await events.carry("a", fault("delay", delay=50))
        await events.carry("b", fault("delay", delay=10))
        await events.carry("c")
        assert events.told == []
        await events.until("a", "b", "c")
        await events.carry("d")
        assert events.told == ["a", "b", "c", "d"]

    play(scenario)


def test_an_event_out_of_order_comes_behind_the_next() -> None:
    async def scenario(events: Events) -> None:
        await events.carry("a", fault("reorder", delay="10s"))
        await events.carry("b")
        await events.carry("c")
        assert events.told == ["b", "a", "c"]

    play(scenario)


def test_two_out_of_order_change_places() -> None:
    async def scenario(events: Events) -> None:
        await events.carry("a", fault("reorder", delay="10s"))
        await events.carry("b", fault("reorder", delay="10s"))
        assert events.told == ["b", "a"]

    play(scenario)


def test_a_lost_event_does_not_set_free_one_out_of_order() -> None:
    async def scenario(events: Events) -> None:
        await events.carry("a", fault("reorder", delay=50))
        await events.carry("b", fault("drop"))
        assert events.told == []
        await events.until("a")

    play(scenario)


def test_the_end_of_the_wait_keeps_the_order_of_what_is_delayed() -> None:
    async def scenario(events: Events) -> None:
        await events.carry("a", fault("reorder", delay=10))
        await events.carry("b", fault("delay", delay=60))
        await events.until("b", "a")

    play(scenario)


def test_a_lane_that_is_closed_carries_nothing_more() -> None:
    async def scenario(events: Events) -> None:
        await events.carry("a", fault("delay", delay=10))
        await events.carry("b")
        events.lane.close()
        other = Events()
        await other.carry("x", fault("reorder", delay=10))
        other.lane.close()
        await asyncio.sleep(0.05)
        assert events.told == other.told == []

    play(scenario)


def test_a_failure_behind_a_delay_does_not_stop_what_follows() -> None:
    async def scenario(events: Events) -> None:
        async def fails(code: int | None = None) -> None:
            raise ValueError("broken")

        await events.lane.carry(Passage(fails, fails, fails, fails), fault("delay", delay=10))
        await events.carry("b")
        await events.until("b")

    play(scenario)
