"""Watches all traffic of a run: pure functions over every answer and every event.

What is judged here holds whatever the request was, so scenarios and fuzzing need not look at it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from conformance.evidence.printable import as_json
from conformance.judging.causes import cause_of
from conformance.judging.judgements import Judgement
from conformance.judging.leaks import leak
from conformance.judging.messages import (
    STATUSES,
    member,
    message_id,
    status_rank,
    unwrapped,
    user_id,
)
from conformance.wire.http import NOT_JSON, Exchange
from contract import Contract, Operation, Response, Violation

BEFORE_THE_APPLICATION = frozenset({413, 414, 429, 431})
"""Statuses with which an HTTP server answers by itself; any body will do (D12)."""

BESIDE_THE_APPLICATION = frozenset({501, 502, 503, 504, 505})
"""Statuses with which an HTTP server or a proxy says of itself that it does not know a method or a
version, or that nobody stands behind it; outside of the operations any request may get one."""

NOT_JUDGED = frozenset({"HEAD", "OPTIONS"})
"""Methods whose answers are not judged (D12)."""

CONDITIONAL = frozenset(
    {"if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range", "range"}
)
"""Fields of a request that make it conditional or partial; its answer is not judged (D12)."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A message as it was seen once."""

    id: str
    rank: int
    """0 sent, 1 delivered, 2 read."""
    began: float
    """Seconds since the epoch before which the backend cannot have looked the status up."""
    ended: float
    """Seconds since the epoch at which it had been seen."""
    live: bool
    """Seen in an event, which may have waited on its way."""


def judge_exchange(contract: Contract, exchange: Exchange) -> Iterator[Judgement]:
    """All that holds for any answer of a documented operation; of any other, that it is no 5xx.

    Nothing is said about HEAD and OPTIONS, about conditional requests, or about what the HTTP
    server answered before the application saw the request (D12).
    """
    operation = contract.operations.get(exchange.operation or "")
    status = exchange.status
    if (
        status is None
        or status in BEFORE_THE_APPLICATION
        or exchange.method in NOT_JUDGED
        or any(name.lower() in CONDITIONAL for name in exchange.request_headers)
    ):
        return
    if operation is None or exchange.method != operation.method:
        if urlsplit(exchange.url).path in ("", "/"):
            return  # Asked only to see whether somebody listens, maybe before all is ready.
        yield Judgement(
            "ERR-03",
            status < 500 or status in BESIDE_THE_APPLICATION,
            f"A {exchange.method} request that the contract does not name is answered {status}",
            "no 5xx, whatever the request is",
            described(exchange),
        )
        return
    name = f"{operation.method} {operation.path}"
    yield Judgement(
        "ERR-03",
        status < 500,
        f"{name} answers {status}",
        "no 5xx, whatever the request is",
        described(exchange),
    )
    response = operation.responses.get(status)
    if response is None and operation.blame.accepts and shows_success(exchange):
        # All else is then judged as if the status were right.
        response = operation.responses[operation.success]
        yield Judgement(
            operation.blame.accepts,
            False,
            f"{name} answers {status} where it succeeds, and not {operation.success}",
            str(operation.success),
            described(exchange),
            cause=f"{status} and not {operation.success} is the status of success",
        )
    documented = ", ".join(str(known) for known in sorted(operation.responses))
    yield Judgement(
        "ERR-09",
        response is not None or status >= 500,
        f"{name} answers {status}, which it does not document",
        f"one of {documented}",
        described(exchange),
        cause=f"the status {status}",
    )
    if exchange.body:
        media = exchange.headers.get("Content-Type", "")
        yield Judgement(
            "ERR-07",
            media.partition(";")[0].strip().lower() == "application/json",
            f"{name} answers {status} with a body that is not said to be application/json",
            "Content-Type: application/json",
            f"Content-Type: {media or '(none)'}",
            cause="the Content-Type",
        )
    if status >= 400:
        yield from _judge_error(name, exchange)
    elif response is not None:
        yield _judge_body(name, operation, response, exchange)


def _judge_error(name: str, exchange: Exchange) -> Iterator[Judgement]:
    body = exchange.json
    message = member(body, "message")
    holds = member(body, "success") is False and isinstance(message, str) and bool(message)
    yield Judgement(
        "ERR-01",
        holds,
        f"{name} answers {exchange.status} without the error body",
        '{"success": false, "message": "…"} as JSON',
        described(exchange),
        cause="the body of errors",
    )
    given_away = leak(exchange)
    yield Judgement(
        "ERR-04",
        given_away is None,
        f"{name} answers {exchange.status} with {given_away} in the body",
        "a message that shows nothing of the backend's inside",
        described(exchange),
    )


def shows_success(exchange: Exchange) -> bool:
    """Whether an answer says that the operation was done: by its status, and by what it returns."""
    body = exchange.json
    if not exchange.succeeded or body is NOT_JSON or member(body, "success") is False:
        return False
    data = unwrapped(body)
    return isinstance(data, list) or (
        isinstance(data, dict) and (data is not body or user_id(data) is not None)
    )


