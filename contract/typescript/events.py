"""Maps of the Socket.IO events, as `socket.io-client` and its `Socket<Listen, Emit>` take them."""

import json
import re
from collections.abc import Iterable
from typing import Any

from contract.documents import Document
from contract.events import Event
from contract.loading import Contract
from contract.references import resolved
from contract.typescript.outright import schema_outright
from contract.typescript.schemas import block, comment, name_of, type_of, union

Json = Any

_TELLING = {"properties", "allOf", "anyOf", "oneOf", "enum", "pattern", "format", "description"}
"""A component without any of these is too common for its name to say anything."""
_SOCKET = """\
import type { Socket } from "socket.io-client";
import type { ClientToServerEvents, ServerToClientEvents } from "./events.js";

type Acknowledged<Emit> = Emit extends (
    payload: infer Payload,
    acknowledge?: (answer: infer Answer) => void,
) => void
    ? (payload: Payload, acknowledge: (answer: Answer) => void) => void
    : Emit;

/** The events of clients when an acknowledgement is asked for. */
export type AcknowledgedEvents = {
    [Name in keyof ClientToServerEvents]: Acknowledged<ClientToServerEvents[Name]>;
};

type Plain = Socket<ServerToClientEvents, ClientToServerEvents>;
type Asking = Socket<ServerToClientEvents, AcknowledgedEvents>;
type Waiting = Pick<Asking, "emitWithAck"> & Pick<ReturnType<Asking["timeout"]>, "emit">;

/**
 * A socket to the backend: `const socket: ChatSocket = io(url, { query: { token } })`.
 *
 * It is a `Socket<ServerToClientEvents, ClientToServerEvents>` that also knows what `emitWithAck`
 * gives, after `timeout` too: of acknowledgements that one need not ask for, that type does not.
 */
export type ChatSocket = Omit<Plain, "emitWithAck" | "timeout"> &
    Pick<Asking, "emitWithAck"> & { timeout(milliseconds: number): Waiting };
"""


def event_types(contract: Contract) -> str:
    """The interfaces `ClientToServerEvents` and `ServerToClientEvents` of the default namespace,
    and of each other one, with its name before theirs. Schemas of the OpenAPI document are referred
    to in the file of `rest_types`, `rest.ts` beside it.
    """
    names = _names(contract)
    namespaces = dict.fromkeys(["/", *(event.namespace for event in contract.events.values())])
    interfaces = []
    for namespace in namespaces:
        events = [event for event in contract.events.values() if event.namespace == namespace]
        for kind, action, about in (
            ("ClientToServerEvents", "receive", "What clients emit and the server hears."),
            ("ServerToClientEvents", "send", "What the server emits and clients hear."),
        ):
            members = [
                _member(event, names, contract.openapi)
                for event in events
                if event.action == action
            ]
            interfaces.append(
                f"/** {about} */\nexport interface {_prefix(namespace)}{kind} "
                f"{block(members) if members else '{}'}\n"
            )
    return 'import type { components } from "./rest.js";\n\n' + "\n".join(interfaces)


def socket_types() -> str:
    """A type for sockets of `socket.io-client` with the events of the default namespace, which
    stand in `events.ts` beside it.
    """
    return _SOCKET


def _member(event: Event, names: dict[str, str], document: Json) -> str:
    parameters = [f"payload: {_type(event.payload.schema, names, document)}"]
    if event.acknowledgement_schemas:
        answer = union(_type(each, names, document) for each in event.acknowledgement_schemas)
        parameters.append(f"acknowledge?: (answer: {answer}) => void")
    about = comment({"description": event.summary}).replace("@description ", "")
    return f"{about}{name_of(event.name)}: ({', '.join(parameters)}) => void;"


def _type(schema: Json, names: dict[str, str], document: Json) -> str:
    return type_of(schema_outright(_named(schema, names), document))


def _names(contract: Contract) -> dict[str, str]:
    """The names of the OpenAPI document's schemas by what they say."""
    root = resolved(Document(contract.files[0], contract.openapi), {})
    schemas = root.get("components", {}).get("schemas", {})
    return {
        _key(schema): name for name, schema in reversed(schemas.items()) if _TELLING & schema.keys()
    }


def _named(schema: Json, names: dict[str, str]) -> Json:
    """The schema with references to the OpenAPI document's in the place of what says the same."""
    if isinstance(schema, list):
        return [_named(each, names) for each in schema]
    if not isinstance(schema, dict):
        return schema
    name = names.get(_key(schema))
    if name is not None:
        return {"$ref": f"#/components/schemas/{name}"}
    return {key: _named(value, names) for key, value in schema.items()}


def _key(schema: Json) -> str:
    return json.dumps(schema, sort_keys=True)


def _prefix(namespace: str) -> str:
    words: Iterable[str] = re.findall("[A-Za-z0-9]+", namespace)
    return "".join(word[0].upper() + word[1:] for word in words)
