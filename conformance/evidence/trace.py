"""What went over the wire around a finding: who sent what, and what came back, in order of time."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Literal

from conformance.evidence.printable import as_json, one_line
from conformance.evidence.steps import LONGEST_LINE, Step, json_list, origin_and_target
from conformance.wire.http import Exchange

LONGEST_TEXT, SHORTEST_TEXT = 4_000, 400
"""Characters of headers, or of a body, that a trace keeps at most, and that it keeps of each."""
ROOM = 16_000
"""Characters that a trace keeps beyond that, those that came last first."""

MOST_HEARD = 12
"""Events from the backend in a trace; those that came last stay."""

ARROWS = {"sent": "→", "received": "←"}


@dataclass(frozen=True, slots=True)
class Passage:
    """One thing that went to the backend or came from it, without secrets."""

    direction: Literal["sent", "received"]
    actor: str
    head: str
    """What it is in a few words: method and target, a status, the name of an event."""
    headers: str = ""
    body: str = ""
    at: float | None = None
    """Seconds since the epoch; None where it is not known."""

    def line(self) -> str:
        """All of it as one line, cut where it is long."""
        line = one_line(f"{self.actor} {ARROWS[self.direction]} {self.head} {self.body}")
        return line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]}…"

    @property
    def time(self) -> str | None:
        """When, as RFC 3339 has it."""
        if self.at is None:
            return None
        return datetime.fromtimestamp(self.at, UTC).isoformat(timespec="milliseconds")


def trace(
    steps: Sequence[Step], heard: Sequence[Step], within: float, redact: Callable[[str], str]
) -> tuple[Passage, ...]:
    """The passages of the steps, in order of time.

    Where sockets take part, what users `heard` from the first step until `within` seconds after the
    last one stands between them. A step that tells no time leaves the order as it is.
    """
    told = list(steps)
    times = [step.at for step in steps if step.at is not None]
    timed = len(times) == len(steps)
    if timed and any(step.kind in ("connect", "emit", "raw") for step in steps):
        known = {(step.kind, step.actor, step.at) for step in steps}
        around = [
            step
            for step in heard
            if (step.kind, step.actor, step.at) not in known
            and step.at is not None
            and min(times) <= step.at <= max(times) + within
        ]
        told += around[-MOST_HEARD:]
    passages = [passage for step in told for passage in _passages(step, redact)]
    if timed:
        passages.sort(key=lambda passage: passage.at or 0.0)
    return fitted(passages, ROOM, SHORTEST_TEXT, lambda length: f"… ({length:,} characters in all)")


def fitted(
    passages: Sequence[Passage], room: int, shortest: int, note: Callable[[int], str]
) -> tuple[Passage, ...]:
    """The passages with their long texts cut so that they find room, those of the last ones least:
    what came last decided. Of each text the `shortest` part stays; `note` says of one of so many
    characters that it is cut.

    Only after redaction: a token that was cut off is not known any more.
    """

    def cut(text: str) -> str:
        nonlocal room
        longest = min(LONGEST_TEXT, max(shortest, room))
        room -= min(len(text), longest)
        return text if len(text) <= longest else f"{text[:longest]}{note(len(text))}"

    kept = [replace(it, body=cut(it.body), headers=cut(it.headers)) for it in reversed(passages)]
    return tuple(reversed(kept))


def _passages(step: Step, redact: Callable[[str], str]) -> Iterator[Passage]:
    actor = redact(step.who)
    if step.kind == "exchange" and step.exchange is not None:
        yield from _exchange(step.exchange, actor, redact)
        return
    told = redact(json_list(step.args).strip())
    match step.kind:
        case "received":
            yield Passage("received", actor, redact(step.event), body=told, at=step.at)
        case "emit":
            yield Passage("sent", actor, f"emit {redact(step.event)}", body=told, at=step.at)
        case "raw":
            sent = step.packet
            packet = redact(sent if isinstance(sent, str) else as_json(sent))
            yield Passage("sent", actor, "packet", body=packet, at=step.at)
        case "connect":
            yield Passage("sent", actor, f"connect over {step.transport}", at=step.at)
        case _:
            word = "disconnect" if step.kind == "close" else "drop off without a word"
            yield Passage("sent", actor, word, at=step.at)


def _exchange(exchange: Exchange, actor: str, redact: Callable[[str], str]) -> Iterator[Passage]:
    target = origin_and_target(exchange.url)[1].decode("utf-8", "backslashreplace")
    yield Passage(
        "sent",
        actor,
        _head(redact(f"{exchange.method} {target}")),
        _headers(exchange.request_headers.items(), redact),
        _body(exchange.request_body or b"", redact),
        exchange.started,
    )
    ended = exchange.started + exchange.elapsed
    if exchange.error is not None:
        yield Passage("received", actor, redact(f"no answer: {exchange.error}"), at=ended)
        return
    yield Passage(
        "received",
        actor,
        _status(exchange.status or 0),
        _headers(exchange.headers.items(), redact),
        _body(exchange.body, redact),
        ended,
    )


def _status(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _headers(fields: Iterable[tuple[str, str]], redact: Callable[[str], str]) -> str:
    return redact("\n".join(f"{name}: {value}" for name, value in fields))


def _body(body: bytes, redact: Callable[[str], str]) -> str:
    return redact(body.decode("utf-8", "backslashreplace"))


def _head(text: str) -> str:
    return text if len(text) <= LONGEST_LINE else f"{text[:LONGEST_LINE]}…"
