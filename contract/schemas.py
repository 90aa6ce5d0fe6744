"""Compiled validators for the schemas of the documents."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

import jsonschema_rs

from contract.documents import Json
from contract.references import escaped

BLAME = "x-violation"


@dataclass(frozen=True, slots=True)
class Violation:
    """One way in which a value does not fit a schema."""

    path: str
    """JSON pointer to the part of the value that does not fit."""
    message: str
    """What is wrong with it."""
    requirement: str | None
    """The id that the nearest `x-violation` of the schema names."""


@dataclass(frozen=True)
class Validator:
    """A schema, compiled once, when it is first used."""

    schema: Json = field(repr=False)
    """The JSON Schema (2020-12) with all references resolved."""

    @cached_property
    def _compiled(self) -> jsonschema_rs.Draft202012Validator:
        return jsonschema_rs.Draft202012Validator(self.schema, validate_formats=True)

    def accepts(self, value: Json) -> bool:
        """Whether a decoded JSON value fits the schema."""
        return self._compiled.is_valid(_well_formed(value))

    def violations(self, value: Json) -> tuple[Violation, ...]:
        """All ways in which a decoded JSON value does not fit, the most specific first."""
        errors = list(self._compiled.iter_errors(_well_formed(value)))
        errors.sort(
            key=lambda error: (-_depth(error), _pointer(error.instance_path), error.message)
        )
        return tuple(
            Violation(_pointer(error.instance_path), error.message, self._blame(error))
            for error in errors
        )

    def _blame(self, error: jsonschema_rs.ValidationError) -> str | None:
        node: Json = self.schema
        blame = node.get(BLAME)
        for part in error.schema_path:
            missing = _missing(error) if part == "required" else None
            if missing is not None and isinstance(node, dict):
                node = node.get("properties", {}).get(missing, node)
            else:
                node = node[part]
            if isinstance(node, dict) and BLAME in node:
                blame = node[BLAME]
        return str(blame) if blame is not None else None


def _well_formed(value: Json) -> Json:
    """The value without lone surrogates, which JSON can spell and compiled schemas cannot read."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_well_formed(item) for item in value]
    if isinstance(value, dict):
        return {_well_formed(key): _well_formed(item) for key, item in value.items()}
    return value


def _missing(error: jsonschema_rs.ValidationError) -> str | None:
    kind = error.kind
    return kind.property if isinstance(kind, jsonschema_rs.ValidationErrorKind.Required) else None


def _depth(error: jsonschema_rs.ValidationError) -> int:
    # A missing property is as specific as a wrong one.
    return len(error.instance_path) + (_missing(error) is not None)


def _pointer(path: Iterable[str | int]) -> str:
    return "".join(f"/{escaped(str(part))}" for part in path)


def json_schema(schema: Json) -> Json:
    """An OpenAPI 3.0 schema, references resolved, as JSON Schema: `nullable` becomes a type.

    Source: OpenAPI 3.0.4, Schema Object; `nullable` speaks only where `type` stands beside it.
    """
    if isinstance(schema, list):
        return [json_schema(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    converted = {
        key: value if key in ("example", "examples", "default", "enum") else json_schema(value)
        for key, value in schema.items()
    }
    if converted.pop("nullable", False) is True and isinstance(converted.get("type"), str):
        converted["type"] = [converted["type"], "null"]
        if "enum" in converted and None not in converted["enum"]:
            converted["enum"] = [*converted["enum"], None]
    return converted
