"""What is said for operations of the documents that no handler stands for.

A frontend team adds an operation to its copy of the documents and calls it a second later: what it
sends is judged like anything else, and the answer is the document's example, else one made up.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from contract import Event, Operation, Validator
from reference_server.errors import StartError
from reference_server.samples import NoSample, sample

Json = Any

EXAMPLE = "its example"
UNFIT_EXAMPLE = "its example, which does not fit its schema"
MADE_UP = "made-up data"
NOTHING = "nothing but the status"
SUCCESS = "success"


@dataclass(frozen=True, slots=True)
class Mock:
    """An operation without a handler, and what it is answered with."""

    operation_id: str
    name: str
    """What a client calls it: `GET /api/profile`, or the name of an event."""
    source: str
    """Where the answer comes from, in words."""
    answer: Json = None
    """The body or the first argument of the acknowledgement."""
    status: int = 200

    def __str__(self) -> str:
        return f"{self.name} ({self.operation_id}), answered with {self.source}"

    @classmethod
    def of_operation(cls, operation: Operation, file: Path) -> Self:
        """The mock of a REST operation of a file. Raises StartError where no answer can be made
        up.
        """
        response = operation.responses[operation.success]
        name = f"{operation.method} {operation.path}"
        if response.validator is None:
            return cls(operation.id, name, NOTHING, status=response.status)
        what = f"{file}: {operation.id} has no handler, its answer {response.status}"
        source, answer = _answer(response.validator, response.examples, what)
        return cls(operation.id, name, source, answer, response.status)

    @classmethod
    def of_event(cls, event: Event, file: Path) -> Self:
        """The mock of an event that clients send, of a file. Raises StartError where no
        acknowledgement can be made up.
        """
        if event.acknowledgement is None:
            return cls(event.operation_id, event.name, SUCCESS, {"success": True})
        what = f"{file}: {event.operation_id} has no handler, its acknowledgement"
        source, answer = _answer(event.acknowledgement, event.acknowledgement_examples, what)
        return cls(event.operation_id, event.name, source, answer)


def _answer(validator: Validator, examples: Mapping[str, Json], what: str) -> tuple[str, Json]:
    for example in examples.values():
        return EXAMPLE if validator.accepts(example) else UNFIT_EXAMPLE, example
    try:
        return MADE_UP, sample(validator)
    except NoSample:
        raise StartError(
            f"{what} has no example, and none can be made up from its schema; give it one."
        ) from None


@dataclass(frozen=True, slots=True)
class Mocks:
    """The operations of both documents that no handler stands for."""

    rest: tuple[Mock, ...] = ()
    events: tuple[Mock, ...] = ()

    def __iter__(self) -> Iterator[Mock]:
        yield from self.rest
        yield from self.events
