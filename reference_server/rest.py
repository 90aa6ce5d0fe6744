"""REST from the OpenAPI document, by Connexion: routes, security, validation, handlers, errors.

What Connexion leaves open is closed here: every error on every path has the body of the notes'
section 5, a 401 names its scheme, nothing of a schema or an exception is shown, bodies are judged
by the contract's compiled validators, and no signature is inspected while a request waits.
"""

import contextlib
import copy
import functools
import logging
import warnings
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

with warnings.catch_warnings():
    # Connexion imports Starlette's test client, which announces a change of its own there.
    warnings.simplefilter("ignore")
    from connexion import AsyncApp
from connexion.apps.abstract import AbstractApp
from connexion.apps.asynchronous import AsyncApi, AsyncASGIApp
from connexion.exceptions import InvalidSpecification, ProblemException
from connexion.lifecycle import ConnexionRequest, ConnexionResponse
from connexion.middleware.abstract import ROUTING_CONTEXT
from connexion.middleware.exceptions import ExceptionMiddleware
from connexion.middleware.request_validation import RequestValidationMiddleware
from connexion.middleware.security import SecurityMiddleware
from connexion.resolver import Resolution, Resolver
from connexion.validators import AbstractRequestBodyValidator, ParameterValidator
from starlette.exceptions import HTTPException

from contract import Contract, Operation
from contract.pointers import pointer
from reference_server.documentation import Documentation, People
from reference_server.errors import (
    INTERNAL_ERROR,
    BrokenEvent,
    Refusal,
    StartError,
    Unauthorized,
    error_body,
)
from reference_server.limits import RateLimit
from reference_server.mocks import Mock
from reference_server.origins import LOCAL, CrossOrigin, Origins
from reference_server.payloads import BODY, decode, encode, expected, require
from reference_server.routing import Routing
from reference_server.samples import NoSample, completed
from reference_server.schemes import require_bearer
from reference_server.tokens import Tokens
from reference_server.users import User

log = logging.getLogger("reference_server.rest")


@dataclass(frozen=True, slots=True)
class Call:
    """A request that has passed security and validation."""

    user: User
    parameters: Mapping[str, str]
    """Path parameters."""
    body: Any
    """The decoded body, None for an operation without one."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a handler returns: a status and what goes into the envelope."""

    status: int
    data: Any


Handler = Callable[[Call], Awaitable[Answer]]
Endpoint = Callable[[dict[str, Any], Any, Any], Awaitable[None]]
"""What answers an operation once security and validation have let the request pass (ASGI)."""
Around = Callable[[Operation, Endpoint], Endpoint]
"""Puts something around the endpoint of an operation."""


def build(
    contract: Contract,
    handlers: Mapping[str, Handler],
    tokens: Tokens,
    around: Sequence[Around] = (),
    *,
    origins: Origins = LOCAL,
    people: People = lambda host: [],
    control: bool = False,
    limit: RateLimit | None = None,
) -> tuple[AsyncApp, tuple[Mock, ...]]:
    """The application, and the operations that no handler stands for.

    `around` is put around every endpoint, the last one outermost; `control` says whether there is
    an inspector. Raises StartError for a handler without an operation, for an operation that has no
    handler and for which no answer can be made up, and for a document that Connexion cannot serve.
    """
    if unknown := sorted(handlers.keys() - contract.operations.keys()):
        raise StartError(
            f"{contract.files[0]} has no operation {unknown[0]}, for which there is a handler."
        )
    mocks = tuple(
        Mock.of_operation(operation, contract.files[0])
        for id, operation in contract.operations.items()
        if id not in handlers
    )
    endpoints: dict[str, Endpoint] = {
        id: HandlerEndpoint(handler, None if contract.shipped else contract.operations[id])
        for id, handler in handlers.items()
    } | {mock.operation_id: _Example(mock.status, mock.answer) for mock in mocks}
    for put in around:
        endpoints = {
            name: put(contract.operations[name], endpoint) for name, endpoint in endpoints.items()
        }
    require_bearer(contract)
    with _serving(contract.files[0]):
        app = application(
            contract.openapi,
            contract.operations,
            endpoints,
            [
                functools.partial(CrossOrigin, origins=origins),
                ExceptionMiddleware,
                Documentation.of(contract, people, control),
                Routing,
                SecurityMiddleware,
                RequestValidationMiddleware,
            ],
            {"bearer": lambda: _BearerTokens(tokens, limit)},
        )
    return app, mocks


