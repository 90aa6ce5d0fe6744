"""What a check says before it is entered: a requirement held, or it did not and why."""

from dataclasses import dataclass

from contract import Level


@dataclass(frozen=True, slots=True)
class Judgement:
    """One requirement, judged once by a pure function."""

    requirement: str
    holds: bool
    summary: str = ""
    """Where it does not hold: what the backend does, without values that change from run to run."""
    expected: str = ""
    observed: str = ""
    level: Level | None = None
    """Where a clause of the requirement has a level of its own; else the requirement's."""
    cause: str | None = None
    """In a few words, what is wrong, where other requirements may break of the same: findings with
    the same cause are shown together."""
