"""Scripts that fail become as short as they get, and stay possible."""

from itertools import islice

import pytest

from conformance.model.deeds import (
    Calm,
    Connect,
    Drop,
    Goodbye,
    Post,
    Read,
    Say,
    Script,
    Type,
    Way,
)
from conformance.model.machine import scripts
from conformance.model.model import Model
from conformance.model.shortening import shorten, without

SEATS = 4


def fails_where(is_wrong):
    """Fails where a deed is wrong after those before it, and says how far it came."""
    asked: list[Script] = []

    def fails(script):
        asked.append(script)
        model = Model(SEATS)
        for place, deed in enumerate(script, 1):
            assert deed in model.legal(type(deed))
            model.do(deed)
            if is_wrong(model, deed):
                return script[:place]
        return None

    return fails, asked


def first_that(fails):
    return next(script for script in islice(scripts(SEATS, 1), 100) if fails(script))


def says_with_a_second_device(model, deed):
    return isinstance(deed, Say) and len(model.devices_of(model.devices[deed.device].who)) > 1


def test_what_is_left_is_the_shortest():
    fails, asked = fails_where(says_with_a_second_device)
    long = first_that(fails)
    asked.clear()
    best = shorten(fails(long), SEATS, fails, lambda: False)
    assert [type(deed) for deed in best] == [Connect, Connect, Calm, Say]
    assert {deed.transport for deed in best[:2]} == {"websocket"}
    assert len(asked) == len(set(asked)) < 80


def test_when_time_is_up_the_best_so_far_is_taken():
    fails, asked = fails_where(says_with_a_second_device)
    long = first_that(fails)
    asked.clear()
    best = shorten(long, SEATS, fails, lambda: len(asked) >= 5)
    assert len(best) < len(long)
    assert len(asked) == 5
    assert fails(best)


def test_what_fails_for_no_deed_that_can_be_left_out_stays_as_it_is():
    script = (Post(0, 1, Way.REST), Read(0, 1))
    assert shorten(script, SEATS, lambda shorter: None, lambda: False) == script


def test_plainer_deeds_are_tried_in_their_place():
    script = (
        Connect(0, "polling"),
        Connect(1, "websocket"),
        Calm(),
        Drop(1),
        Post(0, 1, Way.ALIAS),
    )

    def fails(candidate):
        return candidate if len(candidate) == len(script) else None

    assert shorten(script, SEATS, fails, lambda: False) == (
        Connect(0, "websocket"), Connect(1, "websocket"), Calm(), Goodbye(1), Post(0, 1, Way.REST)
    )  # fmt: skip


@pytest.mark.parametrize(
    ("omitted", "left"),
    [
        ([0], (Connect(1, "polling"), Calm(), Say(0, 0))),
        ([1], (Connect(0, "websocket"), Calm(), Type(0, 1))),
        ([2], (Connect(0, "websocket"), Connect(1, "polling"))),
        ([0, 1, 2], ()),
    ],
)
def test_a_device_that_is_left_out_takes_its_deeds_along(omitted, left):
    script = (Connect(0, "websocket"), Connect(1, "polling"), Calm(), Say(1, 0), Type(0, 1))
    assert without(script, omitted, SEATS) == left