@contextlib.contextmanager
def _serving(file: Path) -> Iterator[None]:
    """Says in one sentence what Connexion has against the document of a file."""
    try:
        yield
    except InvalidSpecification as error:
        problem = error.message.splitlines()[0]
        raise StartError(f"{file}, {pointer(error.absolute_path)}: {problem}") from None
    except Exception as error:
        raise StartError(f"{file}: Connexion cannot serve it: {error!r}") from error


def application(
    document: Any,
    operations: Mapping[str, Operation],
    endpoints: Mapping[str, Endpoint],
    middlewares: Sequence[Any],
    security: Mapping[str, Any] | None = None,
) -> AsyncApp:
    """An application from an OpenAPI document: its routes, judged as its operations say.

    `middlewares` come in the order in which a request meets them, `security` maps a type of scheme
    to what makes its check.
    """
    app = _App(
        __name__,
        middlewares=list(middlewares),
        resolver=_Endpoints(endpoints),
        security_map=security or {},
        validator_map={
            "parameter": _parameters_of(operations),
            "body": {"application/json": _body_of(operations)},
        },
    )
    for kind in (Refusal, ProblemException, HTTPException, Exception):
        app.add_error_handler(kind, _show_error)
    app.add_api(copy.deepcopy(document), base_path="")
    # Otherwise it is built, and may fail, with the first request.
    stack = app.middleware
    stack.app, stack.middleware_stack = stack._build_middleware_stack()
    return app


class _Operations(AsyncApi):  # type: ignore[misc]  # Connexion carries no types
    def make_operation(self, operation: Any) -> Any:
        """The endpoint itself: Connexion would wrap it anew, by its signature, on each request."""
        return operation.function


class _Application(AsyncASGIApp):  # type: ignore[misc]
    api_cls = _Operations


class _App(AsyncApp):  # type: ignore[misc]
    """An AsyncApp whose operations are our endpoints."""

    def __init__(self, import_name: str, **options: Any) -> None:
        self._middleware_app = _Application()
        AbstractApp.__init__(self, import_name, **options)


class _Endpoints(Resolver):  # type: ignore[misc]
    """Finds an endpoint by its operation's id."""

    def __init__(self, endpoints: Mapping[str, Any]) -> None:
        super().__init__()
        self._endpoints = endpoints

    def resolve(self, operation: Any) -> Resolution:
        return Resolution(self._endpoints[operation.operation_id], operation.operation_id)


class HandlerEndpoint:
    """A handler as an endpoint: its answer in the envelope."""

    def __init__(self, handler: Handler, own: Operation | None = None) -> None:
        """`own` is the operation of a document of one's own, whose answers may need more fields."""
        self._handler = handler
        self._own = own

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        call = Call(user_of(scope), scope["path_params"], scope["extensions"].get(BODY))
        answer = await self._handler(call)
        body: Any = {"success": True, "data": answer.data}
        response = self._own.responses.get(answer.status) if self._own is not None else None
        if response is not None and response.validator is not None:
            with contextlib.suppress(NoSample):
                body = completed(response.validator, body)
        await respond(send, answer.status, body)


def user_of(scope: Mapping[str, Any]) -> Any:
    """The User whose token a request carries; None before security has found out, and without."""
    context = scope["extensions"].get("connexion_context", {})
    return context.get("token_info", {}).get("user")


class _Example:
    """An answer that is the same each time, as an ASGI application."""

    def __init__(self, status: int, body: Any) -> None:
        self._status = status
        self._body = body

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        await respond(send, self._status, self._body)


