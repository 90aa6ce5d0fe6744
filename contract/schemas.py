"""Compiled validators for the schemas of the documents."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Self

import jsonschema_rs

from contract.errors import DocumentError
from contract.parsing import Json
from contract.pointers import pointer

BLAME = "x-violation"
FORMS_BLAME = "x-violation-of-forms"
"""Beside an `anyOf`, what a part breaks that has none of its forms. An annotation in the forms
would cost a quarter of the cases that Schemathesis' coverage phase makes of them.
"""
DEEPEST = 100
"""Levels of a value that are looked at; below, whatever stands there is as good as nothing."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One way in which a value does not fit a schema."""

    path: str
    """JSON pointer to the part of the value that does not fit."""
    message: str
    """What is wrong with it."""
    requirement: str | None
    """The id that the nearest `x-violation` names, or `x-violation-of-forms` where the part has
    none of the forms.
    """
    missing: str | None = None
    """The member of the part that is not there, where that is what is wrong."""
    members: tuple[str, ...] = ()
    """Where the part has none of several forms: the member that is missing or wrong in each."""


@dataclass(frozen=True)
class Validator:
    """A schema, compiled once, when it is first used."""

    schema: Json = field(repr=False)
    """The JSON Schema (2020-12) with all references resolved."""

    @classmethod
    def of(cls, schema: Json, file: Path, place: str) -> Self:
        """Compiles an OpenAPI 3.0 schema, references resolved, that stands at a place in a file.

        Raises DocumentError when it is no schema.
        """
        validator = cls(json_schema(schema))
        try:
            validator._compiled  # noqa: B018  compiles it
        except jsonschema_rs.ValidationError as error:
            problem = f"is no schema: {error.message.splitlines()[0]}"
            raise DocumentError(file, place + pointer(error.instance_path), problem) from None
        return validator

    @cached_property
    def _compiled(self) -> jsonschema_rs.Draft202012Validator:
        return jsonschema_rs.Draft202012Validator(self.schema, validate_formats=True)

    def accepts(self, value: Json) -> bool:
        """Whether a decoded JSON value fits the schema."""
        return self._compiled.is_valid(_well_formed(value))

    def violations(self, value: Json) -> tuple[Violation, ...]:
        """All ways in which a decoded JSON value does not fit, the most specific first."""
        errors = list(self._compiled.iter_errors(_well_formed(value)))
        errors.sort(key=lambda error: (-_depth(error), pointer(error.instance_path), error.message))
        return tuple(
            Violation(
                pointer(error.instance_path),
                _words(error),
                self._blame(error),
                _missing(error),
                _members(error),
            )
            for error in errors
        )

    def _blame(self, error: jsonschema_rs.ValidationError) -> str | None:
        node: Json = self.schema
        blame = node.get(BLAME)
        path = list(error.schema_path)
        if (missing := _missing(error)) is not None:
            # The path ends in `required`; a missing property is blamed as its own schema says.
            path[-1:] = ["properties", missing]
        for part in path:
            if part == "anyOf" and part == path[-1] and isinstance(node, dict):
                blame = node.get(FORMS_BLAME, blame)
            node = node.get(part, {}) if isinstance(node, dict) else node[part]
            if isinstance(node, dict) and BLAME in node:
                blame = node[BLAME]
        return str(blame) if blame is not None else None


_NO_FORM = (
    jsonschema_rs.ValidationErrorKind.AnyOf,
    jsonschema_rs.ValidationErrorKind.OneOfNotValid,
)


def _well_formed(value: Json, depth: int = 0) -> Json:
    """The value as compiled schemas can read it.

    A lone surrogate, which JSON can spell, becomes U+FFFD. Binary data, which a Socket.IO event can
    hold, becomes the object that stands for it in the packet. What lies deeper than any schema here
    looks is left out.
    """
    if isinstance(value, str):
        if value.isascii():  # nearly all are
            return value
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, bytes | bytearray):
        return {"_placeholder": True}
    if isinstance(value, list):
        return [] if depth == DEEPEST else [_well_formed(item, depth + 1) for item in value]
    if isinstance(value, dict):
        if depth == DEEPEST:
            return {}
        return {_well_formed(key): _well_formed(item, depth + 1) for key, item in value.items()}
    return value


def _missing(error: jsonschema_rs.ValidationError) -> str | None:
    kind = error.kind
    return kind.property if isinstance(kind, jsonschema_rs.ValidationErrorKind.Required) else None


def _forms(error: jsonschema_rs.ValidationError) -> list[jsonschema_rs.ValidationError]:
    """What is wrong first of all with each of the forms of which one has to fit."""
    kind = error.kind
    if isinstance(kind, _NO_FORM):
        return [min(branch, key=_depth) for branch in kind.context if branch]
    return []


def _members(error: jsonschema_rs.ValidationError) -> tuple[str, ...]:
    here = len(error.instance_path)
    paths = [
        [*form.instance_path[here:], *filter(None, [_missing(form)])] for form in _forms(error)
    ]
    # Forms of other types, such as an id or an object, have no member that all lack.
    return tuple(dict.fromkeys(str(path[0]) for path in paths)) if all(paths) else ()


def _words(error: jsonschema_rs.ValidationError) -> str:
    """What is wrong; of several forms, what is wrong with each."""
    if (missing := _missing(error)) is not None:
        return f"{missing} is missing"
    here = len(error.instance_path)
    forms = [
        (pointer(form.instance_path[here:]).removeprefix("/"), _words(form))
        for form in _forms(error)
    ]
    said = ", and ".join(f"{place}: {words}" if place else words for place, words in forms)
    return said or error.message


def _depth(error: jsonschema_rs.ValidationError) -> int:
    # A missing property is as specific as a wrong one.
    return len(error.instance_path) + (_missing(error) is not None)


def json_schema(schema: Json) -> Json:
    """An OpenAPI 3.0 schema, references resolved, as JSON Schema (2020-12).

    `nullable` becomes a type, and only where `type` stands beside it; an `enum` has to name null
    itself. A limit that is said to be exclusive becomes an exclusive limit. Source: OpenAPI 3.0.4,
    Schema Object.
    """
    if isinstance(schema, list):
        return [json_schema(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    converted = {key: _converted(key, value) for key, value in schema.items()}
    if converted.pop("nullable", False) is True and isinstance(converted.get("type"), str):
        converted["type"] = [converted["type"], "null"]
    for limit, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        is_flag = isinstance(converted.get(exclusive), bool)
        if is_flag and converted.pop(exclusive) and limit in converted:
            converted[exclusive] = converted.pop(limit)
    return converted


def _converted(key: str, value: Json) -> Json:
    if key in ("example", "examples", "default", "enum", "const"):
        return value
    if key == "properties" and isinstance(value, dict):
        return {name: json_schema(schema) for name, schema in value.items()}
    return json_schema(value)
