"""What the contract calls the things that are done to a backend."""

from conformance.evidence.steps import Step
from contract import Contract, Operation

CONNECTING = "connection"
"""What every client begins with."""


def event_named(name: str) -> str:
    """What an event is called."""
    return f"event {name}"


def operation_named(operation: Operation) -> str:
    """What a request is called."""
    return f"{operation.method} {operation.path}"


def named_in(contract: Contract, step: Step) -> frozenset[str]:
    """What a step does, in these words; empty where the contract has none for that."""
    match step.kind:
        case "connect":
            return frozenset({CONNECTING})
        case "emit" | "raw":
            packet = step.packet if isinstance(step.packet, str) else ""
            return frozenset(
                event_named(each.name)
                for each in contract.events.values()
                if each.action == "receive"
                and (each.name == step.event or f'"{each.name}"' in packet)
            )
        case "exchange" if step.exchange is not None:
            known = contract.operations.get(step.exchange.operation or "")
            return frozenset({operation_named(known)} if known else ())
    return frozenset()
