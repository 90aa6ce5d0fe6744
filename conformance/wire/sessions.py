"""One Engine.IO session: its threads, its upgrade, its end.

A session over WebSocket has one thread, which reads. One over polling has a second, which writes,
because each POST takes a round trip. In the mode "default" a third one upgrades to WebSocket as
engine.io-client does: it probes while polling goes on, lets the requests under way come to their
end, and moves both directions over at once.
"""

import http.client
import threading
from collections import deque
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Literal, Protocol

from conformance.wire import transports
from conformance.wire.deadlines import Deadline
from conformance.wire.pacing import Pace
from conformance.wire.throttling import Throttle
from conformance.wire.transports import (
    Address,
    Ended,
    NoAnswer,
    NotConnected,
    Opening,
    Packet,
    Polling,
    Refused,
    Throttled,
    WebSocket,
    WrongProtocol,
)

Transport = Literal["websocket", "polling", "default"]

LONGEST_SILENCE = 24 * 3600.0
"""Seconds after which a silent server is given up whatever it announced: longer than any run, and
a time that the operating system can wait for, unlike the 2^31 ms that some announce for "never"."""

MOST_PACKETS = 16
"""Packets in one POST. python-engineio throws a longer one away and still answers 200, although no
protocol sets a limit: a burst would look like messages lost by the backend."""


class Listener(Protocol):
    """Who a session belongs to. Called from the session's threads, frames in their order."""

    def on_frame(self, sent: bool, transport: str, data: Packet) -> int:
        """A packet is about to be sent, or has come; returns the number of its frame."""

    def on_message(self, data: Packet, frame: int) -> None:
        """The content of a message packet has come, in the frame of this number."""

    def on_end(self, reason: str) -> None:
        """The session is over; called once."""


