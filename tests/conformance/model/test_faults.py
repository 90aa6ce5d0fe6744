"""What is wrong with a history or with what came to a device, and what is not."""

import pytest

from conformance.model.deeds import Block, Calm, Connect, Post, Read, Say, Way
from conformance.model.faults import (
    LATER,
    MEANWHILE,
    Arrival,
    Shown,
    of_arrivals,
    of_both,
    of_history,
    of_typing,
)
from conformance.model.model import Model
from conformance.model.story import Names

NAMES = Names(("Hub", "Asha", "Ben", "Cara"))
HUB, ASHA, BEN = range(3)
PAIR = frozenset((HUB, ASHA))


@pytest.fixture
def model():
    """Asha wrote to the hub and the hub to Asha, and Ben to the hub."""
    model = Model(4)
    for deed in (
        Connect(HUB, "websocket"),
        Connect(ASHA, "polling"),
        Calm(),
        Post(ASHA, HUB, Way.REST),
        Say(0, ASHA),
        Post(BEN, HUB, Way.ALIAS),
        Calm(),
    ):
        model.do(deed)
    return model


FIRST, SECOND = Shown(0, ASHA, HUB, "a"), Shown(1, HUB, ASHA, "b")
FOREIGN = Shown(2, BEN, HUB, "c")


def history(model, *shown, certain=(0, 1), when=LATER):
    found = of_history(model, NAMES, Read(HUB, ASHA), shown, certain, when)
    return [(fault.summary.split(" read ")[1], fault.seen, fault.awaited) for fault in found]


def test_a_history_with_every_message_once_is_right(model):
    assert history(model, FIRST, SECOND) == []


@pytest.mark.parametrize("when", [LATER, MEANWHILE])
def test_a_message_that_is_missing_is_named_and_was_waited_for_where_it_could_come(model, when):
    assert history(model, SECOND, when=when) == [
        (f"{when} lacks a message", "Hub reads Asha: “Asha to Hub 1” is missing", when == LATER)
    ]


def test_what_need_not_stand_there_yet_is_not_missing(model):
    assert history(model, FIRST, certain=[0]) == []


def test_a_message_that_stands_there_twice(model):
    ((summary, seen, awaited),) = history(model, FIRST, SECOND, FIRST)
    assert summary == f"{LATER} shows a message twice"
    assert seen == "Hub reads Asha: “Asha to Hub 1” stands there twice"
    assert not awaited


def test_a_message_of_others(model):
    ((summary, seen, _),) = history(model, FIRST, SECOND, FOREIGN)
    assert summary == f"{LATER} shows a message of others"
    assert "“Ben to Hub 3” stands there" in seen


@pytest.mark.parametrize("people", [(HUB, ASHA), (BEN, HUB), (ASHA, None)])
def test_a_message_under_another_name(model, people):
    ((summary, _, _),) = history(model, Shown(0, *people, "a"), SECOND)
    assert summary == f"{LATER} shows a message as somebody else's"


def test_of_messages_that_are_not_judged_only_those_of_others_are_wrong(model):
    model.do(Block(HUB, ASHA))
    model.do(Post(ASHA, HUB, Way.REST))
    blocked = Shown(3, None, None, "d")
    assert history(model, FIRST, SECOND, blocked, blocked) == []
    assert len(history(model, FIRST, SECOND, FOREIGN)) == 1


def test_both_sides_read_the_same_ids(model):
    def differ(one, other):
        return list(of_both(model, NAMES, PAIR, one, other))

    assert differ([FIRST, SECOND], [SECOND, FIRST]) == []
    (fault,) = differ([FIRST, SECOND], [FIRST, Shown(1, HUB, ASHA, "x")])
    assert "1 only Hub does, 1 only Asha" in fault.seen


def arrivals(model, seat, *arrived):
    device = next(it for it in model.devices if it.who == seat)
    return [fault.summary.split(" ", 6)[6] for fault in of_arrivals(model, NAMES, device, arrived)]


def test_each_side_may_get_a_message_once(model):
    assert arrivals(model, ASHA, Arrival(0, True, ("a", 0)), Arrival(1, True, ("b", 0))) == []


def test_a_recipient_who_gets_a_message_twice(model):
    twice = Arrival(1, True, ("b", 0)), Arrival(1, True, ("b", 2))
    assert arrivals(model, ASHA, *twice) == ["as an event comes to one socket twice"]


def test_a_sender_may_hear_of_every_status_of_a_message_once(model):
    first, read = Arrival(1, True, ("b", 0)), Arrival(1, True, ("b", 2))
    assert arrivals(model, HUB, first, read) == []
    assert arrivals(model, HUB, first, first) == ["as an event comes to one socket twice"]


def test_somebody_else_who_gets_a_message(model):
    stray = Arrival(2, True, ("c", 0))
    assert arrivals(model, ASHA, stray) == ["through the alias reaches somebody else"]


def test_a_message_that_comes_as_another(model):
    assert arrivals(model, HUB, Arrival(0, False, ("a", 0))) == ["over REST arrives as another"]


def test_of_a_message_that_is_not_judged_only_that_it_reaches_somebody_else_is_wrong(model):
    model.do(Block(HUB, BEN))
    model.do(Post(BEN, HUB, Way.REST))
    odd = Arrival(3, False, ("d", 0))
    assert arrivals(model, HUB, odd, odd) == []
    assert arrivals(model, ASHA, odd) == ["over REST reaches somebody else"]


def test_typing_that_was_meant_for_another_is_wrong_when_it_comes_twice(model):
    device = model.devices[0]

    def strays(heard, typed):
        return [fault.seen for fault in of_typing(model, NAMES, device, heard, typed)]

    assert strays([ASHA, ASHA], {(ASHA, HUB)}) == []
    assert strays([ASHA], {(ASHA, BEN)}) == []
    assert strays([ASHA, ASHA], set()) == []  # who is connected elsewhere too
    (seen,) = strays([ASHA, ASHA], {(ASHA, BEN)})
    assert seen == "Hub is told twice that Asha types, who has typed to others only"
