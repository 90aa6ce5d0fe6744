"""Who is watched: somebody who comes and goes at once."""

import random
from types import SimpleNamespace
from typing import Any

import pytest

from conformance.scenarios.props import watching
from conformance.scenarios.props.watching import watched
from conformance.stage.accusing import Blocked


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Six users who are all friends, four of whom may still count as online."""
    actors = [SimpleNamespace(id=str(number), user=number) for number in range(6)]
    lingering = {"0": 20.0, "1": 30.0, "3": 10.0, "5": 40.0}
    monkeypatch.setattr(
        watching.Watch, "over", lambda stage, user, friends: (user.id, [it.id for it in friends])
    )
    return SimpleNamespace(
        random=random.Random(1),
        world=SimpleNamespace(
            actors=actors,
            are_free=lambda *who: True,
            remaining=set(),
            lingers=lambda actor: lingering.get(actor.id, 0.0),
            target=SimpleNamespace(friends=frozenset(), are_friends=lambda one, two: one != two),
        ),
    )


def test_nobody_is_waited_for_where_others_left_properly(stage: Any) -> None:
    for seed in range(20):
        stage.random.seed(seed)
        user, friends = watched(stage)
        assert {user, friends[0]} == {"2", "4"}
        assert friends[1] == "3"


def test_nobody_is_watched_who_may_count_as_online_for_ever(stage: Any) -> None:
    for staying in ({"2"}, {"2", "4"}):
        stage.world.remaining = staying
        user, _ = watched(stage)
        assert user not in staying
    stage.world.remaining = {str(number) for number in range(6)}
    with pytest.raises(Blocked, match="PRES-02"):
        watched(stage)
