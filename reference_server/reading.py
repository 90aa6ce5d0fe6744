"""The documents as people read them: on pages, without what is there for programs.

Requirements, which viewers do not show, become a list in each operation's description. Schemas lose
the fields with which this project judges backends. Those of events become plain JSON Schema, for
viewers show other formats as raw text.
"""

from typing import Any

from contract import Contract, Requirement
from contract.schemas import json_schema

Json = Any

_DATA = ("example", "examples", "default", "enum", "const")
_NAMED = ("properties", "headers")
_OPENAPI_SCHEMA = "application/vnd.oai.openapi"


def rest_document(contract: Contract) -> Json:
    """The OpenAPI document for Swagger UI. Without servers it calls where it comes from."""
    document = _without_extensions(contract.openapi)
    for operation in contract.operations.values():
        node = document["paths"][operation.path].get(operation.method.lower())
        if node is not None:  # else it stands elsewhere, and the path refers to it
            _describe(node, contract, operation.id)
    document.pop("servers", None)
    return {**document, "info": _info(document)}


def events_document(contract: Contract) -> Json:
    """The AsyncAPI document for a viewer."""
    document = _plain_schemas(_without_extensions(contract.asyncapi_alone))
    for operation_id, node in document["operations"].items():
        _describe(node, contract, operation_id)
    return {**document, "info": _info(document)}


def requirements_of(contract: Contract, operation_id: str) -> list[Requirement]:
    """What a backend has to keep for one operation."""
    return [each for each in contract.requirements.values() if operation_id in each.binds]


def _info(document: Json) -> Json:
    """The info of a document without the paragraphs that explain its extensions."""
    info = document["info"]
    paragraphs = str(info.get("description", "")).split("\n\n")
    told = [paragraph for paragraph in paragraphs if "`x-" not in paragraph]
    return {**info, "description": "\n\n".join(told)}


def _describe(node: Json, contract: Contract, operation_id: str) -> None:
    kept = requirements_of(contract, operation_id)
    if kept:
        lines = [f"- **{each.id}** ({each.level}, {each.notes}) {each.text}" for each in kept]
        parts = (
            node.get("description", "").strip(),
            "What a backend has to keep:",
            "\n".join(lines),
        )
        node["description"] = "\n\n".join(filter(None, parts))


def _without_extensions(node: Json, *, named: bool = False) -> Json:
    """A copy without the fields `x-…`; in a mapping of `named` things these are names."""
    if isinstance(node, list):
        return [_without_extensions(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: value
        if key in _DATA and not named
        else _without_extensions(value, named=key in _NAMED)
        for key, value in node.items()
        if named or not key.startswith("x-")
    }


def _plain_schemas(node: Json) -> Json:
    """A copy in which OpenAPI schemas are JSON Schemas."""
    if isinstance(node, list):
        return [_plain_schemas(item) for item in node]
    if not isinstance(node, dict):
        return node
    if str(node.get("schemaFormat", "")).startswith(_OPENAPI_SCHEMA):
        return json_schema(node["schema"])
    return {key: _plain_schemas(value) for key, value in node.items()}
