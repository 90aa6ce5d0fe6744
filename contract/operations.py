"""The REST operations of the OpenAPI document."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from contract.errors import DocumentError
from contract.parsing import Json
from contract.pointers import escaped
from contract.schemas import Validator

Level = Literal["must", "should", "may"]
UNKNOWN_LEVEL = "unknown-level"
"""The part of `x-blame` that is a level and no requirement's id."""

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
JSON_TYPE = "application/json"


@dataclass(frozen=True, slots=True)
class Request:
    """What a client sends: the body of an operation or the payload of an event."""

    schema: Json = field(repr=False)
    """The schema as the document has it (OpenAPI 3.0), references resolved."""
    validator: Validator
    """The schema, compiled."""
    must_accept: Validator
    """Every backend takes what fits this (`x-must-accept`)."""
    may_accept: Validator
    """Every backend refuses what does not fit this (`x-may-accept`)."""
    examples: Mapping[str, Json] = field(repr=False)

    @classmethod
    def of(cls, schema: Json, examples: Mapping[str, Json], file: Path, place: str) -> "Request":
        """Reads a resolved OpenAPI 3.0 schema with its extensions, from its place in a file.

        Raises DocumentError when it is no schema.
        """
        own = Validator.of(schema, file, place)
        narrow, wide = (
            Validator.of(schema[zone], file, f"{place}/{zone}") if zone in schema else own
            for zone in ("x-must-accept", "x-may-accept")
        )
        return cls(schema, own, narrow, wide, examples)


@dataclass(frozen=True, slots=True)
class Response:
    """A documented answer."""

    status: int
    description: str
    validator: Validator | None
    """None when the document promises no body."""
    examples: Mapping[str, Json] = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    """An example of each header that the document has one for."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A path, query, header or cookie parameter."""

    name: str
    location: str
    required: bool
    validator: Validator


@dataclass(frozen=True, slots=True)
class Blame:
    """Which requirement is broken, by what the backend did."""

    accepts: str | None
    """It refused what it has to accept."""
    refuses: str | None
    """It accepted what it has to refuse, and the schema names no requirement of its own."""
    unknown: str | None
    """It did not say that the named user is unknown."""
    unknown_level: Level | None
    """The level of the clause that says so, where it is not the requirement's own."""

    @classmethod
    def of(cls, node: Json) -> "Blame":
        """Reads the `x-blame` of an operation; every part of it is optional."""
        blame = node.get("x-blame", {})
        parts = ("accepts", "refuses", "unknown", UNKNOWN_LEVEL)
        return cls(*(blame.get(part) for part in parts))


@dataclass(frozen=True, slots=True)
class Operation:
    """One method on one path."""

    id: str
    method: str
    """In capitals, such as `POST`."""
    path: str
    """The path template, such as `/api/messages/{otherUserId}`."""
    parameters: tuple[Parameter, ...]
    request: Request | None
    responses: Mapping[int, Response]
    blame: Blame

    @property
    def success(self) -> int:
        """The documented status of success."""
        return min(status for status in self.responses if 200 <= status < 300)


def read_operations(file: Path, root: Json) -> Mapping[str, Operation]:
    """The operations of a resolved OpenAPI document of the right shape, by operationId.

    Raises DocumentError for an operation with the id of another, without an answer of success, and
    for a schema that is none.
    """
    operations: dict[str, Operation] = {}
    for path, item in root["paths"].items():
        for method in METHODS:
            if method not in item:
                continue
            place = f"/paths/{escaped(path)}/{method}"
            operation = _operation(file, place, method, path, item)
            if operation.id in operations:
                raise DocumentError(file, place, f"the operationId {operation.id} stands twice")
            if not any(200 <= status < 300 for status in operation.responses):
                raise DocumentError(file, f"{place}/responses", "documents no answer of success")
            operations[operation.id] = operation
    return operations


def _operation(file: Path, place: str, method: str, path: str, item: Json) -> Operation:
    node = item[method]
    return Operation(
        id=node["operationId"],
        method=method.upper(),
        path=path,
        parameters=_parameters(file, place, item, node),
        request=_request(file, place, node),
        responses={
            int(status): _response(file, f"{place}/responses/{status}", int(status), response)
            for status, response in node["responses"].items()
            if status.isdecimal()
        },
        blame=Blame.of(node),
    )


def _parameters(file: Path, place: str, item: Json, node: Json) -> tuple[Parameter, ...]:
    """Those of the path and those of the operation, which take the place of the path's."""
    found: dict[tuple[str, str], Parameter] = {}
    for owner, above in ((item, place.rpartition("/")[0]), (node, place)):
        for index, parameter in enumerate(owner.get("parameters", ())):
            found[parameter["name"], parameter["in"]] = Parameter(
                parameter["name"],
                parameter["in"],
                parameter.get("required", False),
                Validator.of(
                    parameter.get("schema", {}), file, f"{above}/parameters/{index}/schema"
                ),
            )
    return tuple(found.values())


def _request(file: Path, place: str, node: Json) -> Request | None:
    media = node.get("requestBody", {}).get("content", {}).get(JSON_TYPE)
    if media is None:
        return None
    place = f"{place}/requestBody/content/{escaped(JSON_TYPE)}/schema"
    return Request.of(media.get("schema", {}), examples(media), file, place)


def _response(file: Path, place: str, status: int, node: Json) -> Response:
    media = node.get("content", {}).get(JSON_TYPE)
    place = f"{place}/content/{escaped(JSON_TYPE)}/schema"
    return Response(
        status=status,
        description=node.get("description", ""),
        validator=Validator.of(media.get("schema", {}), file, place) if media is not None else None,
        examples=examples(media) if media is not None else {},
        headers={
            name: str(header["example"])
            for name, header in node.get("headers", {}).items()
            if "example" in header
        },
    )


def examples(media: Json) -> Mapping[str, Json]:
    """The examples of a media type object, by name; a single one is called `default`."""
    if "example" in media:
        return {"default": media["example"]}
    return {name: example.get("value") for name, example in media.get("examples", {}).items()}
