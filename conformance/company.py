"""Who plays in a run: the troupes of this process, and those that have a process of their own."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from conformance.backend.target import User
from conformance.elsewhere import DistantTroupe
from conformance.fuzzing import WHAT, Tally, fuzz, fuzz_requests
from conformance.judging.findings import Ledger
from conformance.profiles import Profile
from conformance.stage.performing import LocalTroupe, Troupe
from conformance.stage.troupes import troupes
from conformance.stage.watch import Backend
from conformance.stage.world import World


class Company:
    """The troupes of a world in so many processes, or fewer where there are fewer troupes."""

    def __init__(self, world: World, processes: int = 1) -> None:
        """Starts the processes, which end with `close`."""
        groups = troupes(world.target)
        count = len(groups) - min(processes, len(groups)) + 1
        self._world = world
        self._first: Sequence[User] = groups[0]
        self._here = [LocalTroupe(world.part(users)) for users in groups[:count]]
        self._elsewhere = [DistantTroupe(world, users) for users in groups[count:]]

    @property
    def troupes(self) -> Sequence[Troupe]:
        """All of them; the first plays in this process."""
        return (*self._here, *self._elsewhere)

    def fuzz(self, profile: Profile, backend: Backend) -> Tally:
        """Fuzzes both protocols, at the same time where there is a process for each.

        A backend that dies meanwhile may have died of either: all is done again then, one after the
        other, and nothing else counts. Raises Lost.
        """
        if not self._elsewhere:
            return fuzz(self._world, profile, backend.lives)
        self._world.journal.note("fuzzing-started", what=WHAT)
        tally = self._fuzz_at_once(profile, backend)
        if tally is None and backend.gone is None:
            tally = fuzz(self._world, profile, backend.lives)
            backend.bury()
        return tally or Tally(complete=False)

    def close(self) -> None:
        """Ends all connections and processes."""
        for troupe in self._here:
            troupe.world.close()
        for distant in self._elsewhere:
            distant.close()

    def _fuzz_at_once(self, profile: Profile, backend: Backend) -> Tally | None:
        """None where the backend died."""
        world, distant = self._world.part(self._first), self._elsewhere[0]
        requirements = {each.id: each for each in world.ledger.requirements}
        world.ledger = Ledger(requirements, redact=world.redactor.text)
        deaths = backend.deaths
        lives = partial(backend.lives, certain=False)
        share = profile.fuzzing_s / 2
        with ThreadPoolExecutor(1, "r2c fuzzing elsewhere") as pool:
            try:
                there = pool.submit(distant.fuzz_events, profile, lives, share)
                tally = fuzz_requests(world, profile, lives, share)
                events, outcomes = there.result()
            except BaseException:
                distant.close()  # which ends its job, and with it the thread that waits for it
                raise
            finally:
                world.close()
        if backend.deaths != deaths:
            return None
        self._world.ledger.take(world.ledger.said())
        self._world.ledger.take(outcomes)
        tally.add(events)
        return tally
