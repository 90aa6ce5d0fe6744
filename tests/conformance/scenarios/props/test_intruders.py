"""Nobody of those who knock stays where the scenario cannot go on."""

from types import SimpleNamespace

import pytest

from conformance.scenarios.props.intruders import Door, Intruder, knock
from conformance.stage.accusing import Blocked
from conformance.wire.pacing import Pace
from conformance.wire.transports import Unreachable


@pytest.mark.parametrize("failure", [Unreachable("refused"), Blocked("429"), RuntimeError("odd")])
def test_those_who_came_in_leave_where_another_could_not_knock(monkeypatch, failure):
    gone = []

    def enter(url, query, transport, pace, *, join):
        if transport == "polling" and query:
            raise failure
        return SimpleNamespace(leave=lambda: gone.append((transport, *query)))

    monkeypatch.setattr(Intruder, "enter", enter)
    world = SimpleNamespace(target=SimpleNamespace(url="http://127.0.0.1:9"))
    stage = SimpleNamespace(world=world, pace=Pace(), text=lambda about: about)
    doors = [Door("CONN-02", "without a token", {}), Door("CONN-02", "odd", {"token": "x"})]
    with pytest.raises(RuntimeError if isinstance(failure, RuntimeError) else Blocked):
        knock(stage, doors)
    assert sorted(gone) == [("polling",), ("websocket",), ("websocket", "token")]


def test_an_event_that_cannot_be_read_is_not_heard():
    intruder = Intruder(Pace())
    intruder.on_message(f'2["odd",{"[" * 100_000}{"]" * 100_000}]')
    intruder.on_message('2["plain",1]')
    assert intruder.heard == (("plain", 1),)
