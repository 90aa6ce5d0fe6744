"""What a load run counts beside what Locust measures: violations, and what could not be judged."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from conformance.judging.judgements import Judgement
from contract import Contract, Level


@dataclass(frozen=True, slots=True)
class Violation:
    """One way in which the contract was broken, told by its first occurrence."""

    requirement: str
    level: Level
    summary: str
    expected: str
    observed: str

    @property
    def words(self) -> str:
        """For Locust, which groups failures by their text."""
        return f"{self.requirement} {self.summary}"


@dataclass(slots=True)
class Tally:
    """The counts of one process, or of all together."""

    violations: dict[tuple[str, str, str], tuple[Violation, int]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    """By name: answers, events, deliveries that were judged; deliveries that were not; requests
    without an answer, with 429, refused events, connections that ended."""

    def enter(
        self, judgement: Judgement, contract: Contract, redact: Callable[[str], str]
    ) -> Violation | None:
        """Counts a judgement; returns the violation where it is one."""
        requirement = contract.requirements.get(judgement.requirement)
        if judgement.holds or requirement is None:
            return None
        violation = Violation(
            requirement.id,
            judgement.level or requirement.level,
            *map(redact, (judgement.summary, judgement.expected, judgement.observed)),
        )
        self._count(violation, 1)
        return violation

    def _count(self, violation: Violation, times: int) -> None:
        key = (violation.requirement, violation.level, violation.summary)
        first, before = self.violations.get(key, (violation, 0))
        self.violations[key] = first, before + times

    def add(self, other: Mapping[str, Any]) -> None:
        """Adds what another process counted, as its `plain` has it."""
        self.counts.update(other["counts"])
        for each in other["violations"]:
            fields = dict(each)
            times = fields.pop("count")
            self._count(Violation(**fields), times)

    def plain(self) -> dict[str, Any]:
        """All of it as JSON, the violations of a must first."""
        found = sorted(
            self.violations.values(),
            key=lambda one: (one[0].level != "must", one[0].requirement, one[0].summary),
        )
        return {
            "counts": dict(sorted(self.counts.items())),
            "violations": [
                {
                    "requirement": violation.requirement,
                    "level": violation.level,
                    "summary": violation.summary,
                    "expected": violation.expected,
                    "observed": violation.observed,
                    "count": times,
                }
                for violation, times in found
            ],
        }
