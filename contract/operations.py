"""The REST operations of the OpenAPI document."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from contract.documents import Json
from contract.errors import DocumentError
from contract.references import escaped
from contract.schemas import Validator, json_schema

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
    def of(cls, schema: Json, examples: Mapping[str, Json]) -> "Request":
        """Reads a resolved OpenAPI 3.0 schema with its extensions."""
        own = Validator(json_schema(schema))
        narrow, wide = schema.get("x-must-accept"), schema.get("x-may-accept")
        return cls(
            schema,
            own,
            Validator(json_schema(narrow)) if narrow else own,
            Validator(json_schema(wide)) if wide else own,
            examples,
        )


@dataclass(frozen=True, slots=True)
class Response:
    """A documented answer."""

    status: int
    description: str
    validator: Validator | None
    """None when the document promises no body."""
    examples: Mapping[str, Json] = field(repr=False)


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

    @classmethod
    def of(cls, node: Json) -> "Blame":
        """Reads the `x-blame` of an operation; every part of it is optional."""
        blame = node.get("x-blame", {})
        return cls(blame.get("accepts"), blame.get("refuses"), blame.get("unknown"))


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
    """The operations of a resolved OpenAPI document, by operationId.

    Raises DocumentError for an operation without id, with the id of another, or without an answer
    of success.
    """
    operations: dict[str, Operation] = {}
    for path, item in root.get("paths", {}).items():
        for method in METHODS:
            node = item.get(method)
            if node is None:
                continue
            place = f"/paths/{escaped(path)}/{method}"
            name = node.get("operationId")
            if not isinstance(name, str):
                raise DocumentError(file, place, "has no operationId")
            if name in operations:
                raise DocumentError(file, place, f"the operationId {name} stands twice")
            operations[name] = _operation(name, method, path, item, node)
            if not any(200 <= status < 300 for status in operations[name].responses):
                raise DocumentError(file, f"{place}/responses", "documents no answer of success")
    return operations


def _operation(name: str, method: str, path: str, item: Json, node: Json) -> Operation:
    body = node.get("requestBody", {}).get("content", {}).get(JSON_TYPE)
    return Operation(
        id=name,
        method=method.upper(),
        path=path,
        parameters=tuple(
            Parameter(
                parameter["name"],
                parameter["in"],
                parameter.get("required", False),
                Validator(json_schema(parameter.get("schema", {}))),
            )
            for parameter in (*item.get("parameters", ()), *node.get("parameters", ()))
        ),
        request=Request.of(body.get("schema", {}), examples(body)) if body else None,
        responses={
            int(status): _response(int(status), response)
            for status, response in node.get("responses", {}).items()
            if str(status).isdigit()
        },
        blame=Blame.of(node),
    )


def _response(status: int, node: Json) -> Response:
    content = node.get("content", {}).get(JSON_TYPE)
    return Response(
        status=status,
        description=node.get("description", ""),
        validator=Validator(json_schema(content.get("schema", {}))) if content else None,
        examples=examples(content) if content else {},
    )


def examples(media: Json) -> Mapping[str, Json]:
    """The examples of a media type object, by name; a single one is called `default`."""
    if "example" in media:
        return {"default": media["example"]}
    return {name: example.get("value") for name, example in media.get("examples", {}).items()}
