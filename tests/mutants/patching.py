"""How a mutant gets into the reference server: patches that last as long as the process, or a test.

Every patch replaces something that exists, by something that can be called in the same way; both
are held when it is applied, so that a mutant fails at once when the server has moved on.
"""

import inspect
import json
from collections.abc import Awaitable, Callable, Collection
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any, Self
from unittest import mock

from reference_server import server
from reference_server.chat import Chat
from reference_server.events import EventRouter, _room

Json = Any


class Defect(Exception):
    """What a mutant raises where its defect is that something fails inside."""


class Unfit(Exception):
    """A replacement cannot be called as the original is."""


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request before the application has seen it."""

    operation: str | None
    """The operation that its method and path mean, None for any other."""
    scope: dict[str, Any]
    body: bytes

    @property
    def json(self) -> Json:
        """The body as JSON, None where it is none."""
        return decoded(self.body)

    @property
    def last_segment(self) -> str:
        """The last segment of the path, decoded: the other user's id of a history."""
        return str(self.scope["path"].rpartition("/")[2])

    def header(self, name: str) -> str:
        """A header, empty where it is absent."""
        headers = dict(self.scope["headers"])
        return str(headers.get(name.lower().encode(), b"").decode("latin-1"))

    def with_json(self, value: Json) -> "Request":
        """The same request with another body."""
        return replace(self, body=json.dumps(value).encode())

    def with_header(self, name: str, value: str) -> "Request":
        """The same request with one header set."""
        kept = [pair for pair in self.scope["headers"] if pair[0] != name.lower().encode()]
        headers = [*kept, (name.lower().encode(), value.encode("latin-1"))]
        return replace(self, scope={**self.scope, "headers": headers})


@dataclass(slots=True)
class Answer:
    """An HTTP answer before it leaves."""

    status: int
    body: bytes
    media: str = "application/json"

    @property
    def json(self) -> Json:
        """The body as JSON, None where it is none."""
        return decoded(self.body)

    @classmethod
    def of(cls, status: int, value: Json, media: str = "application/json") -> Self:
        """An answer with a JSON body."""
        return cls(status, json.dumps(value, ensure_ascii=False).encode(), media)


Proceed = Callable[[Request], Awaitable[Answer]]
Around = Callable[[Request, Proceed], Awaitable[Answer]]
Emit = Callable[..., Awaitable[None]]


