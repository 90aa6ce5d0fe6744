"""What a load run does, decided before Locust starts, whose processes read it from a file."""

import pickle
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conformance.backend.target import Target, User
from conformance.backend.tokens import TokenMint
from conformance.fuzzing import generation
from conformance.fuzzing.expectation import (
    Expectation,
    Kind,
    of_event,
    of_request,
    says_something,
    sendable,
)
from conformance.fuzzing.generation import Generator
from conformance.fuzzing.people import People, to_somebody
from conformance.fuzzing.stimulus import Stimulus
from contract import Contract, Event, Operation

VARIABLE = "R2C_LOAD_PLAN"
"""The environment variable that names the file."""
DRAWN = 25
"""Requests that are drawn for each operation and event, beside those that cover its schema."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What every process of a load run knows."""

    contract: Contract
    target: Target
    tokens: Mapping[str, str] = field(repr=False)
    """A valid token for each user, by `_id`."""
    stimuli: Mapping[str, tuple[Stimulus, ...]] = field(repr=False)
    """What is sent, by the id of an operation or the name of an event: all of it has to be taken.
    Whom it names is replaced when it is sent."""
    report: Path
    """Where the process that gathers writes what was measured."""
    pause: float
    """Seconds that a user waits between two deeds."""

    @classmethod
    def of(
        cls, contract: Contract, target: Target, report: Path, pause: float, seed: int
    ) -> "Plan":
        """Mints tokens and draws requests. Raises TargetError when a token command fails."""
        mint = TokenMint(target)
        tokens = {user.id: mint.valid(user) for user in target.users}
        return cls(contract, target, tokens, _drawn(contract, target, seed), report, pause)

    def write(self, file: Path) -> None:
        """Writes it down. It holds tokens: the folder has to be the user's own."""
        file.write_bytes(pickle.dumps(self))

    @staticmethod
    def read(file: Path) -> "Plan":
        """Reads what `write` wrote."""
        plan = pickle.loads(file.read_bytes())  # noqa: S301 - a file of the process that started us
        assert isinstance(plan, Plan)  # noqa: S101
        return plan

    def share(self, number: int, of: int) -> tuple[User, ...]:
        """The users whom one of several processes plays; nobody else writes to them or as them."""
        return self.target.users[number::of]


def expectation(
    contract: Contract, what: Operation | Event, stimulus: Stimulus, people: People
) -> Expectation:
    """What has to become of a request or an event."""
    if isinstance(what, Event):
        return of_event(contract, what, stimulus, people)
    return of_request(contract, what, stimulus, people)


def client_events(contract: Contract) -> tuple[Event, ...]:
    """The events that clients emit."""
    return tuple(event for event in contract.events.values() if event.action == "receive")


def _drawn(contract: Contract, target: Target, seed: int) -> dict[str, tuple[Stimulus, ...]]:
    generator = Generator(contract)
    drawn = {}
    everything: list[tuple[str, str, Operation | Event]] = [
        *((id, id, operation) for id, operation in contract.operations.items()),
        *((event.name, event.operation_id, event) for event in client_events(contract)),
    ]
    for name, id, what in everything:
        found = generator.valid(id, generation.Plan(examples=DRAWN, seed=seed))
        taken = {each.fingerprint: each for each in _taken(contract, what, found, target)}
        drawn[name] = tuple(taken.values())
    return drawn


def _taken(
    contract: Contract, what: Operation | Event, found: Iterator[Stimulus], target: Target
) -> Iterator[Stimulus]:
    """Those that every backend has to take. None blocks, which would end all judging (D10)."""
    people = People(target.users[0], target.users[1:2])
    for each in found:
        stimulus = to_somebody(each, people)
        blocks = isinstance(stimulus.body, dict) and stimulus.body.get("isBlocked") is True
        if (
            not blocks
            and says_something(stimulus.body)
            and (isinstance(what, Event) or sendable(what, stimulus))
            and expectation(contract, what, stimulus, people).kind is Kind.TAKEN
        ):
            yield stimulus


def text_field(body: Any) -> str | None:
    """The field of a message that holds its text; None where the body is no message."""
    if not isinstance(body, dict):
        return None
    return (
        "message" if "message" in body else "text" if {"text", "attachment"} & set(body) else None
    )
