"""Plays all scenarios, by several troupes at the same time where the target has users for them.

Who plays alone is judged as it is played. While several play, a backend that dies takes all of
them down, and nobody can tell who killed it: what was being played then is played again, alone.
"""

import threading
import time
from collections.abc import Callable, Sequence

from conformance.judging.findings import Ledger
from conformance.stage.collecting import Scenario
from conformance.stage.performing import Troupe
from conformance.stage.watch import Backend

INTERRUPTED = "the run was interrupted"


class Programme:
    """All scenarios of a run. `over` says why no further scenario may start, None while all is
    well.
    """

    def __init__(
        self, troupes: Sequence[Troupe], backend: Backend, over: Callable[[], str | None]
    ) -> None:
        self._troupes = troupes
        self._backend = backend
        self._over = over
        self._again: list[Scenario] = []
        self._concluded: set[str] = set()
        self._failure: BaseException | None = None
        self._lock = threading.Lock()
        self.stop: str | None = None

    def play(self, scenarios: Sequence[Scenario]) -> str | None:
        """Plays the scenarios that judge a requirement of the ledger; returns why not all of them
        could be played, None where they were.

        Raises what the suite itself failed of, and KeyboardInterrupt; troupes may then still be
        playing, and what they find from then on counts for nothing once the ledger is closed. What
        a scenario names that was not played to its end is left open.
        """
        ledger = self._troupes[0].world.ledger
        wanted = relevant(scenarios, ledger)
        try:
            self._play_all(wanted)
        except KeyboardInterrupt:
            for scenario in wanted:
                if scenario.name not in self._concluded:
                    for id in scenario.requirements:
                        ledger.untestable(id, INTERRUPTED)
            raise
        return self.stop

    def _play_all(self, wanted: Sequence[Scenario]) -> None:
        first, *others = self._troupes
        first.world.journal.note("scenarios-collected", total=len(wanted))
        together = [one for one in wanted if others and not one.undisturbed]
        for scenario in wanted:
            if scenario not in together:
                self._play(first, scenario, alone=True)
        self._play_together(together)
        for scenario in sorted(self._again, key=wanted.index):
            self._play(first, scenario, alone=True)
        self._backend.bury()

    def _play_together(self, scenarios: Sequence[Scenario]) -> None:
        count = len(self._troupes)
        threads = [
            # Daemons: a backend that answers nobody must not keep an interrupted run from ending.
            threading.Thread(
                target=self._play_in_thread,
                args=(troupe, scenarios[number::count]),
                name=f"r2c troupe {number + 1}",
                daemon=True,
            )
            for number, troupe in enumerate(self._troupes)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self._failure is not None:
            raise self._failure

    def _play_in_thread(self, troupe: Troupe, share: Sequence[Scenario]) -> None:
        try:
            for scenario in share:
                self._play(troupe, scenario, alone=False)
        except BaseException as failure:
            with self._lock:
                self._failure = self._failure or failure
                self.stop = self.stop or "an error of this suite"

    def _play(self, troupe: Troupe, scenario: Scenario, *, alone: bool) -> None:
        world, backend = troupe.world, self._backend
        journal = world.journal
        journal.note("scenario-started", name=scenario.sentence, requirements=scenario.requirements)
        reason, error, began = self.stop, None, time.monotonic()
        if reason is None:
            deaths = backend.deaths
            performance = troupe.perform(scenario)
            reason, error = performance.reason, performance.error
            lives = backend.lives(certain=alone)
            survived = backend.deaths == deaths
            with self._lock:
                self.stop = self.stop or (self._over() if lives else backend.gone)
            if alone or survived or not lives:
                performance.conclude(survived=survived, certain=alone, cause=backend.cause)
                self._concluded.add(scenario.name)
            else:
                self._again.append(scenario)
                reason = "played again alone, since the backend died meanwhile"
        else:
            for id in scenario.requirements:
                world.ledger.untestable(id, reason)
        share = (time.monotonic() - began) / max(len(scenario.requirements), 1)
        for id in scenario.requirements:
            world.ledger.took(id, share)
        journal.note("scenario-ended", name=scenario.sentence, reason=reason, error=error)


def relevant(scenarios: Sequence[Scenario], ledger: Ledger) -> list[Scenario]:
    """The scenarios that judge a requirement of the ledger."""
    return [one for one in scenarios if any(map(ledger.knows, one.requirements))]
