"""What follows from deeds, and what is left open."""

import pytest

from conformance.model.deeds import (
    Block,
    Calm,
    Cease,
    Connect,
    Drop,
    Goodbye,
    Post,
    Read,
    Say,
    Type,
    Unblock,
    Way,
)
from conformance.model.model import Model

HUB, ASHA, BEN, QUIET = range(4)
PAIR = frozenset((HUB, ASHA))


def there(*seats):
    """A model in which these users have connected, in this order, and settled."""
    return after(*(Connect(seat, "websocket") for seat in seats), Calm())


def after(*deeds, model=None):
    model = model or Model(4)
    for deed in deeds:
        assert deed in model.legal(type(deed)), deed
        model.do(deed)
    return model


def due(model):
    return [(it.message.number, it.device.number) for it in model.due]


def told(model):
    return [(it.typist, it.typing, it.device.number) for it in model.told]


@pytest.mark.parametrize("deed", [Say(0, ASHA), Post(HUB, ASHA, Way.REST)])
def test_a_message_has_to_reach_the_device_that_its_recipient_opened_last(deed):
    model = after(deed, model=there(HUB, ASHA, ASHA))
    assert due(model) == [(0, 2)]


def test_nothing_has_to_reach_a_user_who_is_not_there():
    assert due(after(Post(HUB, ASHA, Way.REST))) == []


@pytest.mark.parametrize("change", [Connect(ASHA, "polling"), Goodbye(1), Goodbye(2), Drop(1)])
def test_a_message_to_one_whose_devices_change_in_the_same_round_may_arrive_or_not(change):
    before = after(Post(HUB, ASHA, Way.REST), change, model=there(HUB, ASHA, ASHA))
    behind = after(change, Post(HUB, ASHA, Way.REST), model=there(HUB, ASHA, ASHA))
    for model in (before, behind):
        assert due(model) == []
        assert model.sure == {0}


def test_where_the_device_opened_last_has_left_no_other_has_to_get_anything():
    """A backend that holds one socket per user has none then (D15)."""
    model = after(Goodbye(2), Calm(), Post(HUB, ASHA, Way.REST), model=there(HUB, ASHA, ASHA))
    assert due(model) == []


def test_where_an_older_device_has_left_the_newest_still_gets_all():
    model = after(Goodbye(1), Calm(), Post(HUB, ASHA, Way.REST), model=there(HUB, ASHA, ASHA))
    assert due(model) == [(0, 2)]


def test_what_was_answered_stands_in_the_history_at_once_and_what_was_emitted_after_the_round():
    model = after(Post(HUB, ASHA, Way.REST), Say(0, ASHA), model=there(HUB))
    assert (model.sure, model.pending) == ({0}, {1})
    model.do(Calm())
    assert (model.sure, model.pending) == ({0, 1}, set())


def test_a_message_that_was_never_sent_is_expected_nowhere():
    model = there(HUB, ASHA)
    model.strike(model.do(Say(0, ASHA)))
    assert (due(model), model.pending, model.judged(PAIR)) == ([], set(), set())


def test_the_sender_reads_what_is_pending_so_that_it_stays_unread():
    model = after(Say(1, HUB), Say(0, ASHA), Say(0, BEN), Post(HUB, QUIET, Way.REST),
                  model=there(HUB, ASHA))  # fmt: skip
    assert model.readings() == [Read(ASHA, HUB), Read(HUB, BEN)]


# Who may do what


def test_others_than_the_hub_write_to_the_hub_alone():
    model = there(HUB, ASHA)
    assert {(it.who, it.whom) for it in model.legal(Post)} == set(model.pairs())
    assert all(HUB in pair for pair in model.pairs())
    assert {it.whom for it in model.legal(Say) if it.device == 1} == {HUB}


def test_nothing_is_emitted_by_one_whose_devices_came_or_went_in_this_round():
    for change in (Connect(HUB, "polling"), Goodbye(1)):
        model = after(change, model=there(HUB, HUB, ASHA))
        assert {it.device for it in model.legal(Say)} == {2}
        assert {it.device for it in model.legal(Type)} == {2}
        assert 0 in {it.device for it in after(Calm(), model=model).legal(Say)}


def test_a_device_that_has_spoken_stays_until_the_round_is_over():
    model = after(Say(0, ASHA), model=there(HUB, HUB))
    assert model.legal(Goodbye) == [Goodbye(1)]
    assert model.legal(Drop) == [Drop(1)]
    assert len(after(Calm(), model=model).legal(Goodbye)) == 2


def test_no_newer_device_comes_in_a_round_in_which_an_older_one_has_spoken():
    """It may replace the older one, and what that has just sent may be lost (D15)."""
    model = after(Say(0, ASHA), model=there(HUB))
    assert HUB not in {it.who for it in model.legal(Connect)}
    assert HUB in {it.who for it in after(Calm(), model=model).legal(Connect)}


def test_a_user_has_three_devices_at_most():
    model = there(HUB, HUB, HUB)
    assert HUB not in {it.who for it in model.legal(Connect)}


def test_only_websockets_drop_as_a_missing_poll_is_missed_late():
    assert after(Connect(HUB, "polling"), Connect(HUB, "default"), Calm()).legal(Drop) == []


