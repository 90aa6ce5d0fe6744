"""Holds that a document has the shape that this package reads.

It is no full check of OpenAPI or AsyncAPI, for which there are linters: it holds what the modules
beside it rely on, so that a document of a user's own stops with one clear line.
"""

from functools import cache
from pathlib import Path
from typing import Literal

import jsonschema_rs
from jsonschema_rs import ValidationErrorKind as Kind

from contract.errors import DocumentError
from contract.parsing import Json, read_file
from contract.pointers import pointer

Shape = Literal["openapi", "asyncapi", "overlay"]

_TYPES = {
    "object": "a mapping",
    "array": "a list",
    "string": "a text",
    "boolean": "true or false",
    "null": "null",
}


def hold(shape: Shape, file: Path, root: Json) -> None:
    """Raises DocumentError for the first thing in a document that has not the expected shape."""
    error = next(iter(_validator(shape).iter_errors(root)), None)
    if error is not None:
        raise DocumentError(file, pointer(error.instance_path), problem_of(error))


@cache
def _validator(shape: Shape) -> jsonschema_rs.Draft202012Validator:
    shapes = read_file(Path(__file__).with_name("shapes.yaml"))
    return jsonschema_rs.Draft202012Validator({**shapes, "$ref": f"#/$defs/{shape}"}, mask="it")


def problem_of(error: jsonschema_rs.ValidationError) -> str:
    """What is wrong, after the name of the place where it is."""
    match error.kind:
        case Kind.Required(property=name):
            return f"needs the field {name}"
        case Kind.AdditionalProperties(unexpected=names):
            return f"has no field {names[0]}"
        case Kind.Type(types=types):
            return f"has to be {' or '.join(_TYPES[name] for name in types)}"
        case Kind.Enum(options=options):
            return f"has to be one of {', '.join(map(str, options))}"
        case Kind.Pattern(pattern=pattern):
            return f"{error.instance} does not match {pattern}"
        case Kind.PropertyNames(error=inner):
            return f"{inner.instance} is no name for a field here"
        case Kind.MinLength():
            return "must not be empty"
        case Kind.MinItems(limit=limit) | Kind.MaxItems(limit=limit):
            return f"has to hold {'one' if limit == 1 else limit}"
        case Kind.AnyOf():
            return "needs one of the fields update, copy, remove"
        case _:
            return error.message