def decoded(body: bytes) -> Json:
    """The JSON value of some bytes, None where they are none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


class Patch:
    """Changes the reference server until it is closed. Calling it replaces one attribute."""

    def __init__(self) -> None:
        self._patches = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._patches.close()

    def __call__(self, owner: Any, replacement: Any, name: str | None = None) -> Any:
        """Put a function or value in the place of `owner`'s attribute; returns the original.

        The attribute has the replacement's name where none is given. Raises AttributeError where
        it does not exist, Unfit where the two are called differently.
        """
        name = name or replacement.__name__
        original = getattr(owner, name)
        if inspect.isfunction(original):
            _require_fit(owner, name, original, replacement)
        self._patches.enter_context(mock.patch.object(owner, name, replacement))
        return original

    def wire(self, around: Around) -> None:
        """Let a coroutine stand around every HTTP request outside Socket.IO."""
        Bridge = server.Bridge

        def bridge(application: Any, *arguments: Any, **options: Any) -> Any:
            async def wrapped(scope: dict[str, Any], receive: Any, send: Any) -> None:
                if scope["type"] != "http":
                    await application(scope, receive, send)
                    return
                message = await receive()
                request = Request(_operation(scope), scope, message.get("body", b""))
                answer = await around(request, lambda request: _proceed(application, request))
                await _respond(send, answer)

            return Bridge(wrapped, *arguments, **options)

        self(server, bridge, "Bridge")

    def handler(self, operation_id: str, handle: Callable[..., Awaitable[Any]]) -> None:
        """Replace an operation's handler: `handle(chat, call, original)`."""
        self._handlers("rest_handlers", operation_id, handle)

    def receiver(self, operation_id: str, handle: Callable[..., Awaitable[Any]]) -> None:
        """Replace a received event's handler: `handle(chat, user, payload, original)`."""
        self._handlers("event_handlers", operation_id, handle)

    def _handlers(self, name: str, id: str, handle: Callable[..., Awaitable[Any]]) -> None:
        def handlers(chat: Chat) -> Any:
            known = dict(original(chat))
            known[id] = _bound(handle, chat, known[id])
            return known

        original = self(server, handlers, name)

    def payloads(self, change: Callable[[str, tuple[Any, ...]], tuple[Any, ...]]) -> None:
        """Let `change(event, arguments)` see what a client emits before it is judged."""

        def _receiver(router: Any, event: Any, handler: Any) -> Any:
            receive = original(router, event, handler)

            async def changed(sid: str, *arguments: Any) -> Any:
                return await receive(sid, *change(event.name, arguments))

            return changed

        original = self(EventRouter, _receiver)

    def acknowledgements(self, change: Callable[[str, Any], Any]) -> None:
        """Let `change(event, acknowledgement)` see what is acknowledged."""

        def _receiver(router: Any, event: Any, handler: Any) -> Any:
            receive = original(router, event, handler)

            async def changed(sid: str, *arguments: Any) -> Any:
                return change(event.name, await receive(sid, *arguments))

            return changed

        original = self(EventRouter, _receiver)

    def deliveries(self, deliver: Callable[..., Awaitable[None]]) -> None:
        """Put `deliver(emit, event, payload, user_ids)` between the chat and the sockets.

        `emit(event, payload, user_ids)` sends anything, whether the contract allows it or not.
        """

        async def announce(router: Any, event: str, payload: Json, user_ids: Any) -> None:
            async def emit(event: str, payload: Any, user_ids: Collection[str] | None) -> None:
                """To these users, None for everybody."""
                rooms = None if user_ids is None else [_room(user_id) for user_id in user_ids]
                if rooms is None or rooms:
                    await router._sockets.emit(event, payload, room=rooms, namespace="/")

            await deliver(emit, event, payload, user_ids)

        self(EventRouter, announce)

    def changed_deliveries(self, event: str, change: Callable[[dict[str, Any]], Any]) -> None:
        """Let one event leave with another payload."""

        async def deliver(emit: Emit, name: str, payload: Json, user_ids: Any) -> None:
            await emit(name, change(dict(payload)) if name == event else payload, user_ids)

        self.deliveries(deliver)

    def the(self, kind: type) -> list[Any]:
        """A list that will hold each object of the class that the server makes."""
        made: list[Any] = []
        original = kind.__init__

        def __init__(self: Any, *args: Any, **options: Any) -> None:
            original(self, *args, **options)
            made.append(self)

        self(kind, __init__)
        return made


def _bound(handle: Any, chat: Chat, original: Any) -> Any:
    async def handler(*given: Any) -> Any:
        return await handle(chat, *given, original)

    return handler


def _require_fit(owner: Any, name: str, original: Any, replacement: Any) -> None:
    theirs, ours = (list(inspect.signature(f).parameters.values()) for f in (original, replacement))
    if any(each.kind is each.VAR_POSITIONAL for each in ours):
        return
    first = 1 if inspect.isclass(owner) else 0  # how a method calls its object is its own affair
    if [p.name for p in theirs[first:]] != [p.name for p in ours[first:]]:
        raise Unfit(
            f"{getattr(owner, '__name__', owner)}.{name} takes {[p.name for p in theirs]}, its"
            f" replacement {[p.name for p in ours]}"
        )


def _operation(scope: dict[str, Any]) -> str | None:
    path, method = scope["path"].rstrip("/"), scope["method"]
    if method == "POST" and path == "/api/messages/send":
        return "sendMessage"
    if method == "POST" and path == "/api/chat/send":
        return "sendChatMessage"
    if method == "GET" and path.startswith("/api/messages/"):
        return "listMessages"
    if method == "PUT" and path.startswith("/api/conversations/") and path.endswith("/metadata"):
        return "updateConversationMetadata"
    return None


async def _proceed(application: Any, request: Request) -> Answer:
    """What the application answers."""
    answer = Answer(0, b"", "")

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": request.body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.media = dict(message["headers"]).get(b"content-type", b"").decode()
        else:
            answer.body += message.get("body", b"")

    await application(dict(request.scope), receive, send)
    return answer


async def _respond(send: Any, answer: Answer) -> None:
    headers = [(b"content-length", b"%d" % len(answer.body))]
    if answer.body and answer.media:
        headers.append((b"content-type", answer.media.encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
