"""Finds, reads and overlays the two documents."""

import copy
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from contract.errors import DocumentError
from contract.parsing import Json, read_file
from contract.shape import hold

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

        Raises DocumentError when the file cannot be read, is neither, or holds no mapping.
        """
        root = read_file(file)
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

        hold("overlay", overlay.file, overlay.root)
        root = copy.deepcopy(self.root)
        for number, action in enumerate(overlay.root["actions"]):
            place = f"/actions/{number}"
            for key in ("target", "copy") if "copy" in action else ("target",):
                path, there = action[key], f"{place}/{key}"
                try:
                    matches = parse(path).find(root)
                except (JSONPathError, re.error) as error:
                    raise DocumentError(overlay.file, there, f"is no JSONPath: {error}") from None
                # A copy may create the field that it copies to.
                if not matches and (key == "copy" or "copy" not in action):
                    problem = f"{path} matches nothing in {self.file}"
                    raise DocumentError(overlay.file, there, problem)
            # The library removes whatever the value of `remove` is.
            own = {key: value for key, value in action.items() if (key, value) != ("remove", False)}
            try:
                root = apply_overlay(root, {"actions": [own]})
            except (ValueError, TypeError, AttributeError, LookupError) as error:
                problem = f"cannot be applied to {self.file}: {error}"
                raise DocumentError(overlay.file, place, problem) from None
        return Document(self.file, root)


def read_documents(
    overlays: Sequence[Path], openapi: Path | None = None, asyncapi: Path | None = None
) -> tuple[Document, Document]:
    """The OpenAPI and the AsyncAPI document with the overlays applied in order.

    An overlay whose `extends` names the AsyncAPI document's file, or any `asyncapi.yaml`, is for
    the AsyncAPI document, every other one for the OpenAPI document. Raises DocumentError.
    """
    rest = Document.read(openapi or home() / "openapi" / "openapi.yaml")
    events = Document.read(asyncapi or home() / "asyncapi" / "asyncapi.yaml")
    for file in overlays:
        overlay = Document.read(file)
        extends = str(overlay.root.get("extends", "")).rpartition("/")[2]
        if extends in ("asyncapi.yaml", events.file.name):
            events = events.overlaid(overlay)
        else:
            rest = rest.overlaid(overlay)
    return rest, events
