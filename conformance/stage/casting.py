"""Who plays in a scenario: users chosen so that pairs who never wrote to each other stay so."""

import random
from itertools import combinations

from conformance.stage.actor import Actor
from conformance.stage.world import World

NOBODY_IS_FREE = "everyone is blocked by somebody who cannot take it back (META-02)"


class Untestable(Exception):
    """The target lacks something the scenario needs. `str` says what to add."""


class Casting:
    """Chooses users of a world by chance that follows from its seed and a scenario's name."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.random = random.Random(f"{world.seed}:{name}")  # noqa: S311  nothing secret

    def cast(self, count: int = 3) -> list[Actor]:
        """Users for this scenario. The first may write to all others; the others never write to
        each other. Raises Untestable when the target has too few.
        """
        actors = list(self.world.actors)
        if len(actors) < count:
            raise Untestable(f"needs {count} users; add {count - len(actors)} to [[users]]")
        # Later users are left alone as long as there are enough, so that there are pairs
        # that never wrote to each other.
        stage = actors[: max(count, (len(actors) + 1) // 2)]
        reserved = {actor.id for actor in self.untouched()}
        leads = [actor for actor in stage if actor.id not in reserved] or stage
        if self.world.blocked:
            return self._free_cast(leads, count)
        lead = self.random.choice(leads)
        others = [actor for actor in stage if actor is not lead]
        return [lead, *self.random.sample(others, count - 1)]

    def _free_cast(self, leads: list[Actor], count: int) -> list[Actor]:
        """The same of those between whom nobody is blocked for good. Raises Untestable."""
        free = self.world.are_free
        casts = [
            [lead, *others]
            for lead in leads
            for others in combinations([one for one in self.world.actors if one != lead], count - 1)
            if free(lead, *others)
        ]
        if not casts:
            raise Untestable(NOBODY_IS_FREE)
        return self.random.choice(casts)

    def untouched(self) -> tuple[Actor, Actor]:
        """The pair of users who never write to each other in any run."""
        return self.world.actors[-2], self.world.actors[-1]

    def bystanders(self, *involved: Actor, most: int = 2) -> list[Actor]:
        """Others, those first who are friends of the ones involved: what leaks, leaks to them."""
        friends = self.world.target.are_friends
        others = [actor for actor in self.world.actors if actor not in involved]
        self.random.shuffle(others)
        others.sort(key=lambda other: -sum(friends(other.user, one.user) for one in involved))
        return others[:most]

    def friends(self) -> tuple[Actor, Actor]:
        """Two users who are friends. Raises Untestable when the target names none."""
        return self._pair(True)

    def strangers(self) -> tuple[Actor, Actor]:
        """Two users who are not friends. Raises Untestable when there are none."""
        return self._pair(False)

    def _pair(self, friends: bool) -> tuple[Actor, Actor]:
        target = self.world.target
        if target.friends is None:
            raise Untestable("needs to know who is whose friend; add [friends] pairs")
        pairs = [
            (one, other)
            for one, other in target.pairs()
            if target.are_friends(one, other) is friends
            and {one.id, other.id} not in self.world.blocked
        ]
        if not pairs:
            kind = "" if friends else "not "
            raise Untestable(
                f"needs two users who are {kind}friends; correct [friends] pairs, or add users"
            )
        actors = [(self.world.actor(one), self.world.actor(other)) for one, other in pairs]
        self.random.shuffle(actors)
        # Whose socket was dropped may count as online for long, and nobody is told that he leaves.
        return min(actors, key=lambda pair: self.world.lingers(pair[0]))
