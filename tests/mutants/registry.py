"""The catalogue of mutants: every function marked with `@mutant` in the modules named here."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal

from contract import Level
from tests.mutants.patching import Patch

Protocol = Literal["rest", "events", "both"]
Apply = Callable[[Patch], None]

VERSION = "4"
"""Of the catalogue; goes up whenever mutants are added, changed or dropped."""

MODULES = (
    "authentication",
    "identity",
    "errors",
    "history",
    "sending",
    "sent_content",
    "refusing",
    "delivering",
    "chat_alias",
    "metadata",
    "settings_refused",
    "connecting",
    "messages",
    "many_messages",
    "message_payloads",
    "typing_events",
    "presence",
    "always",
    "interleaved",
)


@dataclass(frozen=True, slots=True)
class Mutant:
    """One broken server."""

    name: str
    """Of the function, which is named after the defect."""
    requirement: str
    """The one that has to notice it."""
    level: Level | None
    """Of the clause that is broken, where it is not the requirement's own level."""
    protocol: Protocol
    """Where the defect shows; `both` where it takes both to see it, or breaks both."""
    subtle: bool
    """Whether it shows only with a certain value, order, race, second device or both protocols."""
    defect: str
    """What is wrong, in a sentence."""
    apply: Apply
    fails_with: tuple[type[BaseException], ...] = ()
    """What its defect lets the server fail with, where that is not a Defect."""

    @property
    def group(self) -> str:
        """The first part of the requirement's id, such as `AUTH`."""
        return self.requirement.partition("-")[0]


_found: list[Mutant] = []


def mutant(
    requirement: str,
    *,
    protocol: Protocol,
    subtle: bool = False,
    level: Level | None = None,
    fails_with: tuple[type[BaseException], ...] = (),
) -> Callable[[Apply], Apply]:
    """Marks a function that puts one defect into the server."""

    def register(apply: Apply) -> Apply:
        _found.append(
            Mutant(
                name=apply.__name__,
                requirement=requirement,
                level=level,
                protocol=protocol,
                subtle=subtle,
                defect=(apply.__doc__ or "").strip(),
                apply=apply,
                fails_with=fails_with,
            )
        )
        return apply

    return register


@cache
def all_mutants() -> tuple[Mutant, ...]:
    """Every mutant of the catalogue, in the order of the modules."""
    for module in MODULES:
        importlib.import_module(f"tests.mutants.{module}")
    return tuple(_found)
