"""The OpenAPI document with nothing left between the lines that a type could say.

An object of which one of several things holds (`properties` beside `anyOf`) becomes one of several
objects: `openapi-typescript` would take the several things for alternatives to the object, so that
one of them would do without the rest. A field that a whole requires of one of its parts (`required`
beside `allOf`) is required by that part.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from contract.pointers import unescaped

Json = Any

_ABOUT = ("title", "description", "example", "deprecated", "nullable")
_DATA = ("example", "examples", "default", "enum", "const")
_NAMED = ("properties", "headers", "schemas", "responses", "parameters", "content")


def outright(document: Json) -> Json:
    """A copy of an OpenAPI 3.0 document, its references unresolved, for programs that make types.

    It accepts and refuses the same values. Extensions (`x-…`) are left out.
    """
    return _outright(document, document, named=False)


def schema_outright(schema: Json, document: Json) -> Json:
    """The same for one schema, whose references point into the document."""
    return _outright(schema, document, named=False)


def _outright(node: Json, root: Json, *, named: bool) -> Json:
    if isinstance(node, list):
        return [_outright(item, root, named=False) for item in node]
    if not isinstance(node, dict):
        return node
    if not named and isinstance(node.get("anyOf"), list) and "properties" in node:
        return _outright(_distributed(node, root), root, named=False)
    if not named and isinstance(node.get("allOf"), list) and "required" in node:
        parts = [_requiring(part, node["required"], root) for part in node["allOf"]]
        node = {**node, "allOf": parts}
    return {
        key: value
        if key in _DATA and not named
        else _outright(value, root, named=key in _NAMED and not named)
        for key, value in node.items()
        if named or not key.startswith("x-")
    }


def _distributed(schema: Json, root: Json) -> Json:
    """One of several objects, in the place of an object of which one of several things holds."""
    about = {key: value for key, value in schema.items() if key in _ABOUT}
    core = {key: value for key, value in schema.items() if key not in (*_ABOUT, "anyOf")}
    return {**about, "anyOf": [_both(core, option, root) for option in schema["anyOf"]]}


def _requiring(part: Mapping[str, Json], names: Sequence[str], root: Json) -> Mapping[str, Json]:
    """A part of a schema that requires some of its fields itself, where the whole requires them."""
    found = _followed(part, root)
    own = [*found.get("required", ())]
    more = [name for name in names if name in found.get("properties", {}) and name not in own]
    return {**found, "required": [*own, *more]} if more else part


def _both(one: Mapping[str, Json], other: Mapping[str, Json], root: Json) -> Json:
    """A schema for what fits two; where they cannot be put together, both side by side."""
    one, other = _followed(one, root), _followed(other, root)
    if {"allOf", "anyOf", "oneOf"} & (one.keys() | other.keys()):
        return {"allOf": [one, other]}
    merged = {**one, **other}
    if "type" in other and not other.get("nullable"):
        merged.pop("nullable", None)
    if "properties" in one and "properties" in other:
        merged["properties"] = one["properties"] | {
            name: _both(one["properties"][name], schema, root)
            if name in one["properties"]
            else schema
            for name, schema in other["properties"].items()
        }
    required = [*one.get("required", ()), *other.get("required", ())]
    if required:
        merged["required"] = list(dict.fromkeys(required))
    return merged


def _followed(schema: Mapping[str, Json], root: Json) -> Mapping[str, Json]:
    """The schema itself, where this is a reference to one."""
    while "$ref" in schema:
        node = root
        for part in schema["$ref"].removeprefix("#/").split("/"):
            node = node[unescaped(part)]
        schema = node
    return schema
