"""The result of a run as one value, from which every report is written."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from conformance.findings import Outcome, Status, Verdict, failing, verdict


@dataclass(frozen=True, slots=True)
class Report:
    """A run from its target to its verdict."""

    contract: str
    """Version of the contract."""
    target: str
    """The backend's URL."""
    profile: str
    seed: int
    strict: bool
    started: datetime
    duration_s: float
    outcomes: tuple[Outcome, ...]
    undocumented_events: tuple[str, ...]
    stopped: str | None = None
    """Why the run ended before its end; None when it did not."""
    fault: bool = False
    """Whether it ended early because the suite itself failed."""
    stale: tuple[str, ...] = ()
    """Entries of the baseline that no longer hold, a sentence each."""

    @property
    def verdict(self) -> Verdict:
        """What the run says about the backend; a run that ended early is never conformant."""
        result = verdict(self.outcomes, self.strict)
        if result is Verdict.CONFORMANT and self.stopped is not None:
            return Verdict.INCOMPLETE
        return result

    @property
    def exit_status(self) -> int:
        """0 conformant; 1 not conformant or a stale baseline; 3 incomplete; 4 the suite's error."""
        if failing(self.outcomes, self.strict):
            return 1
        if self.fault or any(outcome.status is Status.ERROR for outcome in self.outcomes):
            return 4
        if self.stale:
            return 1
        return 0 if self.verdict is Verdict.CONFORMANT else 3

    @property
    def judged(self) -> frozenset[str]:
        """The ids of the requirements that this run judged to its end."""
        if self.stopped is not None:
            return frozenset()
        return frozenset(
            outcome.requirement.id
            for outcome in self.outcomes
            if outcome.status in (Status.PASSED, Status.FAILED)
        )

    @property
    def counts(self) -> Counter[Status]:
        """How many requirements have which outcome."""
        return Counter(outcome.status for outcome in self.outcomes)
