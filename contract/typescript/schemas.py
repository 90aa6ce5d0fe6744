"""OpenAPI 3.0 schemas as TypeScript types, laid out as `openapi-typescript` does."""

import json
import re
from collections.abc import Iterable, Mapping
from textwrap import indent
from typing import Any

from contract.pointers import unescaped

Json = Any

NEVER, UNKNOWN = "never", "unknown"
_IDENTIFIER = re.compile(r"[A-Za-z_$][A-Za-z_$0-9]*")
_NUMBER = re.compile(r"0|[1-9][0-9]*")
_LEAVES = {
    "string": "string",
    "integer": "number",
    "number": "number",
    "boolean": "boolean",
    "null": "null",
}
_INDENT = "    "


def type_of(schema: Json) -> str:
    """The type of the values that fit a schema, in as many lines as it takes."""
    if schema is True or schema == {}:
        return UNKNOWN
    if "$ref" in schema:
        return reference(schema["$ref"])
    if schema.get("const") is not None:
        return literal(schema["const"])
    if isinstance(schema.get("enum"), list) and schema.get("type") != "object":
        nullable = ["null"] if schema.get("nullable") else []
        return union([*map(literal, schema["enum"]), *nullable])
    found = _composed(schema)
    if found is None:
        found = "Record<string, unknown>" if "type" in schema else UNKNOWN
    if schema.get("nullable") and found != UNKNOWN:
        found = f"{grouped(found)} | null"
    return found


def _composed(schema: Json) -> str | None:
    parts = [type_of(part) for part in schema.get("allOf", ())]
    plain = _plain(schema)
    found = intersection([*([plain] if plain else []), *([intersection(parts)] if parts else [])])
    options = [type_of(option) for option in schema.get("anyOf", ())]
    if options:
        found = union([*([found] if found else []), *options])
    choices = [type_of(option) for option in schema.get("oneOf", ())]
    if choices and all(choice in _LEAVES.values() for choice in choices):
        found = union([*([found] if found else []), *choices])
    elif choices:
        found = intersection([*([found] if found else []), union(choices)])
    return found or None


def _plain(schema: Json) -> str | None:
    """The type without its compositions, None where the schema says nothing of it."""
    kind = schema.get("type")
    if kind in _LEAVES:
        return _LEAVES[kind]
    if kind == "array":
        item = type_of(schema["items"]) if schema.get("items") else UNKNOWN
        return f"{grouped(item)}[]"
    members = [
        member(name, type_of(each), name not in schema.get("required", ()), each)
        for name, each in schema.get("properties", {}).items()
    ]
    objects = [block(members)] if members else []
    more = schema.get("additionalProperties")
    if more is True or more == {}:
        objects.append(block([f"[key: string]: {UNKNOWN};"]))
    elif more:
        objects.append(block([f"[key: string]: {type_of(more)};"]))
    return intersection(objects) or None


def reference(pointer: str) -> str:
    """The type that a reference within the document points to, by the place of its component."""
    first, *rest = map(unescaped, pointer.removeprefix("#/").split("/"))
    return first + "".join(f"[{json.dumps(part)}]" for part in rest if part != "properties")


def literal(value: Json) -> str:
    """The type of one JSON value."""
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]" if value else "never[]"
    if isinstance(value, dict):
        members = [f"{name_of(name)}: {literal(each)};" for name, each in value.items()]
        return block(members) if members else "Record<string, never>"
    return json.dumps(value, ensure_ascii=False)


def union(types: Iterable[str]) -> str:
    """Any of the types."""
    distinct = list(dict.fromkeys(types))
    return distinct[0] if len(distinct) == 1 else " | ".join(map(grouped, distinct))


def intersection(types: Iterable[str]) -> str:
    """All of the types at once; empty for none."""
    distinct = list(dict.fromkeys(types))
    return "".join(distinct) if len(distinct) < 2 else " & ".join(map(grouped, distinct))


def grouped(found: str) -> str:
    """The type in parentheses, where it is a union or an intersection."""
    depth = 0
    quoted = False
    for character, before in zip(found, f" {found}", strict=False):
        if character == '"' and before != "\\":
            quoted = not quoted
        elif quoted:
            continue
        elif character in "{[(<":
            depth += 1
        elif character in "}])>":
            depth -= 1
        elif character in "&|" and depth == 0:
            return f"({found})"
    return found


def member(name: str, found: str, optional: bool, described: Json = None) -> str:
    """A member of an object type, with what the document says of it."""
    node = described if isinstance(described, Mapping) else {}
    read_only = "readonly " if node.get("readOnly") else ""
    return f"{comment(node)}{read_only}{name_of(name)}{'?' if optional else ''}: {found};"


def block(members: Iterable[str]) -> str:
    """An object type."""
    return "{\n" + indent("\n".join(members), _INDENT) + "\n}"


def name_of(name: str) -> str:
    """The name of a member, in quotes where it needs them."""
    plain = _IDENTIFIER.fullmatch(name) or _NUMBER.fullmatch(name)
    return name if plain else json.dumps(name, ensure_ascii=False)


def comment(node: Mapping[str, Json]) -> str:
    """What the document says of something as a JSDoc comment, with the line break after it."""
    lines = [str(node[key]).strip() for key in ("title", "summary") if node.get(key)]
    if node.get("format"):
        lines.append(f"Format: {node['format']}")
    if node.get("deprecated"):
        lines.append("@deprecated")
    if node.get("description"):
        lines.append(f"@description {node['description'].strip()}")
    lines += [f"@{key} {_shown(node[key])}" for key in ("default", "example") if key in node]
    if node.get("enum"):
        nullable = "|null" if node.get("nullable") else ""
        lines.append(f"@enum {{{node.get('type', 'unknown')}{nullable}}}")
    lines = [line.replace("\n", "\n *     ").replace("*/", "*\\/") for line in lines]
    if not lines:
        return ""
    if len(lines) == 1 and "\n" not in lines[0]:
        return f"/** {lines[0]} */\n"
    return "/**\n" + "".join(f" * {line}\n" for line in lines) + " */\n"


def _shown(value: Json) -> str:
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # as JavaScript, which knows numbers alone, writes it
    return json.dumps(value, ensure_ascii=False, indent=2)