class Session:
    """An Engine.IO session. `send`, `say_goodbye` and `end` may be called from any thread."""

    def __init__(self, address: Address, pace: Pace, listener: Listener, name: str) -> None:
        self._address = address
        self._pace = pace
        self._listener = listener
        self._name = name
        self._turn = threading.Condition()  # guards what follows
        self._outbox: deque[tuple[Packet, bool]] = deque()  # packet, whether to send it as it is
        self._posting = False
        self._parked = False  # the reader waits for the upgrade
        self._upgrading = False
        self._moving = False  # the upgrade waits for reader and writer
        self._reason: str | None = None
        self._sending = threading.Lock()  # keeps the order of what is sent; taken before _turn
        self._ws: WebSocket | None = None  # once it carries the session
        self._reader, self._writer = self._new_lines()
        self._lines: list[WebSocket | Polling] = []
        self._threads: list[threading.Thread] = []
        self._fault: Exception | None = None  # of the suite itself, in one of the threads
        self._opening: Opening

    def _new_lines(self) -> tuple[Polling, Polling]:
        keeps_alive = self._pace.keeps_alive
        return Polling(self._address, keeps_alive), Polling(self._address, keeps_alive)

    @property
    def transport(self) -> str:
        """What carries the session now: "polling" or "websocket"."""
        return "polling" if self._ws is None else "websocket"

    def await_upgrade(self, seconds: float) -> bool:
        """Waits until an upgrade has come to its end; whether WebSocket carries the session."""
        with self._turn:
            self._turn.wait_for(lambda: not self._upgrading, seconds)
            return self._ws is not None and not self._upgrading

    @property
    def ping_window(self) -> float:
        """Seconds of silence after which either side takes the other for gone."""
        return self._opening.ping_window

    @property
    def _silence(self) -> float:
        """Seconds of silence after which the server is given up."""
        return min(max(self.ping_window, self._pace.answer), LONGEST_SILENCE)

    def open(self, transport: Transport) -> Deadline:
        """Shakes hands, as often as the server asks to try again later (429); returns the deadline
        for what else belongs to connecting.

        Raises Unreachable, NoAnswer, WrongProtocol, Refused, Throttled.
        """
        throttle = Throttle(self._pace)
        while True:
            deadline = Deadline(self._pace.answer)
            try:
                self._open(transport, deadline)
                return deadline
            except Refused as refusal:
                if refusal.status != HTTPStatus.TOO_MANY_REQUESTS:
                    raise
                wait = throttle.wait(refusal.headers)
            if wait is None:
                raise Throttled
            threading.Event().wait(wait)

    def _open(self, transport: Transport, deadline: Deadline) -> None:
        self._reader, self._writer = self._new_lines()
        self._lines = [self._reader, self._writer]
        waiting: list[Packet] = []
        try:
            if transport == "websocket":
                ws = WebSocket(self._address)
                self._lines.append(ws)
                ws.connect(None, deadline)
                self._opening = self._first(ws, deadline)
                self._ws = ws
            else:
                first, *waiting = self._first_poll(deadline)
                self._opening = Opening.read(first)
        except BaseException:
            for line in self._lines:
                line.close()
            raise
        self._start(self._read, waiting, last=self._close_what_was_read)
        if transport != "websocket":
            self._start(self._write, last=self._writer.close)
        if transport == "default" and "websocket" in self._opening.upgrades:
            self._upgrading = True
            self._start(self._upgrade, last=lambda: None)

    def _first(self, ws: WebSocket, deadline: Deadline) -> Opening:
        try:
            packets: list[Packet] = []
            while not packets:
                packets = ws.receive(deadline.left, max(deadline.left, 0.001))
        except Ended as end:
            if deadline.left == 0:
                raise NoAnswer("handshake", deadline.seconds) from None
            raise Refused("handshake", "closed", str(end)) from None
        self._listener.on_frame(False, ws.name, packets[0])
        return Opening.read(packets[0])

    def _first_poll(self, deadline: Deadline) -> list[Packet]:
        try:
            status, body, headers = self._reader.request(None, None, deadline)
        except TimeoutError:
            raise NoAnswer("handshake", deadline.seconds) from None
        except (ConnectionError, http.client.IncompleteRead):
            raise Refused("handshake", "closed", "before an answer came") from None
        except (http.client.HTTPException, OSError) as error:
            raise WrongProtocol("handshake", str(error) or repr(error)) from None
        if status != 200:
            raise transports.not_accepted(status, body.decode("utf-8", "replace"), headers)
        try:
            packets = transports.packets_of(body)
        except Ended:
            raise WrongProtocol("handshake", transports.shown(body)) from None
        self._listener.on_frame(False, "polling", packets[0])
        return packets

    def send(self, packets: Sequence[Packet], *, raw: bool = False) -> None:
        """Sends packets, next to each other and after those sent before. Raises Ended.

        Over WebSocket they are on their way when this returns; over polling they follow at once
        or with the next POST. `raw` packets go as they are, each in a POST of its own.
        """
        with self._sending:
            with self._turn:
                if self._reason is not None:
                    raise Ended(self._reason)
                if self._ws is None:
                    self._outbox.extend((packet, raw) for packet in packets)
                    self._turn.notify_all()
                    return
            self._send_over(self._ws, packets)

    def _send_over(self, ws: WebSocket, packets: Sequence[Packet]) -> None:
        for packet in packets:
            self._listener.on_frame(True, ws.name, packet)
        try:
            ws.send(packets, self._pace.answer)
        except Ended as end:
            self.end(str(end))
            raise

    def say_goodbye(self, packets: Sequence[Packet]) -> None:
        """Sends last packets and closes the transport politely, within the pace's farewell."""
        seconds = self._pace.farewell
        try:
            self.send(packets if self._ws else [*packets, "1"])
            if self._ws:
                self._ws.say_goodbye(seconds)
        except Ended:
            return
        with self._turn:
            self._turn.wait_for(
                lambda: (
                    self._reason is not None
                    or (self._ws is None and not self._outbox and not self._posting)
                ),
                seconds,
            )

    def end(self, reason: str) -> None:
        """Cuts every connection of the session, at once and for good."""
        with self._turn:
            if self._reason is not None:
                return
            self._reason = reason
            self._turn.notify_all()
            for line in self._lines:
                line.cut()
        self._listener.on_end(reason)

    def join(self) -> None:
        """Waits, not for long, until the threads of an ended session are gone."""
        deadline = Deadline(self._pace.farewell)
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(deadline.left)

    def _start(self, work: Callable[..., None], *args: object, last: Callable[[], None]) -> None:
        name = f"{self._name} {work.__name__.strip('_')}"
        thread = threading.Thread(
            target=self._guarded, args=(work, last, *args), name=name, daemon=True
        )
        self._threads.append(thread)
        thread.start()

    def _guarded(self, work: Callable[..., None], last: Callable[[], None], *args: object) -> None:
        """Runs the work of a thread; however it ends badly, the session ends with it. What it does
        last comes after that: who sends on a closed connection would call that the end.
        """
        try:
            work(*args)
        except Ended as end:
            self.end(str(end))
        except NotConnected as error:
            self.end(f"a new connection failed: {error}")
        except (http.client.HTTPException, OSError) as error:
            self.end(f"an HTTP request failed ({error or type(error).__name__})")
        except Exception as error:
            self._fault = error
            self.end("the suite failed")
        finally:
            last()

    def complain(self) -> None:
        """A fault of the suite must not end in a thread's void. Raises RuntimeError."""
        if self._fault is not None:
            raise RuntimeError(f"{self._name} failed") from self._fault

    def _read(self, packets: Sequence[Packet]) -> None:
        self._take(packets, "polling")
        while self._may_poll():
            self._take(self._poll(self._reader, None, self._silence), "polling")
        while self._ws is not None:
            self._take(self._ws.receive(self._silence, self._pace.answer), "websocket")

    def _close_what_was_read(self) -> None:
        self._reader.close()
        if self._ws is not None:
            self._ws.close()

    def _may_poll(self) -> bool:
        """Waits while an upgrade is moving; False over WebSocket. Raises Ended."""
        with self._turn:
            self._parked = self._moving
            self._turn.notify_all()
            self._turn.wait_for(lambda: not self._moving or self._reason is not None)
            self._parked = False
            if self._reason is not None:
                raise Ended(self._reason)
            return self._ws is None

    def _take(self, packets: Sequence[Packet], transport: str) -> None:
        """Does what packets ask for. Raises Ended."""
        for packet in packets:
            frame = self._listener.on_frame(False, transport, packet)
            if isinstance(packet, bytes):
                self._listener.on_message(packet, frame)
            elif packet[:1] == "4":
                self._listener.on_message(packet[1:], frame)
            elif packet[:1] == "2":
                self.send([f"3{packet[1:]}"])
            elif packet[:1] == "1":
                raise Ended("the server closed the session")
            elif packet[:1] not in ("3", "6"):
                raise Ended(f"a packet of unknown type: {transports.shown(packet)}")

    def _poll(self, line: Polling, body: bytes | None, seconds: float) -> list[Packet]:
        try:
            status, answer, _ = line.request(self._opening.sid, body, Deadline(seconds))
        except TimeoutError:
            what = "ping timeout: the server fell silent" if body is None else "a POST timed out"
            raise Ended(what) from None
        if status != 200:
            text = transports.shown(answer.decode("utf-8", "replace"))
            raise Ended(f"{'GET' if body is None else 'POST'} was answered {status} {text}")
        return transports.packets_of(answer) if body is None else []

    def _write(self) -> None:
        while True:
            with self._turn:
                self._posting = False
                self._turn.notify_all()
                self._turn.wait_for(
                    lambda: (
                        self._reason is not None
                        or self._ws is not None
                        or (self._outbox and not self._moving)
                    )
                )
                if self._reason is not None or self._ws is not None:
                    return
                batch, raw = self._next_post()
                self._posting = True
            for packet in batch:
                self._listener.on_frame(True, "polling", packet)
            (first, *_) = batch
            as_is = first.encode("utf-8", "surrogatepass") if isinstance(first, str) else first
            body = as_is if raw else transports.payload(batch)
            self._poll(self._writer, body, self._pace.answer)

    def _next_post(self) -> tuple[list[Packet], bool]:
        """What fits into one POST (by the server's maxPayload); at least one packet."""
        packet, raw = self._outbox.popleft()
        batch, size = [packet], len(transports.payload([packet]))
        while self._outbox and not raw and len(batch) < MOST_PACKETS:
            packet, next_raw = self._outbox[0]
            size += 1 + len(transports.payload([packet]))
            if next_raw or size > self._opening.longest_payload:
                break
            batch.append(self._outbox.popleft()[0])
        return batch, raw

    def _upgrade(self) -> None:
        """Moves to WebSocket if the server plays along; stays with polling if not."""
        ws = WebSocket(self._address)
        with self._turn:
            if self._reason is not None:
                return
            self._lines.append(ws)
        try:
            ws.connect(self._opening.sid, Deadline(self._pace.answer))
            if self._probed(ws) and self._stopped_polling():
                self._move_to(ws)
        except (NotConnected, Ended):
            pass  # with the WebSocket only; the session goes on over polling
        finally:
            with self._turn:
                self._moving = self._upgrading = False
                self._turn.notify_all()
            if self._ws is not ws:
                ws.close()

    def _probed(self, ws: WebSocket) -> bool:
        self._listener.on_frame(True, ws.name, "2probe")
        ws.send(["2probe"], self._pace.answer)
        packets: list[Packet] = []
        while not packets:
            packets = ws.receive(self._pace.answer, self._pace.answer)
        self._listener.on_frame(False, ws.name, packets[0])
        return packets[0] == "3probe"

    def _stopped_polling(self) -> bool:
        """Keeps reader and writer from new requests and waits for those under way."""
        with self._turn:
            self._moving = True
            self._turn.notify_all()
            self._turn.wait_for(
                lambda: self._reason is not None or (self._parked and not self._posting),
                self._silence,
            )
            return self._reason is None and self._parked and not self._posting

    def _move_to(self, ws: WebSocket) -> None:
        with self._sending:
            with self._turn:
                waiting = [packet for packet, _ in self._outbox]
                self._outbox.clear()
                self._ws = ws
            self._send_over(ws, ["5", *waiting])
