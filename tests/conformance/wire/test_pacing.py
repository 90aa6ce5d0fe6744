import random
from dataclasses import replace

import pytest

from conformance.wire.pacing import Pace


def a_link(low: float, high: float, rounds: int = 200) -> list[float]:
    """Round trips over a link that delays each direction by a random time, in seconds."""
    dice = random.Random(7)
    return [dice.uniform(low, high) + dice.uniform(low, high) for _ in range(rounds)]


def test_median_and_p95_are_those_of_the_samples():
    pace = Pace.measured(n / 1000 for n in range(1, 102))
    assert pace.median == pytest.approx(0.051)
    assert pace.p95 == pytest.approx(0.096)


def test_a_single_sample_is_enough():
    assert Pace.measured([0.2]) == Pace(median=0.2, p95=0.2)


def test_no_samples_are_refused_in_one_sentence():
    with pytest.raises(ValueError, match="without a single answer"):
        Pace.measured([])


@pytest.mark.parametrize("wrong", [-1.0, float("nan"), float("inf")])
def test_impossible_times_are_refused(wrong):
    with pytest.raises(ValueError, match="number of seconds"):
        Pace(p95=wrong)


def test_patience_of_nothing_is_refused():
    with pytest.raises(ValueError, match="patience"):
        Pace(patience=0)


def test_a_fast_backend_still_gets_five_seconds_to_deliver_and_fifty_milliseconds_to_settle():
    pace = Pace.measured([0.001] * 20)
    assert pace.delivery >= 5
    assert pace.answer > pace.delivery
    assert pace.settle == pace.breath == 0.05


def test_a_slow_link_gets_longer_deadlines_and_settles_longer_than_its_jitter():
    pace = Pace.measured(a_link(0.05, 0.15))
    assert pace.delivery >= 10
    assert pace.settle >= 0.2, "the difference of two passages of this link is at most 0.2 s"
    assert pace.breath >= 0.5
    assert pace.settle < 1, "settle times are paid on every pass"


def test_a_backend_whose_connections_are_late_to_be_ready_gets_twice_that_before_an_event():
    pace = Pace.measured([0.001] * 20)
    assert replace(pace, readiness=0.2).breath == 0.4
    assert replace(pace, readiness=0.01).breath == pace.breath


def test_patience_shortens_deadlines_and_leaves_settle_times():
    slow = Pace.measured(a_link(0.05, 0.15))
    brisk = Pace.measured(a_link(0.05, 0.15), patience=0.1)
    assert brisk.answer == pytest.approx(slow.answer / 10)
    assert brisk.delivery == pytest.approx(slow.delivery / 10)
    assert brisk.throttle == pytest.approx(slow.throttle / 10)
    assert (brisk.settle, brisk.breath) == (slow.settle, slow.breath)
