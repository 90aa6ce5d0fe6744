"""Users are divided so that every group can play every scenario."""

import pytest

from conformance.backend.target import Target
from conformance.stage.troupes import troupes


def target(count, friends=None):
    """A target with so many users, and who is whose friend by number."""
    users = [
        {"_id": f"{number:024x}", "userId": f"R2C{number}", "name": f"User {number}"}
        for number in range(count)
    ]
    content = {
        "target": {"url": "http://127.0.0.1:9"},
        "auth": {"secret": "s" * 32},
        "users": users,
    }
    if friends is not None:
        content["friends"] = {"pairs": [[f"R2C{one}", f"R2C{other}"] for one, other in friends]}
    return Target.of(content)


def sizes(target):
    return [len(group) for group in troupes(target)]


@pytest.mark.parametrize(
    ("count", "expected"),
    [(3, [3]), (9, [9]), (10, [5, 5]), (14, [7, 7]), (15, [5, 5, 5]), (40, [10, 10, 10, 10])],
)
def test_there_are_as_many_troupes_as_five_users_each_make(count, expected):
    assert sizes(target(count)) == expected


def test_everybody_plays_in_one_troupe_and_the_last_users_in_the_first():
    whole = target(11)
    first, second = troupes(whole)
    assert (*second, *first) == whole.users


def test_each_troupe_has_friends_and_strangers():
    assert sizes(target(10, [(0, 1), (5, 6)])) == [5, 5]
    assert sizes(target(10, [(0, 9), (4, 5)])) == [10], "no friends in a half"
    assert sizes(target(15, [(0, 1), (8, 9)])) == [8, 7], "no friends in a third"


def test_the_same_target_gives_the_same_troupes():
    assert troupes(target(20)) == troupes(target(20))