async def respond(
    send: Any, status: int, body: Any, more: Sequence[tuple[bytes, bytes]] = ()
) -> None:
    """Send an answer with a JSON body, none where it is None, and with these headers more."""
    content = encode(body) if body is not None else b""
    headers = [(b"content-length", b"%d" % len(content)), *more]
    if content:
        headers.append((b"content-type", b"application/json"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


class _BearerTokens:
    """The document's `bearer` scheme."""

    def __init__(self, tokens: Tokens, limit: RateLimit | None) -> None:
        self._tokens = tokens
        self._limit = limit

    def get_fn(self, scheme: Any, scopes: Any) -> Callable[[ConnexionRequest], dict[str, Any]]:
        """How Connexion asks a security handler for its check."""
        return self._identify

    def _identify(self, request: ConnexionRequest) -> dict[str, Any]:
        header = request.headers.get("authorization", "")
        scheme, _, token = header.partition(" ")
        if not header:
            raise _challenge("The Authorization header is missing.")
        if scheme.lower() != "bearer" or not token.strip():
            raise _challenge("The Authorization header must be `Bearer <token>`.")
        try:
            user = self._tokens.user_of(token.strip())
        except Unauthorized as refusal:
            raise _challenge(refusal.message, ' error="invalid_token"') from refusal
        if self._limit is not None:
            self._limit.take(user.id)
        return {"sub": user.id, "user": user}


def _challenge(message: str, parameters: str = "") -> Unauthorized:
    """A 401 that names the scheme to use (RFC 6750, section 3)."""
    return Unauthorized(message, headers={"WWW-Authenticate": f"Bearer{parameters}"})


def _parameters_of(operations: Mapping[str, Operation]) -> type[ParameterValidator]:
    class Parameters(ParameterValidator):  # type: ignore[misc]
        """Judges parameters without compiling or showing their schemas."""

        def validate(self, scope: dict[str, Any]) -> None:
            operation = _operation_of(operations, scope)
            self._validators = {
                (parameter.location, parameter.name): parameter.validator
                for parameter in operation.parameters
            }
            super().validate(scope)

        def validate_parameter(
            self, kind: str, value: Any, param: Mapping[str, Any], param_name: str | None = None
        ) -> str | None:
            name = param["name"]
            if value is None:
                return f"{name} is missing." if param.get("required") else None
            if self._validators[kind, name].accepts(value):
                return None
            schema = param.get("schema", {})
            about = schema.get("description") or param.get("description") or expected(schema)
            return f"{name} is not valid: {about}"

    return Parameters


def _body_of(operations: Mapping[str, Operation]) -> type[AbstractRequestBodyValidator]:
    class Body(AbstractRequestBodyValidator):  # type: ignore[misc]
        """Decodes and judges a JSON body, once, and leaves it in the scope."""

        async def wrap_receive(self, receive: Any, *, scope: dict[str, Any]) -> Any:
            operation = _operation_of(operations, scope)
            content = await _read(receive)
            if content or self._required:
                value = decode(content)
                if operation.request is not None:
                    require(operation.request, value)
                scope["extensions"][BODY] = value
            return receive, scope

    return Body


def _operation_of(operations: Mapping[str, Operation], scope: dict[str, Any]) -> Operation:
    return operations[scope["extensions"][ROUTING_CONTEXT]["operation_id"]]


async def _read(receive: Any) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return parts[0] if len(parts) == 1 else b"".join(parts)


_SAID = {
    404: "There is nothing at this path.",
    405: "The method is not allowed here.",
    415: "The body must be application/json.",
}


async def _show_error(request: ConnexionRequest, error: Exception) -> ConnexionResponse:
    """The answer to anything that was raised on the way."""
    headers: dict[str, str] = {}
    match error:
        case Refusal():
            status, message, headers = error.status, error.message, error.headers
        case ProblemException(status=400, detail=str(detail)):
            status, message = 400, detail
        case ProblemException(status=status) | HTTPException(status_code=status):
            message = _SAID.get(status, "The request is not valid.")
        case BrokenEvent():
            log.error("%s", error)
            status, message = 500, INTERNAL_ERROR
        case _:
            log.error("%s %s failed", request.method, request.url.path, exc_info=error)
            status, message = 500, INTERNAL_ERROR
    return ConnexionResponse(
        status_code=status,
        content_type="application/json",
        body=encode(error_body(message)),
        headers=headers,
    )
