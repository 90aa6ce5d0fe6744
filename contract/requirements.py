"""What a backend has to keep, read from the `x-requirements` of the documents."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from contract.documents import Document
from contract.errors import DocumentError
from contract.operations import METHODS, UNKNOWN_LEVEL, Level
from contract.parsing import Json
from contract.pointers import escaped
from contract.schemas import BLAME, FORMS_BLAME

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

_ID = re.compile(rf"({'|'.join(GROUPS)})-[0-9][0-9]")


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
    blamed: bool = False
    """Whether an `x-violation` or `x-blame` names it: fuzzing judges it then."""

    @property
    def group(self) -> str:
        """The first part of the id, such as `AUTH`."""
        return self.id.partition("-")[0]

    @property
    def levels(self) -> frozenset[Level]:
        """The levels at which a finding against this requirement may stand."""
        return frozenset({self.level, *(clause.level for clause in self.clauses)})


def read_requirements(rest: Document, events: Document) -> Mapping[str, Requirement]:
    """All requirements of two resolved documents of the right shape, in the order of the groups.

    Raises DocumentError for an id of no known group, an id that is defined twice, and one that is
    referred to, in `x-blame` and `x-violation` too, and defined nowhere.
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
        found[name] = replace(known, binds=(*known.binds, operation) if operation else known.binds)
    for document in (rest, events):
        for place, name in _blamed(document.root, ""):
            if name not in found:
                raise DocumentError(document.file, place, f"{name} is defined nowhere")
            found[name] = replace(found[name], blamed=True)
    order = list(GROUPS)
    return dict(sorted(found.items(), key=lambda item: (order.index(item[1].group), item[0])))


def _entries(rest: Document, events: Document) -> Iterator[tuple[Document, str, str, Json]]:
    """Yields document, place, operation id (empty at the top) and entry."""
    for document in (rest, events):
        yield from _list(document, "", "", document.root)
    for path, item in rest.root["paths"].items():
        for method in METHODS:
            if method in item:
                place = f"/paths/{escaped(path)}/{method}"
                yield from _list(rest, place, item[method]["operationId"], item[method])
    for name, operation in events.root["operations"].items():
        yield from _list(events, f"/operations/{escaped(name)}", name, operation)


def _list(
    document: Document, place: str, operation: str, node: Json
) -> Iterator[tuple[Document, str, str, Json]]:
    for index, entry in enumerate(node.get(FIELD, ())):
        yield document, f"{place}/{FIELD}/{index}", operation, entry


def _blamed(node: Json, place: str) -> Iterator[tuple[str, str]]:
    """Yields place and id of every requirement that is blamed somewhere below a node."""
    if isinstance(node, list):
        for index, item in enumerate(node):
            yield from _blamed(item, f"{place}/{index}")
    elif isinstance(node, dict):
        for key, value in node.items():
            there = f"{place}/{escaped(key)}"
            if key in (BLAME, FORMS_BLAME):
                yield there, str(value)
            elif key == "x-blame" and isinstance(value, dict):
                names = {what: name for what, name in value.items() if what != UNKNOWN_LEVEL}
                yield from ((f"{there}/{what}", str(name)) for what, name in names.items())
            else:
                yield from _blamed(value, there)


def _requirement(document: Document, place: str, operation: str, entry: Json) -> Requirement:
    if not _ID.fullmatch(entry["id"]):
        groups = ", ".join(GROUPS)
        problem = f"{entry['id']} is no requirement id: a group ({groups}), a hyphen, two digits"
        raise DocumentError(document.file, f"{place}/id", problem)
    return Requirement(
        id=entry["id"],
        level=entry["level"],
        text=entry["text"],
        notes=entry["notes"],
        accepts=entry.get("accepts"),
        decisions=tuple(entry.get("decisions", ())),
        clauses=tuple(Clause(clause["level"], clause["text"]) for clause in entry.get("also", ())),
        binds=(operation,) if operation else (),
    )
