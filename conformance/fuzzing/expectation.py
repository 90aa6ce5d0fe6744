"""What the contract expects of a stimulus, decided before it is sent. Pure functions."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from conformance.fuzzing.people import FIELDS, Named, People
from conformance.fuzzing.stimulus import ABSENT, Stimulus
from contract import Blame, Contract, Event, Level, Operation, Request, Requirement, Violation

JSON_TYPE = "application/json"
NOT_JSON = "ERR-02"
OTHER_MEDIA_TYPE = "ERR-06"
_VISIBLE = re.compile(
    r"[^\s\x00-\x20\x7f-\xa0\xad\u180e\u200b-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff]"
)
"""A character that no backend trims away."""


class Kind(Enum):
    """What a backend has to do with a stimulus."""

    TAKEN = "it has to be taken"
    NOBODY = "it has to be answered that this user does not exist"
    REFUSED = "it has to be refused"
    FREE = "the backend is free"


@dataclass(frozen=True, slots=True)
class Expectation:
    """What is expected, whose requirement that is, and which statuses are fair (REST only)."""

    kind: Kind
    requirement: str = ""
    level: Level = "must"
    fair: frozenset[int] = frozenset()
    reason: str = ""
    """What it is, in words that stay the same from run to run."""
    detail: str = ""
    """Why, with the values of this stimulus."""


FREE = Expectation(Kind.FREE)


def sendable(operation: Operation, stimulus: Stimulus) -> bool:
    """Whether every server sees the path parameters as the path segments that they are meant to be.

    Dots, slashes, and what proxies and frameworks decode twice, cut off or refuse by themselves
    would have the backend answer another request. `GET /api/messages/send` is not judged either
    (D12).
    """
    return all(_plain(segment) for segment in stimulus.path.values()) and not (
        operation.id == "listMessages" and stimulus.path.get("otherUserId") == "send"
    )


def says_something(body: object) -> bool:
    """Whether a message would hold something once it was kept.

    A text of white space or null and an empty address are the backend's choice (D4, D5). One that
    takes and trims them keeps a message that says nothing, which no answer can show as a message:
    so they are not sent.
    """
    if not isinstance(body, dict):
        return True
    attached = body.get("attachment")
    if isinstance(attached, dict) and attached.get("url") == "":
        return False
    words = body.get("text", body.get("message", ""))
    silent = words is None or (
        isinstance(words, str) and words != "" and not _VISIBLE.search(words)
    )
    return not silent or isinstance(attached, dict)


def _plain(segment: str) -> bool:
    return (
        0 < len(segment) <= 200
        and segment.strip(". ") != ""
        and not any(
            letter in "/\\?#%;\u2028\u2029" or letter < " " or "\x7f" <= letter <= "\x9f"
            for letter in segment
        )
    )


def of_request(
    contract: Contract, operation: Operation, stimulus: Stimulus, people: People
) -> Expectation:
    """What a REST operation has to answer to a caller with a valid token."""
    in_path = [people.named(FIELDS[name], value) for name, value in stimulus.path.items()]
    body, is_json = read(stimulus.body)
    in_body = _named_in(body, people)
    nobody = Named.NOBODY in (*in_path, *in_body)
    also = frozenset({404}) if nobody else frozenset()
    if Named.EITHER_WAY in (*in_path, *in_body):
        return FREE
    if Named.MALFORMED in in_path:
        name = _path_requirement(operation)
        return _refused(contract, name, also | {400}, "an id in the path that is no ObjectId")
    request = operation.request
    if request is not None:
        if stimulus.body is ABSENT or _blank(stimulus.body):
            # An empty body may stand for an empty object (D9), which only some operations take.
            if request.may_accept.accepts({}):
                return FREE
            name = operation.blame.refuses
            return _refused(contract, name, also | {400, 415}, "a request without body")
        if stimulus.content_type != JSON_TYPE:
            name = OTHER_MEDIA_TYPE
            reason = f"a body sent as {stimulus.content_type}"
            return _refused(contract, name, also | {400, 415}, reason)
        if not is_json:
            # A reader that repairs or guesses may find JSON after all.
            if body is not ABSENT and request.may_accept.accepts(body):
                return FREE
            return _refused(contract, NOT_JSON, also | {400}, "a body that is not JSON")
        violations = request.may_accept.violations(body)
        if violations:
            if lookalikes(body, request):
                return FREE
            name = violations[0].requirement or operation.blame.refuses
            return _refused(contract, name, also | {400}, *flaw(violations[0], "body"))
        if not request.must_accept.accepts(body) or not tame(body, request):
            return FREE
    if Named.SELF in (*in_path, *in_body):
        return FREE
    if nobody:
        # A backend may also say that a string cannot be one of its public ids (CHAT-03).
        fair = frozenset({404, 400}) if _by_public_id(body) else frozenset({404})
        return _nobody(contract, operation.blame, fair)
    return _taken(contract, operation.blame.accepts, frozenset({operation.success}))


def of_event(contract: Contract, event: Event, stimulus: Stimulus, people: People) -> Expectation:
    """What has to become of an event that an authenticated client emits."""
    payload = stimulus.body
    in_payload = _named_in(payload, people)
    if Named.EITHER_WAY in in_payload:
        return FREE
    if payload is ABSENT or isinstance(payload, bytes):
        what = "an event without payload" if payload is ABSENT else "a binary payload"
        return _refused(contract, event.blame.refuses, frozenset(), what)
    violations = event.payload.may_accept.violations(payload)
    if violations:
        if lookalikes(payload, event.payload):
            return FREE
        name = event.blame.refuses
        return _refused(contract, name, frozenset(), *flaw(violations[0], "payload"))
    free = (
        Named.SELF in in_payload
        or bool(stimulus.extra)
        or not event.payload.must_accept.accepts(payload)
        or not tame(payload, event.payload)
    )
    if free:
        return FREE
    if Named.NOBODY in in_payload:
        return _nobody(contract, event.blame, frozenset())
    return _taken(contract, event.blame.accepts, frozenset())


def read(body: object) -> tuple[Any, bool]:
    """The JSON value that a body holds, and whether it is JSON beyond dispute.

    Bytes that only a lenient reader takes (a byte order mark, invalid UTF-8 replaced, NaN) give
    what that reader finds and False; bytes that nobody reads give `ABSENT` and False.
    """
    if not isinstance(body, bytes):
        return body, True
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_no_constant), True
    except ValueError:
        pass
    try:
        return json.loads(body.decode("utf-8-sig", "replace")), False
    except ValueError:
        return ABSENT, False


def _blank(body: object) -> bool:
    return isinstance(body, bytes) and not body.strip()


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def flaw(violation: Violation, what: str) -> tuple[str, str]:
    """What is wrong with a body or payload: where, without this one's values, and with them.

    The first names findings, so it does not tell one wrong type at a place from another.
    """
    detail = f"{violation.path or what}: {violation.message}"
    if (missing := violation.missing) is not None:
        where = (
            f"whose {violation.path} lacks {missing}" if violation.path else f"without {missing}"
        )
        return f"a {what} {where}", detail
    if violation.path:
        return f"a {what} whose {violation.path} is wrong", detail
    return f"a {what} that is wrong as a whole", detail


def lookalikes(body: object, request: Request) -> bool:
    """Whether a field differs from one of the contract in letter case alone.

    Some JSON libraries read names in any case, and then the body is another than it seems.
    """
    names = _known(request.schema)
    return any(
        key not in known and key.casefold() in {name.casefold() for name in known}
        for part, known in _objects(body, names)
        for key in part
    )


def tame(body: object, request: Request) -> bool:
    """Whether the fields that the contract does not know are such as every backend ignores.

    Filters against query operators and prototype pollution, and stores that take no U+0000, may
    refuse others; what stands deep inside is the backend's choice (D16).
    """
    return all(
        _tame_name(key) and _tame_value(value)
        for part, known in _objects(body, _known(request.schema))
        for key, value in part.items()
        if key not in known
    )


def _tame_name(name: str) -> bool:
    return (
        name not in ("", "__proto__", "constructor", "prototype")
        and not set(name) & {"$", "."}
        and not any(letter < " " or "\x7f" <= letter <= "\x9f" for letter in name)
    )


def _tame_value(value: object, levels: int = 3) -> bool:
    match value:
        case str():
            return "\x00" not in value
        case int() | float():
            # Beyond this, decoders with fixed widths may refuse the number.
            return abs(value) < 2**53
        case list():
            return levels > 0 and all(_tame_value(inner, levels - 1) for inner in value)
        case dict():
            return levels > 0 and all(
                _tame_name(name) and _tame_value(inner, levels - 1) for name, inner in value.items()
            )
    return value is None


def _known(schema: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    properties = schema.get("properties", {})
    return {
        name: node.get("properties", {})
        for name, node in properties.items()
        if isinstance(node, Mapping)
    }


def _objects(
    body: object, known: Mapping[str, Mapping[str, Any]]
) -> Iterable[tuple[Mapping[str, Any], set[str]]]:
    """The body and the objects in its known fields, each with the names that the contract gives
    it."""
    if not isinstance(body, dict):
        return
    yield body, set(known)
    for name, inner in known.items():
        if inner and isinstance(body.get(name), dict):
            yield body[name], set(inner)


def _named_in(body: object, people: People) -> list[Named]:
    if not isinstance(body, dict):
        return []
    found = [people.named(FIELDS[name], body[name]) for name in FIELDS if name in body]
    return [named for named in found if named is not Named.MALFORMED]


def _by_public_id(body: object) -> bool:
    return isinstance(body, dict) and "to" in body


def _path_requirement(operation: Operation) -> str | None:
    # `refuses` speaks of the body where there is one; the id in the path is then with the unknown
    # users.
    return operation.blame.unknown if operation.request else operation.blame.refuses


def _requirement(contract: Contract, name: str | None) -> Requirement | None:
    return contract.requirements.get(name) if name else None


def _refused(
    contract: Contract, name: str | None, fair: frozenset[int], reason: str, detail: str = ""
) -> Expectation:
    requirement = _requirement(contract, name)
    if requirement is None:
        return FREE
    return Expectation(Kind.REFUSED, requirement.id, requirement.level, fair, reason, detail)


def _nobody(contract: Contract, blame: Blame, fair: frozenset[int]) -> Expectation:
    requirement = _requirement(contract, blame.unknown)
    if requirement is None:
        return FREE
    level = blame.unknown_level or requirement.level
    return Expectation(Kind.NOBODY, requirement.id, level, fair, "a user who does not exist")


def _taken(contract: Contract, name: str | None, fair: frozenset[int]) -> Expectation:
    requirement = _requirement(contract, name)
    if requirement is None:
        return FREE
    reason, detail = "valid input", "it is what every backend has to take"
    return Expectation(Kind.TAKEN, requirement.id, requirement.level, fair, reason, detail)
