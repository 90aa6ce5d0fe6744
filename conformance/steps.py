"""What was done to the backend and what it did, step by step: the evidence behind a finding."""

import json
from dataclasses import dataclass
from typing import Any, Literal

from conformance.http import Exchange
from conformance.sockets import Received

Kind = Literal["request", "connect", "emit", "raw", "received", "close", "drop"]
LONGEST_LINE = 400
"""Characters of a step in a trace; the whole of it is in `events.ndjson`."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened between the suite and the backend."""

    kind: Kind
    actor: str | None
    exchange: Exchange | None = None
    """The request and its answer, of a `request`."""
    event: str = ""
    """The event's name, of `emit` and `received`; the transport, of `connect`."""
    args: tuple[Any, ...] = ()
    """The event's arguments; the packet, of `raw`."""

    @classmethod
    def of_exchange(cls, exchange: Exchange) -> "Step":
        """A request and its answer."""
        return cls("request", exchange.actor, exchange)

    @classmethod
    def of_connect(cls, actor: str, transport: str) -> "Step":
        """A socket that was opened."""
        return cls("connect", actor, event=transport)

    @classmethod
    def of_emit(cls, actor: str, event: str, args: tuple[Any, ...]) -> "Step":
        """An event to the backend."""
        return cls("emit", actor, event=event, args=args)

    @classmethod
    def of_raw(cls, actor: str, packet: str | bytes) -> "Step":
        """A packet to the backend, as it is."""
        return cls("raw", actor, args=(packet,))

    @classmethod
    def of_received(cls, actor: str, received: Received) -> "Step":
        """An event from the backend."""
        return cls("received", actor, event=received.event, args=received.args)

    @classmethod
    def of_end(cls, actor: str, kind: Literal["close", "drop"]) -> "Step":
        """A goodbye, or a connection cut without one."""
        return cls(kind, actor)

    @property
    def is_stimulus(self) -> bool:
        """Whether the suite did it, so that a reproducer has to."""
        return self.kind != "received"

    def line(self) -> str:
        """The step as one line of a trace."""
        who = self.actor or "nobody"
        if self.exchange is not None:
            sent = (self.exchange.request_body or b"")[:LONGEST_LINE].decode("utf-8", "replace")
            came = self.exchange.status or self.exchange.error
            words = f"{who}: {self.exchange.method} {self.exchange.url} {sent} → {came}"
        elif self.kind == "connect":
            words = f"{who}: connects over {self.event}"
        elif self.kind == "emit":
            words = f"{who}: emits {self.event} {_json(self.args)}"
        elif self.kind == "raw":
            words = f"{who}: sends the packet {self.args[0]!r}"
        elif self.kind == "received":
            words = f"{who}: gets {self.event} {_json(self.args)}"
        else:
            words = f"{who}: {'says goodbye' if self.kind == 'close' else 'drops the connection'}"
        words = " ".join(words.split())
        return words if len(words) <= LONGEST_LINE else f"{words[:LONGEST_LINE]}…"


def _json(args: tuple[Any, ...]) -> str:
    return ", ".join(json.dumps(arg, ensure_ascii=False, default=repr) for arg in args)
