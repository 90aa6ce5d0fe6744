"""Bodies and payloads: decoded strictly, judged by the contract, explained in its words."""

import json
from collections.abc import Mapping
from typing import Any, Literal, NoReturn

import orjson

from contract import Request, Violation
from reference_server.errors import Invalid

Whole = Literal["body", "payload"]
"""What a value is that was sent: the body of a request, or the payload of an event."""

_KINDS = {
    "string": "a text",
    "object": "an object",
    "array": "a list",
    "boolean": "true or false",
    "number": "a number",
    "integer": "a whole number",
}
BODY = "reference_server.body"
"""Where the decoded and judged body stands in the extensions of an ASGI scope."""


def decode(body: bytes) -> Any:
    """The JSON value of a body. Raises Invalid for what is no JSON (RFC 8259) or no UTF-8."""
    if not body.strip():
        raise Invalid("The body is empty; it must be a JSON object.")
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise Invalid("The body is not valid UTF-8.") from error
    except RecursionError as error:
        raise Invalid("The body is nested too deeply.") from error
    except ValueError as error:
        raise Invalid("The body is not valid JSON.") from error


def encode(value: Any) -> bytes:
    """The JSON text of a value, in UTF-8. Raises TypeError for what JSON cannot say, and ValueError
    for text that is no Unicode.
    """
    try:
        return orjson.dumps(value)
    except TypeError:  # also for a whole number of more than 64 bits, which JSON can say
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def require(request: Request, value: Any, whole: Whole = "body") -> None:
    """Raises Invalid, with the reason, when the value does not fit the contract."""
    if not request.validator.accepts(value):
        raise Invalid(explain(request.schema, request.validator.violations(value)[0], whole))


def explain(schema: Mapping[str, Any], violation: Violation, whole: Whole = "body") -> str:
    """One sentence about a violation, without the value and without the schema's own words.

    `whole` says what the value is, where it is wrong as a whole.
    """
    prefix = violation.path.removeprefix("/").replace("/", ".")
    if violation.missing is not None:
        return f"{prefix + '.' if prefix else ''}{violation.missing} is missing."
    reason = expected(schema, violation.path)
    if prefix:
        return f"{prefix} is not valid: {reason}"
    if violation.message.endswith(' is not of type "object"'):
        return f"The {whole} must be a JSON object: {reason}"
    return f"The {whole} is not valid: {reason}"


def expected(schema: Mapping[str, Any], path: str = "") -> str:
    """What the document says of the part of a value at `path`, a JSON pointer."""
    for name in path.split("/")[1:]:
        schema = schema.get("properties", {}).get(name, {})
    if "enum" in schema:
        return f"one of {', '.join(map(str, schema['enum']))} is expected."
    if "description" in schema:
        description = str(schema["description"])
        return description[0].lower() + description[1:]
    kind = _KINDS.get(schema.get("type", ""), "another value")
    return f"{kind}{_bounds(schema)} is expected."


def _bounds(schema: Mapping[str, Any]) -> str:
    if least := schema.get("minLength", 0):
        return f" of {least} or more characters"
    match schema.get("minimum"), schema.get("maximum"):
        case None, None:
            return ""
        case low, None:
            return f" of {low} or more"
        case None, high:
            return f" of {high} or less"
        case low, high:
            return f" from {low} to {high}"


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
