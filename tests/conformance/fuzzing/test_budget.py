import pytest

from conformance.fuzzing.budget import Budget


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_budget_is_spent_when_its_seconds_are_over():
    clock = Clock()
    budget = Budget(5, clock)
    assert budget.left == 5
    clock.now += 4.5
    assert budget.left == 0.5
    assert not budget.spent
    clock.now += 1
    assert budget.left == 0
    assert budget.spent


def test_a_part_is_never_more_than_what_is_left():
    clock = Clock()
    budget = Budget(5, clock)
    clock.now += 3
    assert budget.at_most(10).left == 2
    assert budget.at_most(1).left == 1


def test_jobs_get_equal_shares_and_what_others_leave():
    clock = Clock()
    shares = []
    for job, share in Budget(9, clock).shared("abc"):
        shares.append((job, share.left))
        clock.now += 1
    assert shares == [("a", 3), ("b", 4), ("c", 7)]


def test_a_job_that_overdraws_leaves_the_others_their_part_of_the_rest():
    clock = Clock()
    shares = []
    for _, share in Budget(9, clock).shared("abc"):
        shares.append(share.left)
        clock.now += 4
    assert shares == pytest.approx([3, 2.5, 1])


def test_a_budget_of_nothing_is_spent_at_once():
    assert Budget(0, Clock()).spent
