"""On which line of which document each requirement stands."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import yaml

from contract.documents import home
from contract.parsing import read_text
from contract.requirements import FIELD

_Loader = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a document that ships with the project."""

    file: str
    """Its path from the root of the project, such as `openapi/openapi.yaml`."""
    line: int
    """From 1 up."""


def requirement_places() -> Mapping[str, Place]:
    """The place of each requirement; one that an overlay adds has none. Raises OSError."""
    places: dict[str, Place] = {}
    for file in ("openapi/openapi.yaml", "asyncapi/asyncapi.yaml"):
        root = yaml.compose(read_text(home() / file), Loader=_Loader)
        for entry in _entries(root) if root is not None else ():
            for key, value in entry.value:
                if key.value == "id":
                    places[value.value] = Place(file, value.start_mark.line + 1)
    return places


def _entries(node: yaml.Node) -> Iterator[yaml.MappingNode]:
    """The entries of every `x-requirements` below a node, those aside that only name another."""
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _entries(item)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == FIELD and isinstance(value, yaml.SequenceNode):
                yield from (item for item in value.value if isinstance(item, yaml.MappingNode))
            else:
                yield from _entries(value)
