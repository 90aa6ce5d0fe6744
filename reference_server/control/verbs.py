"""What can be done to a running server: the verbs of the control interface and of scenarios.

Each takes the arguments that its schema describes (`scenarios/scenario.schema.json`) and returns
what came of it as JSON. Each raises Refusal where it cannot be done.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from contract import Contract, Operation
from reference_server.asgi import Application
from reference_server.chat import Chat, show_time
from reference_server.clock import Clock
from reference_server.control.devices import USUAL_NAME, Devices
from reference_server.control.durations import seconds
from reference_server.control.events import ControlledEvents
from reference_server.control.faults import Fault, Faults
from reference_server.control.names import named
from reference_server.control.requests import BY_CONTROL, Interference
from reference_server.control.snapshots import Snapshots
from reference_server.control.traffic import Traffic, kept_payload, show_user
from reference_server.control.verdicts import message_of
from reference_server.errors import Conflict, Invalid
from reference_server.payloads import decode, encode, require
from reference_server.tokens import Tokens
from reference_server.users import Directory, User

Json = dict[str, Any]
Verb = Callable[[Json], Awaitable[Json]]


class Verbs:
    """The verbs of one server."""

    def __init__(
        self,
        contract: Contract,
        chat: Chat,
        tokens: Tokens,
        events: ControlledEvents,
        faults: Faults,
        interference: Interference,
        traffic: Traffic,
        application: Application,
    ) -> None:
        """`application` answers REST requests."""
        self.contract = contract
        self._chat = chat
        self._tokens = tokens
        self._events = events
        self._application = application
        self._interference = interference
        self._traffic = traffic
        self.users: Directory = chat.users
        self.clock: Clock = chat.clock
        self.faults = faults
        self.devices = Devices(chat.users, events)
        self.snapshots = Snapshots(chat.store, chat.presence, self.devices, chat.clock)
        self.all: Mapping[str, Verb] = {
            "connect": self.connect,
            "leave": self.leave,
            "drop": self.drop,
            "send": self.send,
            "typing": self.typing,
            "stopTyping": self.stop_typing,
            "read": self.read,
            "block": self.block,
            "unblock": self.unblock,
            "fault": self.fault,
            "clearFaults": self.clear_faults,
            "clock": self.steer_clock,
            "snapshot": self.snapshot,
            "restore": self.restore,
            "reset": self.reset,
        }

    async def do(self, verb: str, arguments: Json) -> Json:
        """Do what a verb says and note it. Raises Refusal."""
        done = await self.all[verb](arguments)
        user = named(self.users, arguments["as"]) if "as" in arguments else None
        self._traffic.note("control", verb, user, {"arguments": kept_payload(arguments)})
        return done

    def adopt(self, contract: Contract) -> None:
        """Go by another contract from now on."""
        self.contract = contract

    # Users

    async def connect(self, arguments: Json) -> Json:
        """Connect a virtual device."""
        user = named(self.users, arguments["as"])
        device = arguments.get("device", USUAL_NAME)
        await self.devices.connect(user, device)
        return {"user": show_user(user), "device": device}

    async def leave(self, arguments: Json) -> Json:
        """Let virtual devices say goodbye."""
        user = named(self.users, arguments["as"])
        left = await self.devices.leave(user, arguments.get("device"))
        return {"user": show_user(user), "devices": left}

    async def drop(self, arguments: Json) -> Json:
        """Break connections without a goodbye."""
        user = named(self.users, arguments["as"])
        unnoticed = seconds(arguments.get("unnoticed", 0))
        dropped = await self.devices.drop(user, arguments.get("device"), unnoticed)
        return {"user": show_user(user), "devices": dropped}

    async def send(self, arguments: Json) -> Json:
        """Send a message, as an event or over REST."""
        sender, recipient = self._pair(arguments, "to")
        body = {"recipientId": recipient.id} | {
            field: arguments[field] for field in ("text", "attachment") if field in arguments
        }
        if arguments.get("by") == "rest":
            message = await self._request(sender, "sendMessage", recipient, body)
        else:
            message = await self._emit(sender, "sendMessage", body)
        return {"message": message}

    async def typing(self, arguments: Json) -> Json:
        """Begin to write."""
        return await self._typing(arguments, "typing")

    async def stop_typing(self, arguments: Json) -> Json:
        """Cease to write."""
        return await self._typing(arguments, "stopTyping")

    async def read(self, arguments: Json) -> Json:
        """Fetch a history."""
        reader, other = self._pair(arguments, "with")
        return {"messages": len(await self._request(reader, "listMessages", other, None))}

    async def block(self, arguments: Json) -> Json:
        """Block another user."""
        return await self._block(arguments, blocked=True)

    async def unblock(self, arguments: Json) -> Json:
        """Unblock another user."""
        return await self._block(arguments, blocked=False)

    async def _typing(self, arguments: Json, event: str) -> Json:
        typist, recipient = self._pair(arguments, "to")
        await self._emit(typist, event, {"recipientId": recipient.id})
        return {"user": show_user(typist), "to": show_user(recipient)}

    async def _block(self, arguments: Json, *, blocked: bool) -> Json:
        owner, other = self._pair(arguments, "other")
        body = {"isBlocked": blocked}
        return {"settings": await self._request(owner, "updateConversationMetadata", other, body)}

    # The server

    async def fault(self, arguments: Json) -> Json:
        """Arm a fault."""
        user = named(self.users, arguments["user"]).id if "user" in arguments else None
        return {"fault": show_fault(self.faults.arm(arguments, user), self.users)}

    async def clear_faults(self, arguments: Json) -> Json:
        """Disarm all faults."""
        cleared = len(self.faults)
        self.faults.clear()
        return {"cleared": cleared}

    async def steer_clock(self, arguments: Json) -> Json:
        """Set, step, freeze or release the clock, in this order."""
        if "follow" in arguments and len(arguments) > 1:
            raise Invalid("follow stands alone: it undoes all else.")
        try:
            if "follow" in arguments:
                self.clock.follow()
            if "set" in arguments:
                self.clock.set(_moment(arguments["set"]))
            if "step" in arguments:
                self.clock.step(seconds(arguments["step"]))
        except (ValueError, OverflowError):
            raise Invalid("The clock goes from the year 1970 to the year 9000.") from None
        if "freeze" in arguments:
            (self.clock.freeze if arguments["freeze"] else self.clock.thaw)()
        return show_clock(self.clock)

    async def snapshot(self, arguments: Json) -> Json:
        """Take a snapshot."""
        taken = self.snapshots.take(arguments["name"])
        return {"name": taken.name, "taken": show_time(taken.taken)}

    async def restore(self, arguments: Json) -> Json:
        """Restore a snapshot."""
        self._let_go()
        restored = await self.snapshots.restore(arguments["name"])
        return {"name": restored.name, "taken": show_time(restored.taken)}

    async def reset(self, arguments: Json) -> Json:
        """Begin anew: users alone, no messages, settings, virtual devices or faults, and the clock
        follows the system's. Snapshots, violations and clients' connections stay.
        """
        self._chat.store.put({})
        self.faults.clear()
        self._let_go()
        self.clock.follow()
        await self.devices.become(())
        self._chat.presence.set_departures({})
        return {"users": len(self.users)}

    def _let_go(self) -> None:
        """Nothing of the state before is under way any more."""
        self._events.clear_lanes()
        self._interference.release_all()

    # As a user

    def _pair(self, arguments: Json, other: str) -> tuple[User, User]:
        return named(self.users, arguments["as"]), named(self.users, arguments[other])

    async def _emit(self, user: User, event: str, payload: Json) -> Any:
        require(self.contract.events[event].payload, payload, "payload")
        acknowledgement = await self._events.receive(user, event, payload)
        if not acknowledgement.get("success"):
            why = acknowledgement.get("message")
            raise Conflict(f"{event} as {user.name} was refused: {why}")
        return acknowledgement.get("data")

    async def _request(self, user: User, operation_id: str, other: User, body: Any) -> Any:
        operation = self.contract.operations[operation_id]
        if operation.request is not None:
            require(operation.request, body)
        content = encode(body) if body is not None else b""
        scope = _scope(operation, other, self._tokens.mint(user))
        status, answer = 0, b""

        async def receive() -> Json:
            return {"type": "http.request", "body": content, "more_body": False}

        async def send(message: Any) -> None:
            nonlocal status, answer
            status = message.get("status", status)
            answer += message.get("body", b"")

        await self._application(scope, receive, send)
        if not 200 <= status < 300:
            why = message_of(answer)
            raise Conflict(f"{operation_id} as {user.name} was answered {status}: {why}")
        return decode(answer)["data"]


def show_fault(fault: Fault, users: Directory) -> Json:
    """A fault as JSON."""
    user = users.by_id(fault.user) if fault.user is not None else None
    return {
        "id": fault.id,
        "kind": fault.kind,
        "user": show_user(user),
        "operation": fault.operation,
        "event": fault.event,
        "left": fault.left,
        "delay": round(fault.delay * 1000) if fault.kind in ("delay", "reorder") else None,
        "code": fault.code if fault.kind == "error" else None,
    }


def show_clock(clock: Clock) -> Json:
    """The clock as JSON."""
    return {
        "now": show_time(clock.now()),
        "frozen": clock.hands.stands_at is not None,
        "steered": clock.hands != type(clock.hands)(),
    }


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text.replace("z", "Z").replace("t", "T"))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _scope(operation: Operation, other: User, token: str) -> Json:
    path = operation.path.replace("{otherUserId}", other.id)
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": operation.method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [
            (b"authorization", f"Bearer {token}".encode()),
            (b"content-type", b"application/json"),
        ],
        "client": None,
        "server": None,
        "extensions": {BY_CONTROL: {}},
    }