def test_calm_is_only_when_something_was_done():
    model = Model(4)
    assert model.legal(Calm) == []
    assert after(Read(HUB, ASHA), model=model).legal(Calm) == [Calm()]
    assert after(Calm(), model=model).legal(Calm) == []


# Typing


def test_typing_and_its_end_are_told_to_the_newest_device_of_the_recipient():
    model = after(Type(0, ASHA), Cease(0, ASHA), model=there(HUB, ASHA, ASHA))
    assert told(model) == [(HUB, True, 2), (HUB, False, 2)]


def test_typing_is_sent_only_when_it_says_something_and_once_in_a_round():
    model = after(Type(0, ASHA), model=there(HUB, HUB))
    assert ASHA not in {it.whom for it in model.legal(Type)}
    after(Cease(0, ASHA), model=model)
    assert model.legal(Cease) == []
    assert ASHA not in {it.whom for it in model.legal(Type)}
    assert Type(1, ASHA) in after(Calm(), model=model).legal(Type)


def test_the_end_is_told_by_the_device_that_told_of_the_beginning():
    assert after(Type(1, ASHA), model=there(HUB, HUB)).legal(Cease) == [Cease(1, ASHA)]


def test_an_end_is_expected_only_by_the_device_that_was_told_of_the_beginning():
    model = after(Type(0, ASHA), Calm(), Connect(ASHA, "websocket"), Calm(), Cease(0, ASHA),
                  model=there(HUB, ASHA))  # fmt: skip
    assert told(model) == []


def test_nobody_types_to_the_quiet_one_who_never_types():
    model = there(HUB, QUIET)
    assert model.quiet == QUIET
    assert {it.device for it in model.legal(Type)} == {0}
    assert QUIET not in {it.whom for it in model.legal(Type)}


def test_whose_typing_device_left_types_again_only_after_a_goodbye_of_every_device():
    one_left = after(Type(0, ASHA), Calm(), Goodbye(0), Calm(), model=there(HUB, HUB))
    assert ASHA not in {it.whom for it in one_left.legal(Type)}
    back = after(Goodbye(1), Calm(), Connect(HUB, "websocket"), Calm(), model=one_left)
    assert Type(2, ASHA) in back.legal(Type)


def test_nor_where_one_was_dropped_as_nobody_knows_when_that_is_noticed():
    model = after(Type(0, ASHA), Calm(), Drop(0), Calm(), Connect(HUB, "websocket"), Calm(),
                  model=there(HUB))  # fmt: skip
    assert ASHA not in {it.whom for it in model.legal(Type)}


def test_what_was_begun_and_not_ended_is_known_at_the_end():
    model = after(Type(0, ASHA), Type(1, HUB), Cease(1, HUB), Calm(), Goodbye(0), Calm(),
                  model=there(HUB, ASHA))  # fmt: skip
    assert model.unended == {(HUB, ASHA)}


# Blocks


def test_between_two_with_a_block_nothing_is_judged_in_either_direction():
    model = after(Block(HUB, ASHA), Post(ASHA, HUB, Way.REST), Post(HUB, ASHA, Way.REST),
                  Say(1, HUB), model=there(HUB, ASHA, BEN))  # fmt: skip
    assert (due(model), model.judged(PAIR)) == ([], set())
    assert model.between(PAIR) == {0, 1, 2}
    assert not model.is_open(PAIR)
    assert due(after(Post(BEN, HUB, Way.REST), model=model)) == [(3, 0)]


def test_a_block_leaves_open_what_is_on_its_way_but_not_what_was_answered():
    model = after(Post(ASHA, HUB, Way.REST), Say(1, HUB), Block(HUB, ASHA), model=there(HUB, ASHA))
    assert (due(model), model.judged(PAIR)) == ([], {0})


def test_the_blocked_neither_read_nor_type():
    model = after(Block(HUB, ASHA), model=there(HUB, ASHA, BEN))
    assert not {(HUB, ASHA), (ASHA, HUB)} & {(it.who, it.whom) for it in model.legal(Read)}
    assert {it.device for it in model.legal(Type) if it.whom == HUB} == {2}


def test_one_block_at_a_time():
    model = after(Block(HUB, ASHA))
    assert model.legal(Block) == []
    assert model.legal(Unblock) == [Unblock(HUB, ASHA)]


def test_after_a_block_all_is_judged_again_from_when_a_message_got_through():
    model = after(Post(ASHA, HUB, Way.REST), Block(HUB, ASHA), Unblock(HUB, ASHA),
                  Post(ASHA, HUB, Way.REST), model=there(HUB))  # fmt: skip
    assert not model.is_open(PAIR)
    model.heal(PAIR)
    assert model.is_open(PAIR)
    assert due(after(Post(ASHA, HUB, Way.REST), model=model)) == [(2, 0)]
    assert model.judged(PAIR) == {0, 2}


def test_whether_a_typing_got_through_a_block_nobody_knows():
    for begun in ([Type(0, ASHA)], [Type(0, ASHA), Cease(0, ASHA)]):
        model = after(*begun, Block(ASHA, HUB), Unblock(ASHA, HUB), Calm(), model=there(HUB, ASHA))
        assert told(model) == []
        assert model.legal(Cease) == []
        assert ASHA not in {it.whom for it in model.legal(Type)}
