"""From results to a score: which mutants were caught, by what, and which were not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from contract import Contract
from tests.mutants.known_survivors import KNOWN_SURVIVORS
from tests.mutants.registry import Mutant
from tests.mutants.trial import Result, Trial


class Fate(StrEnum):
    """What became of a mutant."""

    CAUGHT = "caught"
    """The bound requirement has a finding, and the unmutated server passes it."""
    BY_ANOTHER = "caught by another"
    """Only another requirement has a finding that the unmutated server has not."""
    SURVIVED = "survived"
    INVALID = "invalid"
    """It did not start, fails by itself, or its control does not pass: it says nothing."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One mutant and what became of it."""

    mutant: Mutant
    fate: Fate
    seconds: float
    why: str = ""
    """What the bound requirement's finding says, or why there is none."""
    others: tuple[str, ...] = ()
    """Other requirements that noticed it."""

    @property
    def expected(self) -> bool:
        """Whether it was caught, or is known to survive; one that is both is on a stale list."""
        return (self.fate is Fate.CAUGHT) != (self.mutant.name in KNOWN_SURVIVORS)


def alone(mutant: Mutant, *, fuzzing: bool) -> tuple[Trial, Trial]:
    """The control and the trial with only the requirement that has to notice the mutant."""
    id = mutant.requirement
    return Trial(None, id, fuzzing), Trial(mutant, id, fuzzing)


def whole(mutant: Mutant | None) -> Trial:
    """The trial with all requirements."""
    return Trial(mutant, None, True)


def judge(mutant: Mutant, results: Mapping[Trial, Result], contract: Contract) -> Verdict:
    """What became of a mutant, as far as the results tell: the first trial that catches it counts.

    The trial with all requirements is the last: what holds at all times is judged in scenarios
    that name other requirements, which a trial with one requirement leaves out.
    """
    others = _others(mutant, results)
    verdict = Verdict(mutant, Fate.INVALID, 0.0, "nothing was tried")
    for pair in _pairs(mutant):
        clean, mine = map(results.get, pair)
        if clean is not None and mine is not None:
            verdict = _judge(mutant, clean, mine, contract, others)
            if verdict.fate is Fate.CAUGHT or mine.faults:
                break
    return replace(verdict, seconds=_seconds(mutant, results))


def _pairs(mutant: Mutant) -> tuple[tuple[Trial, Trial], ...]:
    """Control and trial, in the order in which they are tried."""
    return (
        alone(mutant, fuzzing=False),
        alone(mutant, fuzzing=True),
        (whole(None), whole(mutant)),
    )


def _judge(
    mutant: Mutant, clean: Result, mine: Result, contract: Contract, others: tuple[str, ...]
) -> Verdict:
    id = mutant.requirement
    if mine.problem is not None:
        return Verdict(mutant, Fate.INVALID, 0.0, mine.problem)
    if mine.faults:
        return Verdict(mutant, Fate.INVALID, 0.0, f"it fails by itself: {mine.faults[0]}")
    if clean.statuses.get(id) != "passed":
        said = clean.problem or clean.reasons.get(id) or str([f.summary for f in clean.findings])
        return Verdict(mutant, Fate.INVALID, 0.0, f"the control does not pass: {said}")
    level = mutant.level or contract.requirements[id].level
    for finding in mine.findings:
        if (finding.requirement, finding.level) == (id, level):
            return Verdict(mutant, Fate.CAUGHT, 0.0, finding.summary, others)
    why = mine.reasons.get(id) or f"{id} {mine.statuses.get(id)}"
    if any(finding.requirement == id for finding in mine.findings):
        why = f"{id} has a finding of another level only"
    return Verdict(mutant, Fate.BY_ANOTHER if others else Fate.SURVIVED, 0.0, why, others)


def _seconds(mutant: Mutant, results: Mapping[Trial, Result]) -> float:
    return sum(result.seconds for trial, result in results.items() if trial.mutant is mutant)


def _others(mutant: Mutant, results: Mapping[Trial, Result]) -> tuple[str, ...]:
    """The requirements beside the bound one that have a finding which the control has not."""
    noticed: dict[str, None] = {}
    for pair in _pairs(mutant):
        clean, mine = map(results.get, pair)
        if clean is not None and mine is not None:
            innocent = {(f.requirement, f.summary) for f in clean.findings}
            found = (f for f in mine.findings if (f.requirement, f.summary) not in innocent)
            noticed |= dict.fromkeys(f.requirement for f in found)
    return tuple(id for id in noticed if id != mutant.requirement)


def table(verdicts: Sequence[Verdict]) -> str:
    """The score by group, by protocol and by subtlety."""
    lines = [f"{'':<10}{'valid':>7}{'caught':>8}{'by another':>12}{'survived':>10}{'invalid':>9}"]
    groups = list(dict.fromkeys(v.mutant.group for v in verdicts))
    lines += [_row(group, [v for v in verdicts if v.mutant.group == group]) for group in groups]
    lines.append("")
    for protocol in ("rest", "events", "both"):
        lines.append(_row(protocol, [v for v in verdicts if v.mutant.protocol == protocol]))
    lines += [
        _row("subtle", [v for v in verdicts if v.mutant.subtle]),
        _row("plain", [v for v in verdicts if not v.mutant.subtle]),
        _row("all", list(verdicts)),
    ]
    return "\n".join(lines)


def _row(name: str, verdicts: Sequence[Verdict]) -> str:
    fates = [verdict.fate for verdict in verdicts]
    invalid = fates.count(Fate.INVALID)
    return (
        f"{name:<10}{len(fates) - invalid:>7}{fates.count(Fate.CAUGHT):>8}"
        f"{fates.count(Fate.BY_ANOTHER):>12}{fates.count(Fate.SURVIVED):>10}{invalid:>9}"
    )


def sentence(verdicts: Sequence[Verdict], version: str) -> str:
    """The score in words, as what it is."""
    valid = [v for v in verdicts if v.fate is not Fate.INVALID]
    caught = sum(v.fate is Fate.CAUGHT for v in valid)
    share = f" ({caught / len(valid):.1%})" if valid else ""
    return (
        f"{caught} of {len(valid)} valid mutants{share} of catalogue {version} are caught by the"
        " requirement they break. This is the suite's sensitivity to this catalogue, no more."
    )


def matrix(verdicts: Sequence[Verdict]) -> str:
    """Mutant by requirement: the bound one, x where it noticed, and all others that did."""
    lines = []
    for verdict in verdicts:
        mark = "x" if verdict.fate is Fate.CAUGHT else "-"
        noticed = " ".join(verdict.others)
        mutant = verdict.mutant
        lines.append(f"{mutant.name:<62} {mutant.requirement}:{mark}  {noticed}".rstrip())
    return "\n".join(lines)
