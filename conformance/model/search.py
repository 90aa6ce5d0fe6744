"""Looks for an interleaving that is not as the model says, and reports the shortest one found."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

from conformance.evidence.leading import LONGEST_EVIDENCE
from conformance.model.deeds import Script
from conformance.model.faults import Fault
from conformance.model.machine import scripts
from conformance.model.play import Depth, Failure, Players
from conformance.model.shortening import shorten
from conformance.model.story import Names, story
from conformance.stage.accusing import Blocked
from conformance.stage.actor import Actor
from conformance.stage.stage import Stage

REQUIREMENT = "ALL-06"
IMPATIENCE = 0.1
"""Share of the time for a delivery that a shorter script is given to fail again. What it comes to
is performed once more with all of the time before anyone is accused."""
LEAST = 0.3
"""Seconds that it is given at least."""
ENOUGH = 0.5
"""Share of the time for shortening that has to be left to look for another failure."""
ATTEMPTS = 3
"""Times that scripts are performed once more, the shortest first."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is played."""

    plays: int
    """Scripts."""
    playing_s: float
    """Seconds after which no further one begins."""
    shortening_s: float
    """Seconds that making failures shorter may take."""


class Search:
    """Plays scripts that follow from a salt, until all are played or time is over."""

    def __init__(self, stage: Stage, actors: list[Actor], effort: Effort) -> None:
        self._stage = stage
        self._players = Players(stage, actors)
        self._names = Names(tuple(actor.name for actor in actors))
        self._effort = effort
        self._known: set[str] = set()  # summaries of what was reported
        self._shortening = effort.shortening_s  # that are left for it

    def run(self, salt: int) -> None:
        """Judges ALL-06. Raises Blocked where a script cannot be performed to its end."""
        begun = time.monotonic()
        for script in islice(scripts(len(self._players.actors), salt), self._effort.plays):
            failure = self._perform(script, self._stage.pace.delivery, self._is_new)
            if failure is None:
                self._stage.check(REQUIREMENT, True, "An interleaving is as the model says")
            else:
                self._known.add(failure.fault.summary)
                self._report(failure)
            spent = self._shortening < ENOUGH * self._effort.shortening_s
            if spent or time.monotonic() - begun > self._effort.playing_s:
                return

    def _is_new(self, fault: Fault) -> bool:
        return fault.summary not in self._known

    def _perform(
        self,
        script: Script,
        seconds: float,
        concerns: Callable[[Fault], bool],
        depth: Depth = Depth.HISTORIES,
    ) -> Failure | None:
        failure = self._players.perform(script, seconds, concerns, depth)
        # The histories in it are long, and there will be many.
        del self._stage.evidence[:-LONGEST_EVIDENCE]
        return failure

    def _report(self, first: Failure) -> None:
        try:
            failure, again = self._confirmed(self._shortened(first))
        except Exception:
            # Whatever keeps the suite from looking again, this was seen.
            self._accuse(first)
            raise
        self._accuse(failure, again=again)

    def _accuse(self, failure: Failure, *, again: bool = True) -> None:
        self._stage.check(
            REQUIREMENT,
            False,
            failure.fault.summary,
            failure.fault.expected,
            story(failure.script, self._names, failure.fault.seen, again=again),
            evidence=failure.steps,
        )

    def _shortened(self, first: Failure) -> list[Failure]:
        """The failure, and others of the same kind, each shorter than those before it."""
        found = [first]
        begun = time.monotonic()
        seconds = max(LEAST, IMPATIENCE * self._stage.pace.delivery)

        def fails(script: Script) -> Script | None:
            failure = self._once_more(script, seconds, first)
            if failure is None:
                return None
            found.append(failure)
            return failure.script

        def until() -> bool:
            return time.monotonic() - begun > self._shortening

        if any(not until() and fails(first.script) for _ in range(ATTEMPTS)):
            shorten(found[-1].script, len(self._players.actors), fails, until)
        self._shortening = max(0.0, self._shortening - (time.monotonic() - begun))
        return found

    def _once_more(self, script: Script, seconds: float, first: Failure) -> Failure | None:
        """What comes of a script that is to fail as another one did first."""

        def is_the_same(fault: Fault) -> bool:
            return fault.summary == first.fault.summary

        try:
            return self._perform(script, seconds, is_the_same, first.depth)
        except Blocked:
            return None

    def _confirmed(self, found: list[Failure]) -> tuple[Failure, bool]:
        """The shortest failure that is beyond doubt, and whether it was seen once more."""
        for failure in [*found[: -ATTEMPTS - 1 : -1], found[0]]:
            once_more = self._once_more(failure.script, self._stage.pace.delivery, failure)
            if once_more is not None:
                return once_more, True
            if not failure.fault.awaited:
                return failure, False
        return found[0], False
