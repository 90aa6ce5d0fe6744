"""What a client did against the contract, and how to mend it. No input or output here."""

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from contract import Contract, Event, Operation, Request
from contract.pointers import unescaped
from contract.schemas import Violation
from reference_server.errors import Invalid
from reference_server.payloads import Whole, decode, explain

Json = dict[str, Any]
Aspect = Literal[
    "body",
    "parameter",
    "token",
    "path",
    "method",
    "media-type",
    "size",
    "event",
    "protocol",
    "origin",
]
USABLE = (
    "Use a token of a user of this server that is valid by the server's clock; r2c-server prints"
    " one for each user when it starts."
)
IN_QUERY = "Connect with `io(url, { query: { token } })`, the token alone, without `Bearer`."
LONGEST_EXAMPLE = 300  # characters
LONGEST_QUOTE = 200  # characters


@dataclass(frozen=True, slots=True)
class Wrong:
    """One thing that is wrong with a request, an event or a connection."""

    aspect: Aspect
    """What of it is wrong."""
    problem: str
    """What is wrong with that, in a sentence."""
    mend: str
    """What to do about it, in a sentence."""
    requirement: str | None = None
    """The requirement of the contract that speaks of it."""
    notes: str | None = None
    """The section of the notes that the requirement comes from."""

    def show(self) -> Json:
        """As JSON."""
        return {
            "aspect": self.aspect,
            "problem": self.problem,
            "mend": self.mend,
            "requirement": self.requirement,
            "notes": self.notes,
        }


@dataclass(frozen=True, slots=True)
class Refused:
    """A request that was answered with an error."""

    method: str
    path: str
    operation: str | None
    """The operation's id, None where the path or the method is of none."""
    status: int
    message: str
    """The server's own words."""
    body: bytes


class Verdicts:
    """Judges what was refused. What was taken is right."""

    def __init__(self, contract: Contract) -> None:
        self.adopt(contract)

    def adopt(self, contract: Contract) -> None:
        """Go by another contract from now on."""
        self._contract = contract
        self._roots = {operation.path.split("/")[1] for operation in contract.operations.values()}

    def of_request(self, refused: Refused) -> Wrong | None:
        """What was wrong with a request, None where it was refused for what it is about: a user
        who does not exist, a block, a limit.
        """
        operation = self._contract.operations.get(refused.operation or "")
        if operation is None:
            return self._of_unknown(refused)
        match refused.status:
            case 401:
                mend = (
                    "Send the header `Authorization: Bearer <token>`. "
                    if "header" in refused.message
                    else ""
                )
                return Wrong("token", refused.message, mend + USABLE)
            case 400:
                return self._of_bad_request(operation, refused)
            case 415:
                mend = "Send the body as JSON, with the header `Content-Type: application/json`."
                return Wrong("media-type", refused.message, mend)
            case _:
                return None

    def of_payload(self, event: Event, payload: Any, message: str) -> Wrong | None:
        """What was wrong with the payload of a refused event, None where nothing was."""
        if event.payload.validator.accepts(payload):
            return self._of_text(message)
        violation = event.payload.validator.violations(payload)[0]
        return self._of_value(event.payload, violation, "payload", event.blame.refuses)

    def of_unknown_event(self, name: str) -> Wrong:
        """What is wrong with an event that the contract does not have from a client."""
        events = self._contract.events
        received = [event.name for event in events.values() if event.action == "receive"]
        if name in events:
            problem = f"{name} is an event of the server; clients do not emit it."
        else:
            problem = f"The contract has no event {name} from a client."
        close = _close(name, received)
        mend = f"Did you mean to emit {close}?" if close else _all(received)
        return Wrong("event", problem, mend)

    def of_handshake(self, message: str) -> Wrong:
        """What was wrong with a connection that was refused for its token."""
        return Wrong("token", message, f"{IN_QUERY} {USABLE}")

    def of_place(self, place: str) -> Wrong:
        """What is wrong with a token that came elsewhere than in the query of a connection."""
        problem = (
            f"The token came in the {place} of the connection, which this server takes and others"
            " need not (decision D17)."
        )
        return Wrong("token", problem, IN_QUERY)

    def of_origin(self, origin: str) -> Wrong:
        """What is wrong with a page that browsers let call nothing here."""
        problem = f"Pages of {origin} may not call this server; the browser shows a CORS error."
        mend = (
            "Open the page by localhost or 127.0.0.1, or start r2c-server with"
            f" `--allow-origin {origin}`."
        )
        return Wrong("origin", problem, mend)

    def of_namespace(self, namespace: str) -> Wrong:
        """What is wrong with a namespace that the contract does not have."""
        problem = (
            f"The contract has no namespace {namespace}, which is what a path in the URL means."
        )
        return Wrong("protocol", problem, "Connect to the address alone, without a path.")

    def of_protocol(self, message: str) -> Wrong:
        """What was wrong with a connection that does not speak the protocol."""
        mend = "Use socket.io-client 3 or 4, or another client that speaks Socket.IO 5."
        return Wrong("protocol", message, mend)

    def _of_unknown(self, refused: Refused) -> Wrong | None:
        if refused.path.split("/")[1:2] not in [[root] for root in self._roots]:
            return None  # a browser that asks for an icon does not call the backend
        operations = self._contract.operations.values()
        called = f"{refused.method} {refused.path}"
        known = [f"{operation.method} {operation.path}" for operation in operations]
        filled = {f"{each.method} {_filled(each.path, refused.path)}": each for each in operations}
        if refused.status == 405:
            return Wrong("method", f"{called} is no operation: {refused.message}", _all(known))
        if refused.status == 413:
            return Wrong("size", refused.message, "Send less at once.")
        if refused.status == 404:
            problem = f"The contract has no path {refused.path}."
            close = difflib.get_close_matches(called, filled, n=1)
            likely = [f"{filled[each].method} {filled[each].path}" for each in close]
            mend = f"Did you mean to call {likely[0]}?" if likely else _all(known)
            return Wrong("path", problem, mend)
        return None

    def _of_bad_request(self, operation: Operation, refused: Refused) -> Wrong | None:
        if operation.request is not None:
            try:
                value = decode(refused.body)
            except Invalid as error:
                return Wrong("body", error.message, _example(operation.request, "body"))
            if not operation.request.validator.accepts(value):
                violation = operation.request.validator.violations(value)[0]
                blamed = violation.requirement or operation.blame.refuses
                return self._of_value(operation.request, violation, "body", blamed)
        for parameter in operation.parameters:
            if refused.message.startswith(f"{parameter.name} "):
                example = str(parameter.validator.schema.get("example", f"{{{parameter.name}}}"))
                path = operation.path.replace(f"{{{parameter.name}}}", example)
                mend = f"Put a value there that fits: {operation.method} {path}."
                return Wrong("parameter", refused.message, mend)
        return self._of_text(refused.message)

    def _of_value(
        self, request: Request, violation: Violation, what: Whole, blamed: str | None
    ) -> Wrong:
        requirement = self._contract.requirements.get(blamed or "")
        problem = explain(request.schema, violation, what)
        if violation.missing is None:
            place = violation.path.removeprefix("/").replace("/", ".") or what
            problem += f" ({short(place)}: {short(violation.message)})"
        return Wrong(
            "body",
            problem,
            _example(request, what, violation.path),
            requirement.id if requirement else None,
            requirement.notes if requirement else None,
        )

    def _of_text(self, message: str) -> Wrong | None:
        """What fits every schema can still be no Unicode."""
        if "Unicode" not in message:
            return None
        return Wrong("body", message, "Send no half of a surrogate pair.")


