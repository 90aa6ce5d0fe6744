"""What findings of several requirements have in common, in words that people see above them."""

from collections.abc import Sequence
from typing import Any

from conformance.judging.messages import member, text
from contract import Violation

ENVELOPE = "the envelope"
"""The cause of findings about bodies that lack it (D1)."""
LONE_ATTACHMENT = "an attachment without a text"
"""The cause where such a message is not taken, by request or as an event."""


def cause_of(violations: Sequence[Violation]) -> str | None:
    """What all that does not fit a schema in the same way has in common; None where all fits."""
    if not violations:
        return None
    first = violations[0]
    if first.missing in ("success", "data"):
        return ENVELOPE
    steps = [step for step in first.path.split("/") if not step.isdigit()]
    return form_of(first.missing or steps[-1] or " or ".join(first.members))


def form_of(name: str) -> str:
    """The cause of findings about the form of a field, wherever it is seen."""
    return f"the form of {name}" if name else ENVELOPE


def of_refusal(message: Any) -> str | None:
    """What a message that has to be taken, and is not, may have in common with others."""
    lone = isinstance(member(message, "attachment"), dict) and not text(message)
    return LONE_ATTACHMENT if lone else None
