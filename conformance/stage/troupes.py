"""Users in groups that have nothing to do with each other, so that scenarios can play at once."""

from collections.abc import Sequence
from itertools import pairwise

from conformance.backend.target import Target, User

FEWEST = 5
"""Users of a troupe: enough for every scenario, with somebody to look on."""
MOST_TROUPES = 4
"""More would only wait for each other in one process."""


def troupes(target: Target) -> tuple[tuple[User, ...], ...]:
    """The users in as many groups as every scenario can be played in. One, where there are too
    few, or where friends or strangers would be missing in a group.

    Follows from the target alone, so that pairs who never wrote to each other stay so from run to
    run. The group of the last users comes first: it plays what needs such a pair.
    """
    for count in range(min(MOST_TROUPES, len(target.users) // FEWEST), 1, -1):
        groups = _divided(target.users, count)
        if target.friends is None or all(_has_both(target, group) for group in groups):
            return tuple(reversed(groups))
    return (target.users,)


def _divided(users: Sequence[User], count: int) -> list[tuple[User, ...]]:
    bounds = [len(users) * number // count for number in range(count + 1)]
    return [tuple(users[start:end]) for start, end in pairwise(bounds)]


def _has_both(target: Target, group: Sequence[User]) -> bool:
    """Whether there are friends in the group, and strangers."""
    kinds = {
        target.are_friends(one, other)
        for number, one in enumerate(group)
        for other in group[:number]
    }
    return len(kinds) == 2
