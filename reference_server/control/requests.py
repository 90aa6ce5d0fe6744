"""REST requests that meet faults, and a record of them."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from connexion.middleware.abstract import ROUTING_CONTEXT

from contract import Operation
from reference_server.asgi import HANG_UP, Application
from reference_server.control.faults import ON_REQUESTS, Fault, Faults
from reference_server.control.traffic import LARGEST_KEPT, Traffic, kept, kept_headers
from reference_server.control.verdicts import Refused, Verdicts, Wrong, message_of, short
from reference_server.documented import choose
from reference_server.rest import Endpoint, respond, user_of
from reference_server.users import User

BY_CONTROL = "reference_server.by_control"
"""Stands in the extensions of a scope whose request the control interface makes itself."""
FAULT = "reference_server.fault"
"""Holds, in the extensions of a scope, the id of the fault that the request has met."""


class Interference:
    """What faults do to requests. `around` is to be put around an operation (`rest.Around`)."""

    def __init__(self, faults: Faults, traffic: Traffic) -> None:
        self._faults = faults
        self._traffic = traffic
        self._held: dict[str, asyncio.Event] = {}  # by user: set when the next one is answered

    def around(self, operation: Operation, endpoint: Endpoint) -> Endpoint:
        """The endpoint with whatever faults wait for its requests."""

        async def interfered(scope: dict[str, Any], receive: Any, send: Any) -> None:
            if not self._faults and not self._held:
                await endpoint(scope, receive, send)
                return
            user = user_of(scope)
            fault = None
            if BY_CONTROL not in scope["extensions"]:
                id = user.id if user else None
                fault = self._faults.take(ON_REQUESTS, id, operation=operation.id)
            if fault is not None:
                scope["extensions"][FAULT] = fault.id
                facts = {"fault": fault.id, "operation": operation.id, "direction": "in"}
                self._traffic.note("fault", fault.kind, user, facts)
                await self._interfere(fault, operation, endpoint, scope, receive, send)
            else:
                await endpoint(scope, receive, send)
            if user is not None and (fault is None or fault.kind != "reorder"):
                self._release(user)

        return interfered

    def release_all(self) -> None:
        """Let go of every request that waits for a later one."""
        for answered in self._held.values():
            answered.set()

    def _release(self, user: User) -> None:
        if (answered := self._held.get(user.id)) is not None:
            answered.set()

    async def _interfere(
        self,
        fault: Fault,
        operation: Operation,
        endpoint: Endpoint,
        scope: dict[str, Any],
        receive: Any,
        send: Any,
    ) -> None:
        match fault.kind:
            case "drop":
                await send({"type": HANG_UP})
                return
            case "disconnect":
                await endpoint(scope, receive, _nowhere)
                await send({"type": HANG_UP})
                return
            case "error":
                answer = await choose(operation, fault.code)
                await respond(send, answer.status, answer.body, answer.headers)
                return
            case "delay":
                await asyncio.sleep(fault.delay)
            case "reorder":
                await self._hold(user_of(scope), fault.delay)
        await endpoint(scope, receive, send)
        if fault.kind == "duplicate":
            await endpoint(scope, receive, _nowhere)

    async def _hold(self, user: User | None, at_most: float) -> None:
        id = user.id if user is not None else ""
        answered = self._held.setdefault(id, asyncio.Event())
        try:
            async with asyncio.timeout(at_most):
                await answered.wait()
        except TimeoutError:
            pass
        finally:
            self._held.pop(id, None)


class Watching:
    """Notes every request that passes, with what was wrong with it."""

    def __init__(
        self,
        application: Application,
        traffic: Traffic,
        verdicts: Verdicts,
        allowed_origin: Callable[[str], bool],
    ) -> None:
        self._application = application
        self._traffic = traffic
        self._verdicts = verdicts
        self._allowed_origin = allowed_origin

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["method"] == "OPTIONS":
            if scope["type"] == "http":
                self._note_preflight(scope)
            await self._application(scope, receive, send)
            return
        exchange = _Exchange(receive, send)
        try:
            await self._application(scope, exchange.receive, exchange.send)
        finally:
            self._note(scope, exchange)

    def _note_preflight(self, scope: Any) -> None:
        """Note a request that a browser does not send, for the page may not call this server."""
        wrong = self._of_origin(scope)
        method = _header(scope, b"access-control-request-method")
        if method is not None and wrong is not None:
            path = short(scope["path"])
            facts = {"method": "OPTIONS", "path": path, "by": "client"}
            self._traffic.note("request", f"{short(method)} {path}", None, facts, wrong)

    def _of_origin(self, scope: Any) -> Wrong | None:
        origin = _header(scope, b"origin")
        if origin is None or self._allowed_origin(origin):
            return None
        if origin.partition("//")[2] == _header(scope, b"host"):
            return None  # a page of this server
        return self._verdicts.of_origin(short(origin))

    def _note(self, scope: Any, exchange: "_Exchange") -> None:
        extensions = scope["extensions"]
        operation = extensions.get(ROUTING_CONTEXT, {}).get("operation_id")
        method, path, status = scope["method"], short(scope["path"]), exchange.status
        by_control = BY_CONTROL in extensions
        fault = extensions.get(FAULT)
        wrong = None
        if status is not None and status >= 400:
            if not (by_control or fault or exchange.is_preferred):
                message = message_of(exchange.answer)
                refused = Refused(method, path, operation, status, message, exchange.body)
                wrong = self._verdicts.of_request(refused)
            if operation is None and wrong is None:
                return  # an icon or a map that a browser asks for by itself
        elif operation is None:
            return  # a page of the documentation
        if wrong is None and not by_control:
            wrong = self._of_origin(scope)
        facts = {
            "method": method,
            "path": path,
            "status": status,
            "milliseconds": round((time.perf_counter() - exchange.begun) * 1000, 1),
            "by": "control" if by_control else "client",
            "fault": fault,
            "headers": kept_headers(scope["headers"]),
            "body": kept(exchange.body),
            "answer": kept(exchange.answer),
        }
        name = operation or f"{method} {path}"
        self._traffic.note("request", name, user_of(scope), facts, wrong, began=exchange.began)


class _Exchange:
    """A request and its answer as they pass."""

    def __init__(self, receive: Any, send: Any) -> None:
        self._receive = receive
        self._send = send
        self.began = datetime.now(UTC)
        self.begun = time.perf_counter()
        self.body = b""
        self.status: int | None = None
        self.answer = b""
        self.is_preferred = False
        """Whether the client asked for this answer by the header Prefer."""

    async def receive(self) -> Any:
        message = await self._receive()
        self.body = message.get("body") or self.body
        return message

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.is_preferred = any(
                name == b"preference-applied" for name, _ in message.get("headers", ())
            )
        elif message["type"] == "http.response.body" and len(self.answer) <= LARGEST_KEPT:
            self.answer += message.get("body", b"")
        await self._send(message)


def _header(scope: Any, wanted: bytes) -> str | None:
    """The first value of a request's header."""
    for name, value in scope["headers"]:
        if name == wanted:
            return str(value.decode("latin-1"))
    return None


async def _nowhere(message: Any) -> None:
    """Where the answer to a request goes that was lost, or came twice."""