def _judge_body(
    name: str, operation: Operation, response: Response, exchange: Exchange
) -> Judgement:
    body = exchange.json
    violations: tuple[Violation, ...] = ()
    if body is NOT_JSON:
        violation, problem = True, "the body is no JSON"
    else:
        violations = response.validator.violations(body) if response.validator else ()
        violation = bool(violations)
        problem = "; ".join(f"{v.path or 'the body'}: {v.message}" for v in violations[:3])
    place = _place(violations[0]) if violations else ""
    return Judgement(
        "ALL-01",
        not violation,
        f"The answer {exchange.status} of {name} does not fit the document{place}",
        f"the schema of {operation.id}'s answer {exchange.status}",
        f"{problem} — {described(exchange)}",
        cause=cause_of(violations),
    )


def judge_event(contract: Contract, name: str, args: tuple[Any, ...]) -> Iterator[Judgement]:
    """What holds for any event that the contract names; others are not judged (D6)."""
    event = contract.events.get(name)
    if event is None or event.action != "send":
        return
    if not args:
        yield Judgement(
            "ALL-02", False, f"{name} comes without a payload", "a payload", "no argument"
        )
        return
    violations = event.payload.validator.violations(args[0])
    place = _place(violations[0]) if violations else ""
    yield Judgement(
        "ALL-02",
        not violations,
        f"The payload of {name} does not fit its schema{place}",
        f"the schema of {name}",
        f"{'; '.join(f'{v.path or name}: {v.message}' for v in violations[:3])} — {short(args[0])}",
        cause=cause_of(violations),
    )


def judge_acknowledgements(
    contract: Contract, name: str, answers: tuple[tuple[Any, ...], ...]
) -> Iterator[Judgement]:
    """What holds for the acknowledgements of one emitted event (D13).

    One without arguments, which some libraries send by themselves, says nothing and is silence.
    """
    event = contract.events.get(name)
    if event is None or event.acknowledgement is None or not answers:
        return
    yield Judgement(
        "MSG-13",
        len(answers) == 1,
        f"{name} is acknowledged more than once",
        "one acknowledgement",
        f"{len(answers)} acknowledgements",
        "must",
    )
    first = next((answer for answer in answers if answer), None)
    if first is None:
        return
    data = member(first[0], "data") if member(first[0], "success") is True else None
    violations: tuple[Violation, ...] = ()
    if isinstance(data, dict) and not event.acknowledgement.accepts(first[0]):
        # It is one of success, so what is wrong with it is wrong with the message.
        violations = contract.events["receiveMessage"].payload.validator.violations(data)
    wrong = (
        f"shows a message that does not fit its schema{_place(violations[0])}"
        if violations
        else "is neither a success nor the error body"
    )
    yield Judgement(
        "MSG-13",
        event.acknowledgement.accepts(first[0]),
        f"The acknowledgement of {name} {wrong}",
        '{"success": true, …} as documented, or {"success": false, "message": "…"}',
        short(first[0]),
        "must",
        cause_of(violations),
    )


class StatusWatch:
    """Remembers the statuses of messages and says when one went back (ALL-03).

    Two sightings are compared only when the later one was asked for after the earlier one had been
    seen; an event is never the later one, since it may have waited on its way.
    """

    def __init__(self) -> None:
        self._first_seen: dict[str, dict[int, float]] = {}
        """By message and rank, when the message had been seen with it first."""

    def judge(self, sighting: Sighting) -> Judgement:
        """Compares a sighting with all before it, and remembers it."""
        seen = self._first_seen.setdefault(sighting.id, {})
        before = max((rank for rank, ended in seen.items() if ended < sighting.began), default=0)
        seen[sighting.rank] = min(sighting.ended, seen.get(sighting.rank, sighting.ended))
        return Judgement(
            "ALL-03",
            sighting.live or before <= sighting.rank,
            "The status of a message goes back",
            "sent, delivered, read: only forwards",
            f"message {sighting.id} went from {STATUSES[before]} to {STATUSES[sighting.rank]}",
        )


def sightings(exchange: Exchange) -> Iterator[Sighting]:
    """The messages in an answer and their statuses."""
    for message in messages_of(exchange):
        id, rank = message_id(message), status_rank(message)
        if id is not None and rank is not None:
            yield Sighting(id, rank, exchange.started, exchange.started + exchange.elapsed, False)


def messages_of(exchange: Exchange) -> list[Any]:
    """What may be messages in an answer."""
    if not exchange.succeeded:
        return []
    data = unwrapped(exchange.json)
    return data if isinstance(data, list) else [data]


def described(exchange: Exchange) -> str:
    """An answer in one line: status and the beginning of its body."""
    if exchange.status is None:
        return f"no answer: {exchange.error}"
    body = exchange.body.decode("utf-8", "replace")
    return f"{exchange.status} {shortened(body) if body else '(no body)'}"


def short(value: Any) -> str:
    """A JSON value in one line, its beginning when it is long."""
    return shortened(as_json(value))


def shortened(text: str, longest: int = 300) -> str:
    """The text on one line, cut in the middle of nowhere when it is longer."""
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[:longest]}… ({len(line)} characters)"


def _place(violation: Violation) -> str:
    """What is wrong where, with array indexes replaced, so that it is the same from run to run."""
    path = re.sub(r"/\d+(?=/|$)", "/…", violation.path)
    where = f" at {path}" if path else ""
    if violation.missing is not None:
        return f"{where}: {violation.missing} is missing"
    if violation.members:
        return f"{where}: {' or '.join(violation.members)} is missing or wrong"
    return where or " at its top"
