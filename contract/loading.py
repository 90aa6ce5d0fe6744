"""Puts the contract together from the two documents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from contract.documents import Document, read_documents
from contract.events import Event, read_events
from contract.operations import Operation, read_operations
from contract.parsing import Json
from contract.references import resolved, standalone
from contract.requirements import Requirement, read_requirements
from contract.shape import hold


@dataclass(frozen=True, slots=True)
class Contract:
    """Both documents, read once."""

    version: str
    files: tuple[Path, Path]
    """Where the OpenAPI and the AsyncAPI document stand."""
    shipped: bool
    """Whether these are the documents that ship with the project, as they are."""
    openapi: Json = field(repr=False)
    """The OpenAPI document with overlays applied; its references are internal and unresolved."""
    asyncapi: Json = field(repr=False)
    """The AsyncAPI document with overlays applied and every reference resolved."""
    asyncapi_alone: Json = field(repr=False)
    """The AsyncAPI document as it can be handed out alone, with its own references in it."""
    operations: Mapping[str, Operation] = field(repr=False)
    events: Mapping[str, Event] = field(repr=False)
    requirements: Mapping[str, Requirement] = field(repr=False)
    origin: tuple[tuple[Path, ...], Path | None, Path | None] = field(repr=False, compare=False)
    """What `load` was given: another process reads the same contract from it."""

    def ids(self, *names: str) -> frozenset[str]:
        """The ids of the requirements that are named: by id, or by group for all of its own.

        Raises KeyError with the first name that is neither.
        """
        found: set[str] = set()
        for name in names:
            ids = {id for id, each in self.requirements.items() if name in (id, each.group)}
            if not ids:
                raise KeyError(name)
            found |= ids
        return frozenset(found)

    def __reduce__(self) -> tuple[Any, ...]:
        return load, self.origin


@dataclass(frozen=True, slots=True)
class Rest:
    """An OpenAPI document by itself."""

    document: Json = field(repr=False)
    """The document with every reference resolved."""
    operations: Mapping[str, Operation] = field(repr=False)


def load_rest(file: Path, beside: Sequence[Path] = ()) -> Rest:
    """Reads an OpenAPI document that may refer to the documents beside it.

    Raises DocumentError, whose text is one line that names file and place.
    """
    document = Document.read(file)
    others = {path.resolve(): Document.read(path) for path in beside}
    root = resolved(document, others)
    hold("openapi", file, root)
    return Rest(root, read_operations(file, root))


def load(
    overlays: Sequence[Path] = (), openapi: Path | None = None, asyncapi: Path | None = None
) -> Contract:
    """Reads the documents that ship with the project, or the given ones, and applies the overlays.

    Raises DocumentError, whose text is one line that names file and place.
    """
    rest, events = read_documents(overlays, openapi, asyncapi)
    rest_root = resolved(rest, {})
    hold("openapi", rest.file, rest_root)
    # The AsyncAPI document refers to the OpenAPI document by its place in this project; one that
    # stands elsewhere takes its part under that name too.
    beside = (events.file.parent / ".." / "openapi" / "openapi.yaml").resolve()
    others = {rest.file.resolve(): rest, beside: rest}
    events_root = resolved(events, others)
    hold("asyncapi", events.file, events_root)
    return Contract(
        version=rest_root["info"]["version"],
        files=(rest.file, events.file),
        shipped=not overlays and openapi is None and asyncapi is None,
        openapi=rest.root,
        asyncapi=events_root,
        asyncapi_alone=standalone(events, others),
        operations=read_operations(rest.file, rest_root),
        events=read_events(events.file, events_root),
        requirements=read_requirements(
            Document(rest.file, rest_root), Document(events.file, events_root)
        ),
        origin=(tuple(overlays), openapi, asyncapi),
    )
