"""The clock: what it says when it is left alone, and when it is steered."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from reference_server.clock import Clock, Hands
from reference_server.errors import Unauthorized
from reference_server.store import Store
from reference_server.tokens import Tokens
from reference_server.users import load

NOON = datetime(2030, 6, 1, 12, tzinfo=UTC)


def test_it_follows_the_system_in_whole_milliseconds() -> None:
    now = Clock().now()
    assert abs(now.timestamp() - time.time()) < 1
    assert now.microsecond % 1000 == 0
    assert now.tzinfo is UTC


def test_a_clock_that_is_set_runs_on_from_there() -> None:
    clock = Clock()
    clock.set(NOON)
    assert timedelta(0) <= clock.now() - NOON < timedelta(seconds=5)


def test_a_frozen_clock_stands_until_it_is_thawed() -> None:
    clock = Clock()
    clock.set(NOON)
    clock.freeze()
    stood = clock.now()
    clock.step(90)
    assert clock.now() == stood + timedelta(seconds=90)
    clock.set(NOON)
    assert clock.now() == clock.now() == NOON
    clock.thaw()
    assert clock.hands.stands_at is None
    assert timedelta(0) <= clock.now() - NOON < timedelta(seconds=5)


def test_it_steps_back_when_it_is_told_to() -> None:
    clock = Clock()
    before = clock.now()
    clock.step(-3600)
    assert before - clock.now() > timedelta(minutes=59)


def test_a_system_clock_that_is_set_back_does_not_take_the_time_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock()
    before, earlier = clock.now(), time.time() - 3600
    monkeypatch.setattr("reference_server.clock.time.time", lambda: earlier)
    assert clock.now() == before


def test_it_follows_the_system_again() -> None:
    clock = Clock()
    clock.set(NOON)
    clock.freeze()
    clock.follow()
    assert clock.hands == Hands()
    assert abs(clock.now().timestamp() - time.time()) < 1


@pytest.mark.parametrize(
    "steer",
    [
        lambda clock: clock.set(datetime(1969, 12, 31, tzinfo=UTC)),
        lambda clock: clock.set(datetime(9001, 1, 1, tzinfo=UTC)),
        lambda clock: clock.step(1e12),
        lambda clock: clock.step(-1e12),
    ],
)
def test_it_does_not_leave_the_calendar(steer: Callable[[Clock], None]) -> None:
    clock = Clock()
    with pytest.raises(ValueError, match="1970 to 9000"):
        steer(clock)
    assert clock.hands == Hands()


def test_tokens_and_messages_have_its_time() -> None:
    clock, users = Clock(), load()
    asha, ben = list(users)[:2]
    tokens, store = Tokens("x" * 32, users, clock), Store.embedded(clock)
    token = tokens.mint(asha, lifetime=60)
    clock.set(NOON)
    with pytest.raises(Unauthorized, match="expired"):
        tokens.user_of(token)
    assert tokens.user_of(tokens.mint(asha, lifetime=60)) is asha
    clock.freeze()
    message = asyncio.run(store.add_message(asha.id, ben.id, "Noon", None, "sent"))
    assert message.created_at == clock.now()
