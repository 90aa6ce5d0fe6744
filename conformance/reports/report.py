"""The result of a run as one value, from which every report is written."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from shlex import quote

from conformance.evidence.printable import printable
from conformance.judging.baseline import Baseline, Entry
from conformance.judging.findings import (
    DEATH,
    Finding,
    Outcome,
    Status,
    Verdict,
    counted,
    failing,
    verdict,
)
from conformance.profiles import PROFILES
from contract import GROUPS

Pair = tuple[Outcome, Finding]
"""A finding and the outcome of its requirement."""

SIGNS = {
    "passed": "✓",
    "failed": "✗",
    "warning": "▲",
    "known": "≈",
    "untestable": "?",
    "error": "!",
    "not-applicable": "–",
}
"""The sign of each state of a requirement, in every report that people look at."""


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
    backend: str | None = None
    """How it came to run: started by the suite, or running already; None where no run began."""
    target_file: str | None = None
    """The target file; None where there is none."""
    fuzzed: int = 0
    """How many generated requests and payloads were sent."""
    fuzzed_all: bool = True
    """Whether these were all that the profile asks for; False where its time was up before."""
    stopped: str | None = None
    """Why the run ended before its end; None when it did not."""
    fault: bool = False
    """Whether it ended early because the suite itself failed."""
    unwritten: OSError | None = None
    """Why events.ndjson is not complete; None when it is."""
    stale: tuple[str, ...] = ()
    """Entries of the baseline that no longer hold, a sentence each."""
    baseline: Baseline | None = None
    """What was known before the run; None where no baseline was given."""
    checks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What judges each requirement, in sentences."""
    found: tuple[str, ...] = ()
    """The fingerprints of the findings in the order in which they were found."""

    def against(self, baseline: Baseline, known: frozenset[str]) -> "Report":
        """The same run, its findings compared with the accepted ones; `known` are the ids of all
        requirements there are.
        """
        outcomes, stale = baseline.apply(
            self.outcomes, judged=self.judged, known=known, today=date.today()
        )
        return replace(self, outcomes=outcomes, stale=stale, baseline=baseline)

    @property
    def verdict(self) -> Verdict:
        """What the run says about the backend; a run that ended early is never conformant."""
        result = verdict(self.outcomes, self.strict)
        if result is Verdict.CONFORMANT and self.stopped is not None:
            return Verdict.INCOMPLETE
        return result

    @property
    def headline(self) -> str:
        """The verdict, and why the exit status is not its own where a baseline is stale."""
        if self.stale and self.exit_status == 1 and not failing(self.outcomes, self.strict):
            return f"{self.verdict.value}, but the baseline is stale"
        return self.verdict.value

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

    @property
    def failures(self) -> tuple[tuple[Outcome, Finding], ...]:
        """The findings that count against the backend, each with its requirement's outcome."""
        pairs = (pair for group in self.causes for pair in group)
        return tuple(pair for pair in pairs if self.counts_against(pair[1]))

    @property
    def warnings(self) -> tuple[tuple[Outcome, Finding], ...]:
        """The other findings."""
        pairs = (pair for group in self.causes for pair in group)
        return tuple(pair for pair in pairs if not self.counts_against(pair[1]))

    @property
    def known(self) -> tuple[tuple[Outcome, Finding], ...]:
        """The findings that the baseline accepts, each with its requirement's outcome."""
        return tuple((outcome, finding) for outcome in self.outcomes for finding in outcome.known)

    def accepted(self, finding: Finding) -> Entry | None:
        """The entry of the baseline that accepts a finding."""
        entries = self.baseline.entries if self.baseline else ()
        return next((it for it in entries if it.fingerprint == finding.fingerprint), None)

    @property
    def causes(self) -> list[list[Pair]]:
        """The findings, and behind each the others of the same cause: deaths first, since much may
        come of them, then what counts, each in the order in which it was found. Within a cause the
        order is that of the contract, in which a requirement of its own comes before the schemas.
        """
        places = {fingerprint: place for place, fingerprint in enumerate(self.found)}

        def rank(group: Sequence[Pair]) -> tuple[bool, bool, int]:
            death = any(finding.requirement == DEATH for _, finding in group)
            found = min(places.get(finding.fingerprint, len(places)) for _, finding in group)
            return not death, not self.counts_against(group[0][1]), found

        pairs = sorted(self._findings(), key=lambda pair: not self.counts_against(pair[1]))
        return sorted(together(pairs), key=rank)

    @property
    def fuzzing_in_words(self) -> str | None:
        """How much was generated, and what to do for more; None where that is all that was meant,
        or where the run ended early and says so.
        """
        if self.fuzzed_all or self.stopped is not None:
            return None
        names = list(PROFILES)
        more = names[names.index(self.profile) + 1 :][:1] if self.profile in names else []
        hint = f"; --profile {more[0]} takes more" if more else ""
        return f"{self.fuzzed} generated requests and payloads fitted the time of fuzzing{hint}"

    def counts_against(self, finding: Finding) -> bool:
        """Whether a finding that no baseline accepts counts against the backend."""
        return finding.level in counted(self.strict)

    def __str__(self) -> str:
        """Verdict, counts, and the findings that count against the backend."""
        failures = (described(outcome, finding) for outcome, finding in self.failures)
        return "\n\n".join((f"{self.headline}: {self.in_words}", *failures))

    def _findings(self) -> Iterator[tuple[Outcome, Finding]]:
        for outcome in self.outcomes:
            for finding in outcome.findings:
                yield outcome, finding

    def state(self, outcome: Outcome) -> str:
        """What became of a requirement in one word, for people.

        Its status, but a finding shows even where something else could not be judged; `warning`
        where no finding counts, `known` where a baseline accepts all there are.
        """
        if any(map(self.counts_against, outcome.findings)):
            return Status.FAILED.label
        if outcome.status is Status.FAILED:
            return "warning"
        if outcome.known and outcome.status is Status.PASSED:
            return "known"
        return outcome.status.label

    @property
    def exporting(self) -> str | None:
        """The line for sh after which the commands of the findings have their tokens; None where
        no command needs any or no target file tells how to get them.
        """
        commands = (
            line
            for _, finding in (*self.failures, *self.warnings, *self.known)
            for line in finding.reproduce
        )
        if self.target_file is None or not any("TOKEN_" in line for line in commands):
            return None
        file = "" if self.target_file == "target.toml" else f" --target {quote(self.target_file)}"
        return f'eval "$(r2c-verify token --all{file})"'

    @property
    def states(self) -> Counter[str]:
        """How many requirements are in which state."""
        return Counter(map(self.state, self.outcomes))

    def groups(self) -> Iterator[tuple[str, str, tuple[Outcome, ...]]]:
        """Name, title and outcomes of each group that this run judges."""
        for group, title in GROUPS.items():
            outcomes = tuple(o for o in self.outcomes if o.requirement.group == group)
            if outcomes:
                yield group, title, outcomes

    def reasons(self, status: Status) -> dict[str, list[str]]:
        """The requirements of one status, gathered by the reason they have for it."""
        by_reason: dict[str, list[str]] = {}
        for outcome in self.outcomes:
            if outcome.status is status:
                by_reason.setdefault(outcome.reason or "", []).append(outcome.requirement.id)
        return by_reason

    @property
    def in_words(self) -> str:
        """The counts as words: `97 of 99 requirements kept, 2 findings`."""
        states = self.states
        parts = [f"{states['passed']} of {len(self.outcomes)} requirements kept"]
        for count, one, more in (
            (len(self.failures), *self._counted(self.failures, "finding")),
            (len(self.warnings), *self._counted(self.warnings, "warning")),
            (states["known"], "broken as the baseline knows", "broken as the baseline knows"),
            (states["untestable"], "not judged", "not judged"),
            (states["error"], "error of this suite", "errors of this suite"),
            (states["not-applicable"], "switched off", "switched off"),
            (len(self.stale), "stale baseline entry", "stale baseline entries"),
        ):
            if count:
                parts.append(f"{count} {one if count == 1 else more}")
        return ", ".join(parts)

    @staticmethod
    def _counted(pairs: Sequence[Pair], word: str) -> tuple[str, str]:
        causes = len(together(pairs))
        of = "" if causes == len(pairs) else f" ({causes} {'cause' if causes == 1 else 'causes'})"
        return word, f"{word}s{of}"


def together(pairs: Sequence[Pair]) -> list[list[Pair]]:
    """The findings grouped by their cause, in the order of the first of each."""
    groups: dict[object, list[Pair]] = {}
    for number, (outcome, finding) in enumerate(pairs):
        groups.setdefault(finding.cause or number, []).append((outcome, finding))
    return list(groups.values())


def described(outcome: Outcome, finding: Finding) -> str:
    """A finding in some lines: what, expected, observed, and how to repeat it."""
    lines = (
        f"{finding.requirement} {finding.summary} ({finding.level}, {outcome.requirement.notes})",
        f"  expected  {finding.expected}",
        f"  observed  {finding.observed}",
        *(f"  {line}" for each in finding.reproduce for line in each.splitlines()),
    )
    return printable("\n".join(lines))
