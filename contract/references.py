"""Replaces every `$ref` by what it points to."""

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote

from contract.documents import Document
from contract.errors import DocumentError
from contract.parsing import Json
from contract.pointers import escaped, unescaped

_INDEX = re.compile("[0-9]+")


def resolved(document: Document, others: Mapping[Path, Document]) -> Json:
    """The document's root with all references replaced, those into other documents too.

    `others` maps resolved file paths to documents, so that an overlaid document is used and not the
    file on disk. Raises DocumentError for a reference that points nowhere or to itself.
    """
    known = {**others, document.file.resolve(): document}
    return _resolve(document.root, document, known, "", ())


def standalone(document: Document, others: Mapping[Path, Document]) -> Json:
    """The document's root with the references into other documents replaced; its own stay.

    That is a document which can be read alone, by tools that ask for its references too: an
    operation of AsyncAPI has to refer to its channel. `others` and what is raised: as `resolved`.
    """
    known = {**others, document.file.resolve(): document}

    def inlined(node: Json, place: str) -> Json:
        if isinstance(node, list):
            return [inlined(item, f"{place}/{index}") for index, item in enumerate(node)]
        if not isinstance(node, dict):
            return node
        reference = node.get("$ref")
        if isinstance(reference, str):
            own = reference.startswith("#")
            return node if own else _resolve(node, document, known, place, ())
        return {key: inlined(value, f"{place}/{escaped(str(key))}") for key, value in node.items()}

    return inlined(document.root, "")


def _resolve(
    node: Json,
    document: Document,
    known: Mapping[Path, Document],
    place: str,
    trail: tuple[str, ...],
) -> Json:
    if isinstance(node, list):
        return [
            _resolve(item, document, known, f"{place}/{index}", trail)
            for index, item in enumerate(node)
        ]
    if not isinstance(node, dict):
        return node
    reference = node.get("$ref")
    if not isinstance(reference, str):
        return {
            key: _resolve(value, document, known, f"{place}/{escaped(str(key))}", trail)
            for key, value in node.items()
        }
    owner, target = _target(reference, document, known, place)
    name = f"{owner.file}#{reference.partition('#')[2]}"
    if name in trail:
        raise DocumentError(document.file, place, f"the reference {reference} leads back to itself")
    return _resolve(target, owner, known, reference.partition("#")[2], (*trail, name))


def _target(
    reference: str, document: Document, known: Mapping[Path, Document], place: str
) -> tuple[Document, Json]:
    file, _, fragment = reference.partition("#")
    owner = document
    if file:
        path = (document.file.parent / file).resolve()
        if path not in known:
            raise DocumentError(
                document.file, place, f"{reference} points into an unknown document"
            )
        owner = known[path]
    node: Json = owner.root
    start, *parts = unquote(fragment).split("/")
    if start:
        raise DocumentError(document.file, place, f"the reference {reference} points nowhere")
    for part in parts:
        key = unescaped(part)
        if isinstance(node, dict) and key in node:
            node = node[key]
        elif isinstance(node, list) and _INDEX.fullmatch(key) and int(key) < len(node):
            node = node[int(key)]
        else:
            raise DocumentError(document.file, place, f"the reference {reference} points nowhere")
    return owner, node
