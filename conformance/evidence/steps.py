"""What was done to the backend and what it did, step by step: the evidence behind a finding."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

from conformance.evidence.printable import as_json
from conformance.wire.http import Exchange
from conformance.wire.sockets import Received, Transport
from conformance.wire.transports import Packet

LONGEST_LINE = 300
"""Characters of a step in a story."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was done to a backend, or that came from it, as evidence of a finding."""

    kind: Literal["exchange", "connect", "emit", "raw", "close", "drop", "received"]
    actor: str | None
    exchange: Exchange | None = None
    transport: Transport = "websocket"
    token: str | None = None  # of a connection, where it is not the actor's own
    query: Mapping[str, str] | None = None  # of a connection that brings no token
    made_with: str = ""
    """What prints the token that is not the actor's own, in sh; empty where nothing is known to."""
    event: str = ""
    args: tuple[Any, ...] = ()
    acknowledge: bool = False
    packet: Packet = ""
    at: float | None = None
    """When, in seconds since the epoch; None for a step that is only told, as in a reproducer."""
    device: int | None = None
    """Which of the actor's connections it is, by a number given when it opens; None for the one
    opened last."""
    connection: int | None = None
    """The number of the connection among all of a run; it is told nowhere."""

    @classmethod
    def of_exchange(cls, exchange: Exchange) -> Self:
        """A request and its answer."""
        return cls("exchange", exchange.actor, exchange=exchange, at=exchange.started)

    @classmethod
    def of_connect(
        cls,
        actor: str,
        transport: Transport,
        token: str | None = None,
        device: int | None = None,
        connection: int | None = None,
    ) -> Self:
        """An actor connects; with a token only where it is not the actor's own."""
        return cls(
            "connect",
            actor,
            transport=transport,
            token=token,
            device=device,
            connection=connection,
        )

    @classmethod
    def of_emit(
        cls,
        actor: str,
        event: str,
        args: Sequence[Any],
        acknowledge: bool = False,
        device: int | None = None,
        connection: int | None = None,
    ) -> Self:
        """An actor emits an event."""
        return cls(
            "emit",
            actor,
            event=event,
            args=tuple(args),
            acknowledge=acknowledge,
            device=device,
            connection=connection,
        )

    @classmethod
    def of_raw(cls, actor: str, packet: Packet) -> Self:
        """An actor sends an Engine.IO packet as it is."""
        return cls("raw", actor, packet=packet)

    @classmethod
    def of_close(
        cls,
        actor: str,
        *,
        dropped: bool = False,
        device: int | None = None,
        connection: int | None = None,
    ) -> Self:
        """An actor says goodbye, or drops off."""
        return cls("drop" if dropped else "close", actor, device=device, connection=connection)

    @classmethod
    def of_received(
        cls,
        actor: str,
        received: Received,
        device: int | None = None,
        connection: int | None = None,
    ) -> Self:
        """An actor gets an event."""
        event, args, at = received.event, received.args, received.wall
        return cls(
            "received", actor, event=event, args=args, at=at, device=device, connection=connection
        )

    def repeats(self, other: "Step") -> bool:
        """Whether both read the same thing as the same user."""
        one, two = self.exchange, other.exchange
        return (
            one is not None
            and two is not None
            and one.method == two.method == "GET"
            and (one.url, one.actor) == (two.url, two.actor)
        )

    @property
    def who(self) -> str:
        """Who does it, or gets it, and with which device."""
        device = "" if self.device is None else f" (device {self.device})"
        return f"{self.actor or 'Nobody'}{device}"

    def line(self) -> str:
        """The step as one line of a story, not redacted."""
        match self.kind:
            case "exchange" if self.exchange is not None:
                told = _exchange_line(self.exchange)
            case "connect":
                told = f"connects over {self.transport}"
            case "emit":
                told = f"emits {self.event}{json_list(self.args)}"
            case "raw":
                told = f"sends the packet {as_json(self.packet)}"
            case "received":
                told = f"gets {self.event}{json_list(self.args)}"
            case _:
                told = {"close": "disconnects", "drop": "drops off"}[self.kind]
        line = f"{self.who}: {told}"
        return line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]}…"


def _exchange_line(exchange: Exchange) -> str:
    sent = (exchange.request_body or b"")[:LONGEST_LINE].decode("utf-8", "backslashreplace")
    came = exchange.error or exchange.status
    path = origin_and_target(exchange.url)[1].decode("utf-8", "backslashreplace")
    return f"{exchange.method} {path} {sent}{' ' if sent else ''}-> {came}"


def json_list(args: Sequence[Any]) -> str:
    """The arguments of an event as JSON, a space before each."""
    return "".join(f" {as_json(arg)}" for arg in args)


def origin_and_target(url: str) -> tuple[bytes, bytes]:
    """Origin and request target; not with urllib, which mends what it takes apart."""
    raw = url.encode("utf-8", "surrogateescape")
    scheme, _, rest = raw.partition(b"://")
    slash = re.search(rb"[/?#]", rest)
    host = rest[: slash.start()] if slash else rest
    return scheme + b"://" + host, rest[len(host) :] or b"/"
