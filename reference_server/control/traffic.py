"""What went over the wire lately: requests, events, connections, and what clients did wrong.

Everything is bounded: the oldest makes room for the newest. Tokens are never kept: neither queries
nor the values of headers that may hold one are, and what looks like a token elsewhere is replaced
when it is shown.
"""

import asyncio
import json
import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from contract import Contract
from reference_server.chat import show_time
from reference_server.control.verdicts import Wrong, short
from reference_server.payloads import encode
from reference_server.users import User

Json = dict[str, Any]
Kind = Literal["request", "event", "connection", "fault", "control", "scenario"]

MOST_ENTRIES = 1000
MOST_VIOLATIONS = 1000
LARGEST_KEPT = 4096  # bytes of a body or payload; what is larger is cut off
MOST_WAITING = 2 * MOST_ENTRIES  # entries for a listener that does not read them

MOST_HEADERS = 50

_SECRET = re.compile(r"auth|cookie|token|secret|key|session|password|credential")
_TOKEN = re.compile(r"eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}\.?[A-Za-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened."""

    id: int
    """Grows by one with each entry."""
    time: datetime
    """When it began, by the system's clock, however the server's is steered."""
    kind: Kind
    name: str
    """The operation or event, or what happened to a connection."""
    user: User | None
    """Who acted, None where nobody is known."""
    facts: Json = field(repr=False)
    """What there is to know beside that, as it is shown, but for bodies (bytes)."""
    wrong: Wrong | None = None
    """What the client did wrong."""


class Listener:
    """Hears of each entry as it is made, and of those still known that came after another."""

    def __init__(self, missed: Iterator[Entry]) -> None:
        self._queue: asyncio.Queue[Entry | None] = asyncio.Queue()
        for entry in missed:
            self._queue.put_nowait(entry)

    def tell(self, entry: Entry | None) -> None:
        """Put an entry, or None for the end, at the end of what is to be heard.

        One that does not listen hears the end when too much has come together.
        """
        if self._queue.qsize() < MOST_WAITING:
            self._queue.put_nowait(entry)
        elif self._queue.qsize() == MOST_WAITING:
            self._queue.put_nowait(None)

    async def next(self) -> Entry | None:
        """The next entry, None at the end."""
        return await self._queue.get()


class Traffic:
    """The latest entries and violations, and who listens to them."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._entries: deque[Entry] = deque(maxlen=MOST_ENTRIES)
        self._violations: deque[Entry] = deque(maxlen=MOST_VIOLATIONS)
        self._listeners: set[Listener] = set()
        self._made = 0

    def adopt(self, contract: Contract) -> None:
        """Go by another contract from now on."""
        self._contract = contract

    def note(
        self,
        kind: Kind,
        name: str,
        user: User | None,
        facts: Json,
        wrong: Wrong | None = None,
        *,
        began: datetime | None = None,
    ) -> Entry:
        """Keep an entry, and as a violation too where the client did something wrong.

        `began` is when it began, where that is not now.
        """
        self._made += 1
        entry = Entry(self._made, began or datetime.now(UTC), kind, name, user, facts, wrong)
        self._entries.append(entry)
        if wrong is not None:
            self._violations.append(entry)
        for listener in self._listeners:
            listener.tell(entry)
        return entry

    def since(self, id: int) -> Iterator[Entry]:
        """The entries after the one with this id that are still known."""
        return (entry for entry in list(self._entries) if entry.id > id)

    @property
    def violations(self) -> list[Entry]:
        """What clients did against the contract, the oldest first."""
        return list(self._violations)

    def forget_violations(self) -> None:
        """Begin anew with an empty list of violations."""
        self._violations.clear()

    def listen(self, after: int) -> Listener:
        """A listener that hears of all entries after the one with this id."""
        listener = Listener(self.since(after))
        self._listeners.add(listener)
        return listener

    def unlisten(self, listener: Listener) -> None:
        """Tell this listener nothing more."""
        self._listeners.discard(listener)

    def end(self) -> None:
        """Let all listeners hear the end."""
        for listener in self._listeners:
            listener.tell(None)

    # Showing

    def show(self, entry: Entry) -> Json:
        """An entry as JSON, with the contract's verdict on it."""
        shown: Json = {
            "id": entry.id,
            "time": show_time(entry.time),
            "kind": entry.kind,
            "name": entry.name,
            "user": show_user(entry.user),
            **{name: _shown(value) for name, value in entry.facts.items()},
        }
        if entry.kind in ("request", "event"):
            unfit = self._unfit(entry)
            shown["verdict"] = "broken" if entry.wrong or unfit else "kept"
            shown["brokenBy"] = "client" if entry.wrong else "server" if unfit else None
            shown["problem"] = unfit
        if entry.wrong is not None:
            shown |= entry.wrong.show()
        redacted: Json = _redacted(shown)
        return redacted

    def _unfit(self, entry: Entry) -> str | None:
        """What is wrong with the server's answer, None where nothing is or can be said."""
        operation = self._contract.operations.get(entry.name)
        status, body = entry.facts.get("status"), entry.facts.get("answer")
        if entry.kind != "request" or operation is None or status is None:
            return None
        response = operation.responses.get(status)
        if response is None:
            return f"The document has no answer {status} for {operation.id}."
        value = _shown(body)
        if response.validator is None or _is_cut(body) or response.validator.accepts(value):
            return None
        first = response.validator.violations(value)[0]
        return f"The answer is not as documented: {first.path or 'it'}: {first.message}"


def kept(body: bytes | None) -> bytes | None:
    """As much of a body as an entry keeps."""
    return body[: LARGEST_KEPT + 1] if body else None


def kept_headers(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """The headers of a request by name (ASGI), without the values of those that may hold a secret.

    One that came several times has its values in one text, as RFC 9110 joins them.
    """
    shown: dict[str, str] = {}
    for raw, value in list(headers)[:MOST_HEADERS]:
        name = raw.decode("latin-1").lower()
        text = "(hidden)" if _SECRET.search(name) else short(value.decode("latin-1"))
        shown[short(name)] = f"{shown[short(name)]}, {text}" if short(name) in shown else text
    return shown


def kept_payload(payload: Any) -> bytes:
    """As much of an event's payload as an entry keeps."""
    try:
        return encode(payload)[: LARGEST_KEPT + 1]
    except (TypeError, ValueError, RecursionError):
        return encode("(binary, or no JSON)")


def show_user(user: User | None) -> Json | None:
    """A user by id and name."""
    return None if user is None else {"_id": user.id, "name": user.name}


def _is_cut(body: Any) -> bool:
    return isinstance(body, bytes) and len(body) > LARGEST_KEPT


def _shown(value: Any) -> Any:
    """A fact as JSON: a body as the value it holds, or as text where it holds none."""
    if not isinstance(value, bytes):
        return value
    if _is_cut(value):
        return value[:LARGEST_KEPT].decode("utf-8", "replace") + "…"
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value.decode("utf-8", "replace")


def _redacted(value: Any) -> Any:
    """The value without tokens, and with U+FFFD for what no UTF-8 can spell."""
    if isinstance(value, str):
        text = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return _TOKEN.sub("<token>", text)
    if isinstance(value, list):
        return [_redacted(each) for each in value]
    if isinstance(value, dict):
        return {_redacted(key): _redacted(each) for key, each in value.items()}
    return value
