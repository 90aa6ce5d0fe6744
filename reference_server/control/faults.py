"""Faults that wait for the requests and events they are meant for. No input or output here."""

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from contract import Contract
from reference_server.control.durations import seconds
from reference_server.errors import Invalid, NotFound

Kind = Literal["delay", "drop", "duplicate", "reorder", "disconnect", "refuse", "error"]
KINDS: tuple[Kind, ...] = get_args(Kind)
ON_REQUESTS: Set[Kind] = {"delay", "drop", "duplicate", "reorder", "disconnect", "error"}
ON_CLIENT_EVENTS: Set[Kind] = {"delay", "drop", "duplicate", "reorder", "disconnect", "error"}
ON_SERVER_EVENTS: Set[Kind] = {"delay", "drop", "duplicate", "reorder", "disconnect"}
ON_CONNECTING: Set[Kind] = {"refuse"}

USUAL_DELAY = 2.0  # seconds
LONGEST_DELAY = 60.0  # seconds
MOST_ARMED = 100


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong, with what, and how often still."""

    id: str
    kind: Kind
    user: str | None
    """The ObjectId of the user who acts or is told, None for anybody."""
    operation: str | None
    """The id of a REST operation."""
    event: str | None
    """The name of an event."""
    left: int
    """How many requests or events it has yet to meet."""
    delay: float
    """Seconds that a delay takes, and that what is put out of order waits at most."""
    code: int
    """The status of an error."""

    def fits(self, user: str | None, operation: str | None, event: str | None) -> bool:
        """Whether it is meant for this request or event. Without operation and event it is meant
        for both.
        """
        if self.user not in (None, user):
            return False
        if self.operation is None and self.event is None:
            return True
        return (self.operation or self.event) == (operation if self.operation else event)


class Faults:
    """All faults that are armed, in the order in which they were."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._armed: dict[str, Fault] = {}
        self._made = 0

    def adopt(self, contract: Contract) -> None:
        """Go by another contract from now on."""
        self._contract = contract

    def __iter__(self) -> Iterator[Fault]:
        return iter(list(self._armed.values()))

    def __len__(self) -> int:
        return len(self._armed)

    def arm(self, wanted: Mapping[str, Any], user: str | None) -> Fault:
        """Arm a fault as the verb `fault` describes it, for the user with this ObjectId.

        Raises Invalid where the contract has nothing that it could meet.
        """
        if len(self._armed) >= MOST_ARMED:
            raise Invalid(f"{MOST_ARMED} faults are armed already; clear some of them.")
        delay = seconds(wanted.get("delay", int(USUAL_DELAY * 1000)))
        if not 0 <= delay <= LONGEST_DELAY:
            raise Invalid(f"A delay may take {LONGEST_DELAY:g} s at most.")
        self._made += 1
        fault = Fault(
            id=f"f{self._made}",
            kind=wanted["kind"],
            user=user,
            operation=wanted.get("operation"),
            event=wanted.get("event"),
            left=wanted.get("times", 1),
            delay=delay,
            code=wanted.get("code", 500),
        )
        self._require_sense(fault)
        self._armed[fault.id] = fault
        return fault

    def take(
        self,
        kinds: Set[Kind],
        user: str | None,
        *,
        operation: str | None = None,
        event: str | None = None,
    ) -> Fault | None:
        """The first fault of these kinds that fits, which has one time less from now on."""
        for fault in self._armed.values():
            if fault.kind in kinds and fault.fits(user, operation, event):
                if fault.left > 1:
                    self._armed[fault.id] = replace(fault, left=fault.left - 1)
                else:
                    del self._armed[fault.id]
                return fault
        return None

    def remove(self, id: str) -> None:
        """Disarm one fault. Raises NotFound."""
        if self._armed.pop(id, None) is None:
            raise NotFound(f"No fault {id} is armed.")

    def discard(self, id: str) -> None:
        """Disarm one fault, if it is still armed."""
        self._armed.pop(id, None)

    def clear(self) -> None:
        """Disarm all."""
        self._armed.clear()

    def _require_sense(self, fault: Fault) -> None:
        if fault.operation is not None and fault.event is not None:
            raise Invalid("A fault is for an operation or for an event, not for both.")
        if fault.kind == "refuse":
            if fault.operation is not None or fault.event is not None:
                raise Invalid("A fault that refuses is for connecting, not for operation or event.")
            return
        if fault.operation is not None:
            _require_known("operation", fault.operation, self._contract.operations)
        event = None
        if fault.event is not None:
            _require_known("event", fault.event, self._contract.events)
            event = self._contract.events[fault.event]
        if fault.kind == "error":
            if event is not None and event.action == "send":
                raise Invalid(
                    f"{event.name} is sent by the server, which hears of no error; take another"
                    " kind."
                )
            self._require_code(fault)

    def _require_code(self, fault: Fault) -> None:
        operations = self._contract.operations
        meant = [operations[fault.operation]] if fault.operation else list(operations.values())
        for operation in meant:
            if fault.code not in operation.responses:
                known = ", ".join(str(code) for code in sorted(operation.responses) if code >= 400)
                raise Invalid(
                    f"{operation.id} has no answer {fault.code} in the document; it has {known}."
                )


def _require_known(what: str, name: str, known: Mapping[str, Any]) -> None:
    if name not in known:
        raise Invalid(f"The contract has no {what} {name}; it has {', '.join(known)}.")