def _example(request: Request, what: str, path: str = "") -> str:
    """What fits instead: the first example that has something at the path that is wrong."""
    examples = list(request.examples.values())
    likely = [each for each in examples if _has(each, path)] or examples
    text = json.dumps(likely[0], ensure_ascii=False) if likely else ""
    if not text or len(text) > LONGEST_EXAMPLE:
        return f"Send a {what} that fits its schema in the document."
    return f"A {what} that fits: {text}"


def _has(value: Any, path: str) -> bool:
    """Whether a value has something at a JSON pointer through its objects."""
    for part in path.split("/")[1:]:
        if not isinstance(value, Mapping) or unescaped(part) not in value:
            return False
        value = value[unescaped(part)]
    return True


def _close(name: str, names: list[str]) -> str | None:
    """The name that was meant: one with something added to it, else one that is spelt alike."""
    within = [each for each in names if each.lower() in name.lower()]
    alike = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return max(within, key=len, default=alike[0] if alike else None)


def _filled(template: str, path: str) -> str:
    """A path template with the segments of a path for its parameters, where it has as many."""
    parts, given = template.split("/"), path.split("/")
    if len(parts) != len(given):
        return template
    pairs = zip(parts, given, strict=True)
    return "/".join(value if part.startswith("{") else part for part, value in pairs)


def short(text: str) -> str:
    """A text of a client's, cut off where it goes on and on."""
    return text if len(text) <= LONGEST_QUOTE else f"{text[:LONGEST_QUOTE]}…"


def _all(known: list[str]) -> str:
    return f"There is: {'; '.join(known)}."


def message_of(body: bytes) -> str:
    """The `message` of an error body, empty where it has none."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    message = value.get("message") if isinstance(value, Mapping) else None
    return message if isinstance(message, str) else ""
