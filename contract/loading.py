"""Puts the contract together from the two documents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from contract.documents import Json, read_documents
from contract.events import Event, read_events
from contract.operations import Operation, read_operations
from contract.references import resolved
from contract.requirements import Requirement, read_requirements


@dataclass(frozen=True, slots=True)
class Contract:
    """Both documents, read once."""

    version: str
    openapi: Json = field(repr=False)
    """The OpenAPI document with overlays applied; its references are internal and unresolved."""
    asyncapi: Json = field(repr=False)
    """The AsyncAPI document with overlays applied and every reference resolved."""
    operations: Mapping[str, Operation] = field(repr=False)
    events: Mapping[str, Event] = field(repr=False)
    requirements: Mapping[str, Requirement] = field(repr=False)


def load(
    overlays: Sequence[Path] = (), openapi: Path | None = None, asyncapi: Path | None = None
) -> Contract:
    """Reads the documents that ship with the project, or the given ones, and applies the overlays.

    Raises DocumentError, whose text is one line that names file and place.
    """
    rest, events = read_documents(overlays, openapi, asyncapi)
    rest_root = resolved(rest, {})
    # The AsyncAPI document refers to the OpenAPI document by its place in this project; one that
    # stands elsewhere takes its part under that name too.
    beside = (events.file.parent / ".." / "openapi" / "openapi.yaml").resolve()
    events_root = resolved(events, {rest.file.resolve(): rest, beside: rest})
    return Contract(
        version=str(rest.root.get("info", {}).get("version", "")),
        openapi=rest.root,
        asyncapi=events_root,
        operations=read_operations(rest.file, rest_root),
        events=read_events(events.file, events_root),
        requirements=read_requirements(rest, events),
    )
