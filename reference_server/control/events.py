"""The event router with virtual devices, faults and a record of what passes."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from socketio.exceptions import ConnectionRefusedError as Refused

from contract import Contract, Event
from reference_server.clock import Clock
from reference_server.control.faults import (
    ON_CLIENT_EVENTS,
    ON_CONNECTING,
    ON_SERVER_EVENTS,
    Fault,
    Faults,
)
from reference_server.control.lanes import Lane, Passage
from reference_server.control.sockets import ControlledEngine, ControlledSockets
from reference_server.control.traffic import Traffic, kept_payload, show_user
from reference_server.control.verdicts import Verdicts, short
from reference_server.events import EventRouter, Handler, Json
from reference_server.mocks import Mock
from reference_server.tokens import Tokens
from reference_server.users import Directory, User

VIRTUAL = "virtual:"
"""How the connection id of a virtual device begins."""

Receive = Callable[..., Awaitable[Json]]


@dataclass(frozen=True, slots=True)
class Device:
    """A connection of a user: of a client, or of none."""

    name: str
    virtual: bool
    since: datetime


class ControlledEvents(EventRouter):
    """Lets events meet faults, notes them, and counts devices that have no client."""

    def __init__(
        self,
        contract: Contract,
        sockets: ControlledSockets,
        tokens: Tokens,
        users: Directory,
        faults: Faults,
        traffic: Traffic,
        clock: Clock,
    ) -> None:
        super().__init__(contract, sockets, tokens)
        self._controlled = sockets
        self._directory = users
        self._faults = faults
        self._traffic = traffic
        self._verdicts = Verdicts(contract)
        self._clock = clock
        self._receivers: dict[str, Receive] = {}  # by event
        self._devices: dict[str, dict[str, Device]] = {}  # by user, then by sid
        self._lanes: dict[str, Lane] = {}  # by recipient; only where a fault made one
        self._misplaced: dict[str, str] = {}  # where the token came from, by sid, until it is told
        self._connected = self._emitted = 0
        sockets.fault_of = self._fault_of
        sockets.broken = self._broken
        sockets.elsewhere = self._elsewhere
        engine: ControlledEngine = sockets.eio
        engine.refused = self._not_understood
        engine.foreign = self._foreign

    def adopt(self, contract: Contract, mocks: tuple[Mock, ...]) -> None:
        """Go by this contract, with its `mocks_for`, from now on."""
        self._receivers.clear()
        self._verdicts.adopt(contract)
        super().adopt(contract, mocks)

    # Devices

    def devices(self, user: User) -> list[Device]:
        """The user's connections, the oldest first."""
        return list(self._devices.get(user.id, {}).values())

    async def connect_device(self, user: User, name: str) -> None:
        """Connect a virtual device; nothing happens where there is one of this name."""
        sid = _virtual(user, name)
        if sid not in self._devices.get(user.id, {}):
            self._users[sid] = user
            self._joins(user, sid, Device(name, True, self._clock.now()))
            self._traffic.note("connection", "connect", user, {"device": name, "virtual": True})
            await self._lifecycle.joined(user, sid)

    async def disconnect_device(self, user: User, name: str, reason: str) -> bool:
        """Disconnect a virtual device. False where there is none of this name."""
        sid = _virtual(user, name)
        if sid not in self._devices.get(user.id, {}):
            return False
        await self._disconnect(sid, reason)
        return True

    def cut(self, user: User, name: str | None = None) -> None:
        """Break the connections of the user's clients, or the one of this name."""
        for sid, device in self._devices.get(user.id, {}).items():
            if not device.virtual and name in (None, device.name):
                self._controlled.cut(sid)

    async def receive(self, user: User, event: str, payload: Json) -> Json:
        """Let the user emit an event without a client; returns the acknowledgement.

        It meets no faults, and what is wrong with it is no violation of a client.
        """
        self._emitted += 1
        sid = f"{VIRTUAL}{self._emitted}"
        self._users[sid] = user
        try:
            return await self._receivers[event](sid, payload)
        finally:
            del self._users[sid]

    def clear_lanes(self) -> None:
        """Let go of all events that are under way."""
        self._controlled.clear_lanes()
        for lane in self._lanes.values():
            lane.close()
        self._lanes.clear()

    # What clients do

    async def _connect(self, sid: str, environ: Mapping[str, Any], auth: Any = None) -> None:
        try:
            await super()._connect(sid, environ, auth)
        except Refused as refused:
            message = refused.error_args["message"]
            wrong = self._verdicts.of_handshake(message)
            self._traffic.note("connection", "refused", None, {"reason": message}, wrong)
            raise
        user = self._users[sid]
        if self._query_names and self.credential_in_query(environ) is None:
            in_payload = isinstance(auth, Mapping) and "token" in auth
            self._misplaced[sid] = "auth payload" if in_payload else "Authorization header"
        if fault := self._faults.take(ON_CONNECTING, user.id):
            del self._users[sid]
            self._misplaced.pop(sid, None)
            message = "The server takes no connections right now."
            facts = {"reason": message, "fault": fault.id}
            self._traffic.note("connection", "refused", user, facts)
            raise Refused(message)

    async def _opened(self, sid: str) -> None:
        user = self._users[sid]
        self._connected += 1
        name = f"socket-{self._connected}"
        self._joins(user, sid, Device(name, False, self._clock.now()))
        place = self._misplaced.pop(sid, None)
        wrong = self._verdicts.of_place(place) if place else None
        facts = {"device": name, "virtual": False}
        self._traffic.note("connection", "connect", user, facts, wrong)
        await super()._opened(sid)

    async def _disconnect(self, sid: str, reason: str) -> None:
        self._misplaced.pop(sid, None)
        user = self._users.get(sid)
        if user is not None and (device := self._devices.get(user.id, {}).pop(sid, None)):
            facts = {"device": device.name, "virtual": device.virtual, "reason": reason}
            self._traffic.note("connection", "disconnect", user, facts)
        await super()._disconnect(sid, reason)

    def _receiver(self, event: Event, handler: Handler) -> Receive:
        proceed = super()._receiver(event, handler)

        async def receive(sid: str, *arguments: Any) -> Json:
            user, began = self._users.get(sid), datetime.now(UTC)
            acknowledgement = await proceed(sid, *arguments)
            payload = arguments[0] if arguments else None
            wrong = None
            by_client = not sid.startswith(VIRTUAL)
            if by_client and acknowledgement.get("success") is False:
                message = str(acknowledgement.get("message", ""))
                wrong = self._verdicts.of_payload(event, payload, message)
            facts = {
                "direction": "in",
                "by": "client" if by_client else "control",
                "payload": kept_payload(payload),
                "acknowledgement": kept_payload(acknowledgement),
            }
            self._traffic.note("event", event.name, user, facts, wrong, began=began)
            return acknowledgement

        self._receivers[event.name] = receive
        return receive

    async def _unknown(self, *arguments: Any) -> Json:
        event, sid, *rest = arguments
        name = short(str(event))
        payload = kept_payload(rest[0] if rest else None)
        facts = {"direction": "in", "by": "client", "payload": payload}
        wrong = self._verdicts.of_unknown_event(name)
        self._traffic.note("event", name, self._users.get(sid), facts, wrong)
        return await super()._unknown(*arguments)

    def _fault_of(self, sid: str, event: str) -> Fault | None:
        user = self._users.get(sid)
        if user is None or not self._faults:
            return None
        fault = self._faults.take(ON_CLIENT_EVENTS, user.id, event=event)
        if fault is not None:
            self._note_fault(fault, user, event, "in")
        return fault

    def _broken(self, sid: str | None, message: str) -> None:
        user = self._users.get(sid) if sid else None
        wrong = self._verdicts.of_protocol(f"A packet broke the protocol: {short(message)}.")
        self._traffic.note("connection", "broken", user, {}, wrong)

    def _not_understood(self, message: str) -> None:
        wrong = self._verdicts.of_protocol(message)
        self._traffic.note("connection", "refused", None, {"reason": message}, wrong)

    def _elsewhere(self, namespace: str) -> None:
        wrong = self._verdicts.of_namespace(short(namespace))
        self._traffic.note("connection", "refused", None, {"reason": wrong.problem}, wrong)

    def _foreign(self, origin: str) -> None:
        wrong = self._verdicts.of_origin(short(origin))
        self._traffic.note("connection", "refused", None, {"reason": wrong.problem}, wrong)

    # What the server tells

    async def announce(self, event: str, payload: Json, user_ids: Collection[str]) -> None:
        """Emit a `send` event once to every connected socket of these users, but for faults."""
        online = [user_id for user_id in user_ids if self._devices.get(user_id)]
        untouched = set(user_ids)
        for user_id in online if self._faults or self._lanes else ():
            fault = self._faults.take(ON_SERVER_EVENTS, user_id, event=event)
            if fault is not None or user_id in self._lanes:
                untouched.discard(user_id)
                await self._carry(fault, event, payload, user_id)
        self._note_announcement(event, payload, online)
        await super().announce(event, payload, untouched)

    async def _carry(self, fault: Fault | None, event: str, payload: Json, user_id: str) -> None:
        deliver = super().announce
        user = self._directory.by_id(user_id)
        if fault is not None:
            self._note_fault(fault, user, event, "out")

        async def proceed() -> None:
            await deliver(event, payload, {user_id})

        async def disconnect() -> None:
            if user is not None:
                self.cut(user)

        async def fail(code: int) -> None:
            raise AssertionError("the server's own events do not fail")

        passage = Passage(proceed, proceed, disconnect, fail)
        await self._lanes.setdefault(user_id, Lane()).carry(passage, fault)

    def _note_announcement(self, event: str, payload: Json, online: list[str]) -> None:
        told = [show_user(self._directory.by_id(user_id)) for user_id in online]
        facts = {"direction": "out", "by": "server", "to": told, "payload": kept_payload(payload)}
        self._traffic.note("event", event, None, facts)

    def _note_fault(self, fault: Fault, user: User | None, name: str, direction: str) -> None:
        facts = {"fault": fault.id, "event": name, "direction": direction}
        self._traffic.note("fault", fault.kind, user, facts)

    def _joins(self, user: User, sid: str, device: Device) -> None:
        self._devices.setdefault(user.id, {})[sid] = device


def _virtual(user: User, name: str) -> str:
    return f"{VIRTUAL}{user.id}:{name}"
