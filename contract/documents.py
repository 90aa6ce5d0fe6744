"""Finds, reads and overlays the two documents."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import yaml

from contract.errors import DocumentError

Json = Any
"""A decoded JSON value: dict, list, str, int, float, bool or None."""

_PACKAGE = Path(__file__).resolve().parent


def home() -> Path:
    """The folder of `openapi/` and `asyncapi/`: inside the wheel, or the root of a checkout."""
    installed = _PACKAGE / "documents"
    return installed if installed.is_dir() else _PACKAGE.parent


@dataclass(frozen=True, slots=True)
class Document:
    """A document as read from a file, and that file's path for messages."""

    file: Path
    root: dict[str, Json]

    @classmethod
    def read(cls, file: Path) -> Self:
        """Reads a YAML or JSON file whose root is a mapping.

        Raises DocumentError when the file cannot be read, is not YAML, or holds no mapping.
        """
        try:
            text = file.read_text(encoding="utf-8")
        except OSError as error:
            raise DocumentError(file, "", error.strerror or "cannot be read") from None
        except UnicodeDecodeError as error:
            raise DocumentError(file, f"byte {error.start}", "is not UTF-8") from None
        try:
            root = yaml.load(text, Loader=_Loader)  # noqa: S506  a subclass of the safe loader
        except yaml.MarkedYAMLError as error:
            raise DocumentError(file, _place(error), f"is not YAML: {_problem(error)}") from None
        except yaml.YAMLError as error:
            raise DocumentError(file, "", f"is not YAML: {error}") from None
        if not isinstance(root, dict):
            raise DocumentError(file, "", "has to be a mapping at its top level")
        return cls(file, root)

    def overlaid(self, overlay: "Document") -> "Document":
        """This document with an OpenAPI Overlay 1.0 applied; the document itself stays as it is.

        Raises DocumentError when the overlay is malformed or one of its targets matches nothing.
        """
        # Imported here: the library takes longer to import than all else in this package together.
        from jsonpath_ng.exceptions import JSONPathError
        from jsonpath_ng.ext.parser import parse
        from oas_patch import apply_overlay

        actions = overlay.root.get("actions")
        if not isinstance(overlay.root.get("overlay"), str) or not isinstance(actions, list):
            raise DocumentError(
                overlay.file, "/", "an overlay needs the fields overlay (its version) and actions"
            )
        root = copy.deepcopy(self.root)
        for number, action in enumerate(actions):
            place = f"/actions/{number}"
            target = action.get("target") if isinstance(action, dict) else None
            if not isinstance(target, str) or not ({"update", "remove", "copy"} & action.keys()):
                raise DocumentError(
                    overlay.file, place, "an action needs a target and one of update, remove, copy"
                )
            try:
                matches = parse(target).find(root)
            except JSONPathError as error:
                raise DocumentError(
                    overlay.file, f"{place}/target", f"is no JSONPath: {error}"
                ) from None
            if not matches:
                raise DocumentError(
                    overlay.file, f"{place}/target", f"{target} matches nothing in {self.file}"
                )
            root = apply_overlay(root, {"actions": [action]})
        return Document(self.file, root)


def read_documents(
    overlays: Sequence[Path], openapi: Path | None = None, asyncapi: Path | None = None
) -> tuple[Document, Document]:
    """The OpenAPI and the AsyncAPI document with the overlays applied in order.

    An overlay whose `extends` ends in `asyncapi.yaml` is for the AsyncAPI document, every other one
    for the OpenAPI document. Raises DocumentError.
    """
    rest = Document.read(openapi or home() / "openapi" / "openapi.yaml")
    events = Document.read(asyncapi or home() / "asyncapi" / "asyncapi.yaml")
    for file in overlays:
        overlay = Document.read(file)
        if str(overlay.root.get("extends", "")).endswith("asyncapi.yaml"):
            events = events.overlaid(overlay)
        else:
            rest = rest.overlaid(overlay)
    return rest, events


_Base = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader


class _Loader(_Base):  # type: ignore[misc, valid-type]  # one of two bases
    """Reads timestamps as strings, as JSON does, and refuses a key that stands twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if key.value in seen and key.tag != "tag:yaml.org,2002:merge":
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value} stands twice", key.start_mark
                )
            seen.add(key.value)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _place(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    return f"line {mark.line + 1}, column {mark.column + 1}" if mark else ""


def _problem(error: yaml.MarkedYAMLError) -> str:
    return " ".join(str(error.problem or error.context or "it cannot be parsed").split())
