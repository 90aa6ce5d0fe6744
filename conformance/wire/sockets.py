"""Socket.IO 5 as a client speaks it: a connection that records everything and hides nothing.

Whatever a scenario asks is answered from the record, which begins with the first frame: an event
that came before anyone waited for it is found like any other, an acknowledgement that came twice
is there twice. Source: https://github.com/socketio/socket.io-protocol (revision 5); what a client
does with packets that break the protocol is what socket.io-client 4 does: it ends the connection.
"""

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from conformance.wire import packets
from conformance.wire.deadlines import Deadline
from conformance.wire.pacing import Pace
from conformance.wire.sessions import Session, Transport
from conformance.wire.transports import (
    Address,
    Ended,
    NoAnswer,
    NotConnected,
    Packet,
    Refused,
    Throttled,
    Unreachable,
    WrongProtocol,
    shown,
)

__all__ = [
    "Closed", "Connection", "Emission", "Frame", "NoAnswer", "NotConnected", "Received", "Refused",
    "Throttled", "Transport", "Unreachable", "WrongProtocol",
]  # fmt: skip


class Closed(Exception):
    """Nothing can be sent on a connection that has ended; `str` says how it ended."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One Engine.IO packet as it passed."""

    sent: bool  # by the suite; otherwise received
    transport: str  # "websocket" or "polling"
    data: Packet  # text with its type digit in front, or the content of a binary message
    at: float  # seconds on the monotonic clock
    wall: float  # seconds since the epoch


@dataclass(frozen=True, slots=True)
class Received:
    """One event from the server."""

    event: str
    args: tuple[Any, ...]  # binary ones as bytes
    at: float
    wall: float
    index: int  # of the frame that completed it


@dataclass(frozen=True, slots=True)
class Emission:
    """One event to the server."""

    event: str
    args: tuple[Any, ...]
    id: int | None  # of the acknowledgement that was asked for
    at: float
    wall: float
    mark: int  # index of the first frame that can be a consequence


