"""What a run finds out: findings, the outcome of each requirement, the verdict."""

import hashlib
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum, StrEnum

from conformance.evidence.trace import Passage
from contract import Level, Requirement

DEATH = "ALL-05"
"""The requirement that a backend breaks which dies."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One way in which the backend breaks a requirement.

    `summary` holds no value that changes from run to run (no id, no time, no generated text): it is
    what the fingerprint, and so a baseline, knows the finding by.
    """

    requirement: str
    level: Level
    summary: str
    expected: str
    observed: str
    reproduce: tuple[str, ...] = ()
    """Lines that repeat it without the suite: curl, or socket.io-client."""
    trace: tuple[Passage, ...] = ()
    """What went over the wire around it, in order of time."""
    cause: str | None = None
    """What is wrong, in words that findings of the same cause have in common; None where it stands
    for itself."""

    @property
    def script(self) -> str | None:
        """The reproducer, where it is a script of many lines and not a command."""
        return next((lines for lines in self.reproduce if "\n" in lines), None)

    @property
    def fingerprint(self) -> str:
        """Twelve hex digits that stay the same from run to run."""
        identity = f"{self.requirement}\n{self.level}\n{self.summary}"
        return hashlib.sha256(identity.encode(errors="backslashreplace")).hexdigest()[:12]


class Status(IntEnum):
    """The ladder of outcomes; a requirement only ever goes up on it."""

    NOT_APPLICABLE = 0
    PASSED = 1
    FAILED = 2
    UNTESTABLE = 3
    ERROR = 4

    @property
    def label(self) -> str:
        """The name in reports, such as `not-applicable`."""
        return self.name.lower().replace("_", "-")


