"""What a backend has to keep, read from the `x-requirements` of the documents."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from contract.documents import Document, Json
from contract.errors import DocumentError
from contract.references import escaped

Level = Literal["must", "should", "may"]
FIELD = "x-requirements"
GROUPS = {
    "AUTH": "Authentication over HTTP",
    "ERR": "Errors",
    "HIST": "Message history",
    "SEND": "Sending",
    "CHAT": "Chat alias",
    "META": "Conversation metadata",
    "CONN": "Connecting",
    "MSG": "Messages as events",
    "TYPE": "Typing",
    "PRES": "Presence",
    "ALL": "At all times",
}
"""The groups of requirements in the order of reports, by the first part of an id."""

_ID = re.compile(r"[A-Z]+-\d\d")
_KEYS = {"id", "level", "notes", "text", "accepts", "decisions", "also"}


@dataclass(frozen=True, slots=True)
class Clause:
    """A sentence of a requirement that has a level of its own."""

    level: Level
    text: str


@dataclass(frozen=True, slots=True)
class Requirement:
    """One thing a backend has to keep."""

    id: str
    level: Level
    text: str
    notes: str
    """The sections of the notes it comes from, such as `§3.2, §5`."""
    accepts: str | None
    """Which answers are accepted, where more than one is."""
    decisions: tuple[str, ...]
    """The decisions that settle it, such as `D5`."""
    clauses: tuple[Clause, ...]
    """Further sentences with their own level."""
    binds: tuple[str, ...]
    """Ids of the operations it stands at; empty when it binds all."""

    @property
    def group(self) -> str:
        """The first part of the id, such as `AUTH`."""
        return self.id.partition("-")[0]

    @property
    def levels(self) -> frozenset[Level]:
        """The levels at which a finding against this requirement may stand."""
        return frozenset({self.level, *(clause.level for clause in self.clauses)})


def read_requirements(rest: Document, events: Document) -> Mapping[str, Requirement]:
    """All requirements by id, in the order of the groups.

    Raises DocumentError for a malformed entry, an id that is defined twice, and an id that is
    referred to and defined nowhere.
    """
    found: dict[str, Requirement] = {}
    mentions: list[tuple[Document, str, str, str]] = []
    for document, place, operation, entry in _entries(rest, events):
        if isinstance(entry, str):
            mentions.append((document, place, operation, entry))
            continue
        requirement = _requirement(document, place, operation, entry)
        if requirement.id in found:
            raise DocumentError(document.file, place, f"{requirement.id} is defined twice")
        found[requirement.id] = requirement
    for document, place, operation, name in mentions:
        if name not in found:
            raise DocumentError(document.file, place, f"{name} is defined nowhere")
        known = found[name]
        found[name] = Requirement(
            known.id,
            known.level,
            known.text,
            known.notes,
            known.accepts,
            known.decisions,
            known.clauses,
            (*known.binds, operation),
        )
    order = list(GROUPS)
    return dict(sorted(found.items(), key=lambda item: (order.index(item[1].group), item[0])))


def _entries(rest: Document, events: Document) -> Iterator[tuple[Document, str, str, Json]]:
    """Yields document, place, operation id (empty at the top) and entry."""
    for document in (rest, events):
        yield from _list(document, "", "", document.root)
    for path, item in rest.root.get("paths", {}).items():
        for method, operation in item.items():
            if isinstance(operation, dict) and "operationId" in operation:
                place = f"/paths/{escaped(path)}/{method}"
                yield from _list(rest, place, operation["operationId"], operation)
    for name, operation in events.root.get("operations", {}).items():
        yield from _list(events, f"/operations/{name}", name, operation)


def _list(
    document: Document, place: str, operation: str, node: Json
) -> Iterator[tuple[Document, str, str, Json]]:
    entries = node.get(FIELD, []) if isinstance(node, dict) else []
    if not isinstance(entries, list):
        raise DocumentError(document.file, f"{place}/{FIELD}", "has to be a list")
    for index, entry in enumerate(entries):
        yield document, f"{place}/{FIELD}/{index}", operation, entry


def _requirement(document: Document, place: str, operation: str, entry: Json) -> Requirement:
    def broken(problem: str) -> DocumentError:
        return DocumentError(document.file, place, problem)

    if not isinstance(entry, dict):
        raise broken("a requirement is a mapping, or the id of one defined elsewhere")
    for key in ("id", "level", "notes", "text"):
        if not isinstance(entry.get(key), str) or not entry[key]:
            raise broken(f"a requirement needs the field {key}, a text")
    if unknown := sorted(entry.keys() - _KEYS):
        raise broken(f"a requirement has no field {unknown[0]}")
    if not _ID.fullmatch(entry["id"]) or entry["id"].partition("-")[0] not in GROUPS:
        raise broken(
            f"{entry['id']} is no requirement id; its group has to be one of {', '.join(GROUPS)}"
        )
    clauses = entry.get("also", [])
    for level in (entry["level"], *(clause.get("level") for clause in clauses)):
        if level not in get_args(Level):
            raise broken(f"{level} is no level; the levels are {', '.join(get_args(Level))}")
    return Requirement(
        id=entry["id"],
        level=entry["level"],
        text=entry["text"],
        notes=entry["notes"],
        accepts=entry.get("accepts"),
        decisions=tuple(entry.get("decisions", ())),
        clauses=tuple(Clause(clause["level"], clause["text"]) for clause in clauses),
        binds=(operation,) if operation else (),
    )
