"""The contract as one OpenAPI document per strictness, events included, for Schemathesis to read.

A client-to-server event becomes `POST /<event>` with the payload as JSON body, so that one
generator makes the input of both protocols.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Any

from contract import Contract, Event, Operation, Parameter, Request

Json = Any


class Strictness(Enum):
    """Which of a request's three schemas the cases are drawn from."""

    MUST_ACCEPT = "what every backend takes"
    NATURAL = "what the document shows"
    MAY_ACCEPT = "what some backend may take"


def projected(contract: Contract, strictness: Strictness) -> Json:
    """An OpenAPI 3.1 document with all operations and client-to-server events of the contract.

    3.1, as compiled validators hold JSON Schema. It has no security, since the suite sends tokens
    itself, and promises nothing about answers, since the suite judges them itself.
    """
    paths: dict[str, Json] = {}
    for operation in contract.operations.values():
        item = paths.setdefault(operation.path, {})
        item[operation.method.lower()] = _rest(operation, strictness)
    for event in contract.events.values():
        if event.action == "receive":
            paths[f"/{event.name}"] = {"post": _event(event, strictness)}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Reals2Chat, projected", "version": contract.version},
        "paths": paths,
    }


def _rest(operation: Operation, strictness: Strictness) -> Json:
    node: dict[str, Json] = {
        "operationId": operation.id,
        "parameters": [_parameter(parameter) for parameter in operation.parameters],
        "responses": {str(operation.success): {"description": "success"}},
    }
    if operation.request is not None:
        node["requestBody"] = _body(operation.request, strictness)
    return node


def _event(event: Event, strictness: Strictness) -> Json:
    return {
        "operationId": event.operation_id,
        "requestBody": _body(event.payload, strictness),
        "responses": {"default": {"description": "delivered"}},
    }


def _parameter(parameter: Parameter) -> Json:
    return {
        "name": parameter.name,
        "in": parameter.location,
        "required": parameter.required,
        "schema": parameter.validator.schema,
    }


def _body(request: Request, strictness: Strictness) -> Json:
    validator = {
        Strictness.MUST_ACCEPT: request.must_accept,
        Strictness.NATURAL: request.validator,
        Strictness.MAY_ACCEPT: request.may_accept,
    }[strictness]
    media: dict[str, Json] = {"schema": validator.schema}
    if strictness is Strictness.NATURAL and request.examples:
        media["examples"] = _examples(request.examples)
    return {"required": True, "content": {"application/json": media}}


def _examples(examples: Mapping[str, Json]) -> Json:
    return {name: {"value": value} for name, value in examples.items()}
