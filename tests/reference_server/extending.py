"""Copies of the documents with more in them, as a frontend team makes them."""

import copy
from pathlib import Path
from typing import Any

import yaml

from contract import load, read_file

Json = dict[str, Any]
OPENAPI, ASYNCAPI = load().files


def json_content(schema: Json, **more: Any) -> Json:
    return {"content": {"application/json": {"schema": schema, **more}}}


def answer(status: int, schema: Json | None = None, **more: Any) -> Json:
    content = json_content(schema, **more) if schema is not None else {}
    return {str(status): {"description": "x", **content}}


def openapi(folder: Path, paths: Json, **components: Any) -> Path:
    """The OpenAPI document with more paths and components, in a file of the folder."""
    document = copy.deepcopy(read_file(OPENAPI))
    document["paths"].update(paths)
    for kind, more in components.items():
        document["components"].setdefault(kind, {}).update(more)
    return written(folder / "openapi.yaml", document)


def asyncapi(folder: Path, operations: Json) -> Path:
    """The AsyncAPI document with more operations, in a file of the folder.

    An operation is given as `{action, messages, …}` with its messages in place.
    """
    document = copy.deepcopy(read_file(ASYNCAPI))
    for name, operation in operations.items():
        channel = {"$ref": "#/channels/chat"}
        document["operations"][name] = {"channel": channel, **operation}
    return written(folder / "asyncapi.yaml", document)


def written(file: Path, document: Json) -> Path:
    file.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True))
    return file