class Connection:
    """One Socket.IO client on the default namespace, from `open` to `close` or `drop`.

    All methods may be called from any thread. `observe` gets every event as it arrives, in the
    connection's own thread; it must not wait for anything of this connection.
    """

    def __init__(
        self,
        actor: str | None,
        pace: Pace,
        observe: Callable[[Received], None] | None,
        keep: bool = True,
    ):
        self.actor = actor
        self.number: int | None = None
        """By which steps name it."""
        self._pace = pace
        self._observe = observe
        self._keep = keep
        self._changed = threading.Condition()  # guards what follows
        self._frames: list[Frame] = []
        self._received: list[Received] = []
        self._acknowledgements: dict[int, list[tuple[Any, ...]]] = {}
        self._next_id = 0
        self._assembly = packets.Assembly()
        self._sid: str | None = None
        self._refusal: NotConnected | None = None
        self._close_reason: str | None = None
        self._leaving: str | None = None
        self._lost: Callable[[], object] | None = None
        self._failure: Exception | None = None  # of `observe`
        self._session: Session

    @classmethod
    def open(
        cls,
        url: str,
        *,
        token: str | None = None,
        transport: Transport = "websocket",
        auth: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        actor: str | None = None,
        pace: Pace,
        observe: Callable[[Received], None] | None = None,
        lost: Callable[[], object] | None = None,
        breathe: bool = False,
        number: int | None = None,
        keep: bool = True,
    ) -> Self:
        """Connects to the root of the server at `url`, with `token` in the query.

        `transport`: "websocket" or "polling" alone, or "default": polling, then an upgrade while
        the connection is already in use. With `breathe` the connection rests (`Pace.breath`)
        before it is returned, and one that ends while it does was refused. `lost` is called when
        the connection has ended by itself, in one of its threads. Without `keep` no frame and no
        event is remembered, as `observe` has heard of them: for connections that live long.

        Raises Unreachable, Refused, NoAnswer, or its kind WrongProtocol, and Throttled; nothing is
        left running then. Raises ValueError for a URL that is none.
        """
        self = cls(actor, pace, observe, keep)
        self._lost, self.number = lost, number
        query = {} if token is None else {"token": token}
        address = Address.of(url, query, headers or {})
        self._session = Session(address, pace, self, f"r2c socket of {actor}")
        deadline = self._session.open(transport)
        try:
            self._join_namespace(auth, deadline)
            if breathe and self.rest(pace.breath):
                raise self._refusal or Refused("connect", "closed", self._close_reason)
        except BaseException:
            self.drop()
            raise
        return self

    def _join_namespace(self, auth: Mapping[str, Any] | None, deadline: Deadline) -> None:
        with suppress(Ended):  # which the wait below sees too
            self._session.send([packets.connect(None if auth is None else dict(auth))])
        with self._changed:
            self._changed.wait_for(lambda: self._sid or self._close_reason, deadline.left)
            if self._sid is not None:
                return  # connected, even if it has ended again since
            self._complain()
            if self._close_reason is not None:
                raise self._refusal or Refused("connect", "closed", self._close_reason)
            raise NoAnswer("connect", deadline.seconds)

    # What is sent

    def emit(self, event: str, *args: Any, acknowledge: bool = False) -> Emission:
        """Sends an event; bytes in `args` go as binary attachments. Raises Closed."""
        with self._changed:
            id = self._next_id if acknowledge else None
            self._next_id += acknowledge
            mark = len(self._frames)
        encoded = packets.event(event, args, id)
        emission = Emission(event, args, id, time.monotonic(), time.time(), mark)
        self._send(encoded)
        return emission

    def send_raw(self, packet: Packet) -> None:
        """Sends an Engine.IO packet (`42["typing"]`, say) as it is: one WebSocket frame, or the
        whole body of a POST. Raises Closed.
        """
        self._send([packet], raw=True)

    def _send(self, messages: list[Packet], *, raw: bool = False) -> None:
        self._complain()
        try:
            self._session.send(messages, raw=raw)
        except Ended as end:
            raise Closed(self._close_reason or str(end)) from None

    # What came

    @property
    def frames(self) -> tuple[Frame, ...]:
        """Everything that passed so far, in order."""
        with self._changed:
            return tuple(self._frames)

    def mark(self) -> int:
        """The index of the next frame: `since` for what happens from now on."""
        with self._changed:
            return len(self._frames)

    def received(self, event: str | None = None, since: int = 0) -> tuple[Received, ...]:
        """The events that came so far, all or those of one name, in order."""
        with self._changed:
            return tuple(
                one for one in self._received if one.index >= since and event in (None, one.event)
            )

    def wait_for(
        self,
        event: str,
        where: Callable[[tuple[Any, ...]], bool] = lambda args: True,
        *,
        within: float,
        since: int = 0,
    ) -> Received | None:
        """The first event of this name from frame `since` on whose arguments pass `where`.

        None when `within` seconds pass without it, or the connection ends.
        """
        deadline = Deadline(within)
        looked_at = 0
        with self._changed:
            while True:
                while looked_at < len(self._received):
                    one = self._received[looked_at]
                    looked_at += 1
                    if one.event == event and one.index >= since and where(one.args):
                        return one
                self._complain()
                if self._close_reason is not None or deadline.left == 0:
                    return None
                self._changed.wait(deadline.left)

    def acknowledgement(self, emission: Emission, within: float) -> tuple[Any, ...] | None:
        """The arguments of the first acknowledgement of an emission; None as in `wait_for`."""
        with self._changed:
            self._changed.wait_for(
                lambda: self.acknowledgements(emission) or self._close_reason, within
            )
            self._complain()
            first = next(iter(self.acknowledgements(emission)), None)
            if not self._keep and emission.id is not None:
                self._acknowledgements.pop(emission.id, None)
            return first

    def acknowledgements(self, emission: Emission) -> tuple[tuple[Any, ...], ...]:
        """All acknowledgements of an emission so far; a conforming server sends one at most."""
        with self._changed:
            return () if emission.id is None else tuple(self._acknowledgements.get(emission.id, ()))

    def rest(self, seconds: float) -> bool:
        """Waits that long, or until the connection ends; returns whether it has ended."""
        with self._changed:
            self._changed.wait_for(lambda: self._close_reason, seconds)
            self._complain()
            return self._close_reason is not None

    # The end

    @property
    def transport(self) -> str:
        """What carries the connection now: "polling" or "websocket"."""
        return self._session.transport

    def await_upgrade(self, within: float) -> bool:
        """Waits until the upgrade of "default" is over; whether WebSocket carries it now."""
        return self._session.await_upgrade(within)

    @property
    def ping_window(self) -> float:
        """Seconds after which the server takes a client that fell silent for gone."""
        return self._session.ping_window

    @property
    def sid(self) -> str:
        """The id that the server gave to this socket."""
        return self._sid or ""

    @property
    def closed(self) -> bool:
        """Whether the connection has ended, from either side."""
        return self._close_reason is not None

    @property
    def close_reason(self) -> str | None:
        """How the connection ended, as one phrase; None while it lives."""
        return self._close_reason

    def close(self) -> None:
        """Says goodbye and ends the connection; the second time, and after `drop`, nothing."""
        with self._changed:
            if self._close_reason is None and self._leaving is None:
                self._leaving = "closed by the suite"
        if self._close_reason is None:
            self._session.say_goodbye([packets.disconnect()])
        self._end_session()

    def drop(self) -> None:
        """Cuts the TCP connections without a goodbye."""
        with self._changed:
            self._leaving = self._leaving or "dropped by the suite"
        self._end_session()

    def _end_session(self) -> None:
        self._session.end(self._leaving or "")
        self._session.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _complain(self) -> None:
        """A fault of the observer, or of the session, must not end in a thread's void."""
        self._session.complain()
        if self._failure is not None:
            raise RuntimeError(f"observing an event of {self.actor} failed") from self._failure

    # What the session tells (its threads call)

    def on_frame(self, sent: bool, transport: str, data: Packet) -> int:
        """Records a frame and returns its index."""
        with self._changed:
            if not self._keep:
                self._frames.clear()
            self._frames.append(Frame(sent, transport, data, time.monotonic(), time.time()))
            return len(self._frames) - 1

    def on_message(self, data: Packet, frame: int) -> None:
        """Takes one Socket.IO packet or one binary attachment. Raises Ended."""
        try:
            packet = self._assembly.add(data)
            if packet is not None and packet.namespace in (None, "/"):
                self._take(packet, frame)
        except packets.MALFORMED:
            self._break_off(f"parse error: {shown(data)} is no Socket.IO packet here")

    def _take(self, packet: Any, frame: int) -> None:
        kind, data = packet.packet_type, packet.data
        if kind in packets.EVENTS:
            name, *args = data
            if not isinstance(data, list) or not isinstance(name, str):
                raise ValueError("an event without a name")
            self._take_event(name, tuple(args), frame)
        elif kind in packets.ACKNOWLEDGEMENTS:
            if not isinstance(data, list):
                raise ValueError("an acknowledgement without arguments")
            with self._changed:
                self._acknowledgements.setdefault(packet.id, []).append(tuple(data))
                self._changed.notify_all()
        elif kind == packets.CONNECT:
            if not isinstance(data, dict) or "sid" not in data:
                seen = "a CONNECT packet without sid, as Socket.IO 2 sends it"
                self._break_off(seen, WrongProtocol("connect", seen))
            with self._changed:
                self._sid = str(data["sid"])
                self._changed.notify_all()
        elif kind == packets.CONNECT_ERROR:
            self._break_off("connect error", Refused("connect", "connect_error", data))
        elif kind == packets.DISCONNECT:
            self._break_off(
                "the server disconnected the socket", Refused("connect", "disconnected")
            )
        else:
            raise ValueError("a packet of unknown type")

    def _take_event(self, name: str, args: tuple[Any, ...], index: int) -> None:
        frame = self._frames[index]
        received = Received(name, args, frame.at, frame.wall, index)
        failure: Exception | None = None
        if self._observe is not None:
            # Before anyone waiting hears of it: what is judged everywhere is judged by then.
            try:
                self._observe(received)
            except Exception as error:
                failure = error
        with self._changed:
            self._failure = self._failure or failure
            if self._keep:
                self._received.append(received)
            self._changed.notify_all()

    def _break_off(self, reason: str, refusal: NotConnected | None = None) -> None:
        with self._changed:
            self._refusal = self._refusal or refusal
        raise Ended(reason)

    def on_end(self, reason: str) -> None:
        """The session is over."""
        with self._changed:
            self._close_reason = self._leaving or reason
            joined = self._sid is not None
            self._changed.notify_all()
        if self._lost is not None and joined and not self._leaving:
            self._lost()