class Verdict(StrEnum):
    """What the run as a whole says about the backend."""

    CONFORMANT = "conformant"
    NON_CONFORMANT = "non-conformant"
    INCOMPLETE = "incomplete"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one requirement."""

    requirement: Requirement
    status: Status
    cases: int = 0
    """How many times it was judged."""
    reason: str | None = None
    """Why it is switched off, untestable or in error, or what was observed."""
    findings: tuple[Finding, ...] = ()
    known: tuple[Finding, ...] = ()
    """Findings that a baseline accepts."""
    seconds: float = field(default=0.0, compare=False)
    """How long its scenarios took; the time of one that names several is shared evenly."""


@dataclass(slots=True)
class _Entry:
    requirement: Requirement
    status: Status | None = None
    cases: int = 0
    reason: str | None = None
    findings: dict[str, Finding] = field(default_factory=dict)
    seconds: float = 0.0


class Ledger:
    """Collects what the checks say, from any thread. `listen` hears every new finding once."""

    def __init__(
        self,
        requirements: Mapping[str, Requirement],
        listen: Callable[[Finding], None] = lambda finding: None,
        redact: Callable[[str], str] = lambda text: text,
    ) -> None:
        self._entries = {id: _Entry(requirement) for id, requirement in requirements.items()}
        self._listen = listen
        self._redact = redact
        self._closed = False
        self._lock = threading.RLock()

    @property
    def requirements(self) -> tuple[Requirement, ...]:
        """The requirements that this run judges, those aside that are switched off."""
        return tuple(
            entry.requirement
            for entry in self._entries.values()
            if entry.status is not Status.NOT_APPLICABLE
        )

    def knows(self, id: str) -> bool:
        """Whether this run judges the requirement at all."""
        return id in self._entries

    def level(self, id: str) -> Level:
        """The level of a requirement that this run judges."""
        return self._entries[id].requirement.level

    def passed(self, id: str, cases: int = 1) -> None:
        """Counts cases in which the requirement held."""
        self._raise(id, Status.PASSED, cases=cases)

    def observed(self, id: str, what: str) -> None:
        """Notes what a backend does where the contract judges nothing."""
        self._raise(id, Status.PASSED, what, cases=1)

    def fail(self, finding: Finding) -> None:
        """Adds a finding. One that is known already by its fingerprint only counts as a case."""
        with self._lock:
            entry = self._entry(finding.requirement)
            if entry is None:
                return
            if finding.level not in entry.requirement.levels:
                raise ValueError(f"{finding.requirement} has no clause of level {finding.level}")
            self._raise(finding.requirement, Status.FAILED, cases=1)
            if finding.fingerprint in entry.findings:
                return
            entry.findings[finding.fingerprint] = finding
        self._listen(finding)

    def untestable(self, id: str, reason: str) -> None:
        """Says what is missing, so that the requirement could not be judged."""
        self._raise(id, Status.UNTESTABLE, reason)

    def error(self, id: str, reason: str) -> None:
        """Says how the suite itself failed on the requirement."""
        self._raise(id, Status.ERROR, reason)

    def switch_off(self, id: str, reason: str) -> None:
        """Makes the requirement not applicable; nothing that follows changes that."""
        self._raise(id, Status.NOT_APPLICABLE, reason)

    def close(self, reason: str | None = None) -> None:
        """Takes nothing more, whoever is still judging. Given a reason, what nobody has said
        anything about is untestable for it.
        """
        with self._lock:
            if reason is not None:
                for id in self.unreached():
                    self.untestable(id, reason)
            self._closed = True

    def took(self, id: str, seconds: float) -> None:
        """Adds time that was spent on the requirement."""
        with self._lock:
            if id in self._entries:
                self._entries[id].seconds += seconds

    def unreached(self) -> tuple[str, ...]:
        """The ids of the requirements about which nothing was said yet."""
        with self._lock:
            return tuple(id for id, entry in self._entries.items() if entry.status is None)

    def take(self, outcomes: Iterable[Outcome]) -> None:
        """Enters what another ledger holds, which was kept elsewhere in the same run."""
        for outcome in outcomes:
            for finding in outcome.findings:
                self.fail(finding)
            cases = outcome.cases - len(outcome.findings)
            self._raise(outcome.requirement.id, outcome.status, outcome.reason, cases)

    def said(self) -> tuple[Outcome, ...]:
        """The outcomes of those requirements about which something was said."""
        with self._lock:
            entries = tuple(self._entries.values())
            return tuple(self._outcome(entry) for entry in entries if entry.status is not None)

    def outcomes(self) -> tuple[Outcome, ...]:
        """The outcome of every requirement, in the order of the contract."""
        with self._lock:
            return tuple(self._outcome(entry) for entry in self._entries.values())

    def _raise(self, id: str, status: Status, reason: str | None = None, cases: int = 0) -> None:
        with self._lock:
            entry = self._entry(id)
            if entry is None:
                return
            entry.cases += cases
            reason = self._redact(reason) if reason else reason
            if entry.status is None or status > entry.status:
                entry.status, entry.reason = status, reason
            elif status == entry.status and reason and not entry.reason:
                entry.reason = reason

    def _entry(self, id: str) -> _Entry | None:
        """The entry that something may be said about now."""
        entry = self._entries.get(id)
        if self._closed or entry is None or entry.status is Status.NOT_APPLICABLE:
            return None
        return entry

    @staticmethod
    def _outcome(entry: _Entry) -> Outcome:
        status = entry.status if entry.status is not None else Status.UNTESTABLE
        reason = entry.reason if entry.status is not None else "no check reached it in this run"
        findings = tuple(entry.findings.values())
        return Outcome(
            entry.requirement, status, entry.cases, reason, findings, seconds=entry.seconds
        )


def counted(strict: bool) -> frozenset[Level]:
    """The levels at which a finding counts against the backend."""
    return frozenset({"must", "should"} if strict else {"must"})


def failing(outcomes: Iterable[Outcome], strict: bool = False) -> tuple[Finding, ...]:
    """The findings that count against the backend: every *must*, and every *should* when strict."""
    levels = counted(strict)
    return tuple(
        finding for outcome in outcomes for finding in outcome.findings if finding.level in levels
    )


def left_open(outcome: Outcome, strict: bool = False) -> bool:
    """Whether the run cannot be conformant because of what was not judged of a requirement.

    A *must* is open as well where only a clause of the requirement is one. An error of the suite
    counts at any level: a check that broke has judged nothing.
    """
    if outcome.status is Status.UNTESTABLE:
        return bool(outcome.requirement.levels & counted(strict))
    return outcome.status is Status.ERROR


def verdict(outcomes: Iterable[Outcome], strict: bool = False) -> Verdict:
    """One failing finding makes it non-conformant; else what is `left_open` incomplete."""
    outcomes = tuple(outcomes)
    if failing(outcomes, strict):
        return Verdict.NON_CONFORMANT
    if any(left_open(outcome, strict) for outcome in outcomes):
        return Verdict.INCOMPLETE
    return Verdict.CONFORMANT


def without(outcomes: Iterable[Outcome], accepted: frozenset[str]) -> tuple[Outcome, ...]:
    """The outcomes with the findings whose fingerprints are accepted put aside as known."""
    kept = []
    for outcome in outcomes:
        findings = tuple(f for f in outcome.findings if f.fingerprint not in accepted)
        known = tuple(f for f in outcome.findings if f.fingerprint in accepted)
        status, reason = outcome.status, outcome.reason
        if known and not findings and status is Status.FAILED:
            status, reason = Status.PASSED, "the baseline accepts its findings"
        kept.append(replace(outcome, findings=findings, known=known, status=status, reason=reason))
    return tuple(kept)
