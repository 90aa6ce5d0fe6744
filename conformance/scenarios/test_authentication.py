"""Who may do anything at all, and as whom (AUTH)."""

from collections.abc import Callable, Mapping
from typing import Any

from conformance.evidence.steps import Step
from conformance.judging.messages import (
    by_id,
    member,
    message_id,
    new_message,
    same_id,
    text,
    unwrapped,
    user_id,
)
from conformance.scenarios import requirement
from conformance.scenarios.props import credentials
from conformance.scenarios.props.credentials import Credentials
from conformance.scenarios.props.freshness import is_near
from conformance.scenarios.props.settings import PLAIN, UNSEEN, Settings, acquainted, entry_of
from conformance.scenarios.props.witness import Witness
from conformance.stage.actor import Actor
from conformance.stage.stage import Stage
from conformance.wire.http import Exchange

UPDATE = "updateConversationMetadata"
LONG_AGO = "2001-02-03T04:05:06.789Z"


@requirement("AUTH-01", "AUTH-02", "AUTH-03", "AUTH-04", "AUTH-05", "AUTH-06", "AUTH-07", "AUTH-10")
def test_only_a_valid_token_opens_an_operation(stage: Stage) -> None:
    actor, other = stage.cast(2)
    for kind in credentials.refused(stage, actor, other):
        requests = _requests(other, stage.text)
        answers = {
            operation: stage.world.call(operation, token=None, headers=kind.headers, **request)
            for operation, request in requests.items()
        }
        _judge_refusal(stage, kind, answers)


@requirement("AUTH-01")
def test_a_connection_does_not_remember_who_came_before(stage: Stage) -> None:
    actor, other = stage.cast(2)
    wrong: list[Exchange] = []
    evidence: list[Step] = []
    for operation, request in _requests(other, stage.text).items():
        before = actor.read(other)  # Over the connection that carries the next request as well.
        answer = stage.world.call(operation, token=None, **request)
        if before.succeeded and answer.status != 401:
            wrong.append(answer)
            evidence += [Step.of_exchange(before), Step.of_exchange(answer)]
    stage.check(
        "AUTH-01",
        not wrong,
        "A request with no Authorization header is not answered 401 after one with a valid token "
        "over the same connection",
        "401",
        wrong[0] if wrong else "",
        evidence=evidence,
    )


@requirement("AUTH-08")
def test_a_request_with_wrong_credentials_leaves_no_trace(stage: Stage) -> None:
    actor, other, third = acquainted(stage, 3)
    kinds = {kind.requirement: kind for kind in credentials.refused(stage, actor, other)}
    witness = Witness(stage, actor, other)
    for kind in kinds.values():
        requests = _requests(other, witness.mark)
        for operation in ("sendMessage", "sendChatMessage"):
            request = requests[operation]
            witness.heed(stage.world.call(operation, token=None, headers=kind.headers, **request))
    witness.judge("AUTH-08", "A message refused for its credentials")

    answers: list[Exchange] = []

    def update(body: dict[str, Any]) -> None:
        for kind in kinds.values():
            request: dict[str, Any] = {"path": {"otherUserId": other.id}, "json": body}
            answers.append(stage.world.call(UPDATE, token=None, headers=kind.headers, **request))

    settings = Settings(stage, actor, other)
    try:
        changed = settings.changed_by(update, third)
    finally:
        settings.reset()
    if changed is None:
        stage.untestable("AUTH-08", UNSEEN)
    elif not any(map(entry_of, answers)):
        stage.check(
            "AUTH-08",
            not changed,
            "An update refused for its credentials changes the settings",
            "the settings as they were",
            f"changed: {', '.join(sorted(changed))}",
        )


def _requests(other: Actor, mark: Callable[[], str]) -> Mapping[str, Mapping[str, Any]]:
    """A valid request for each operation."""
    return {
        UPDATE: {"path": {"otherUserId": other.id}, "json": PLAIN},
        "listMessages": {"path": {"otherUserId": other.id}},
        "sendMessage": {"json": {"recipientId": other.id, "text": f"refused {mark()}"}},
        "sendChatMessage": {"json": {"to": other.user.public_id, "message": f"refused {mark()}"}},
    }


def _judge_refusal(stage: Stage, kind: Credentials, answers: Mapping[str, Exchange]) -> None:
    """One finding for all operations that do not refuse a kind of credentials."""
    wrong = [answer for answer in answers.values() if answer.status != 401]
    operations = stage.world.contract.operations
    names = ", ".join(
        f"{operations[name].method} {operations[name].path}"
        for name, answer in answers.items()
        if answer in wrong
    )
    where = "any operation" if len(wrong) == len(answers) else names
    stage.check(
        kind.requirement,
        not wrong,
        f"A request with {kind.name} is not answered 401 by {where}",
        "401",
        wrong[0] if wrong else "",
        level=kind.level,
        evidence=[Step.of_exchange(answer) for answer in wrong],
    )


@requirement("AUTH-02")
def test_a_token_of_many_kilobytes_is_refused(stage: Stage) -> None:
    actor, other = stage.cast(2)
    # Outside the contract's operations: a server that answers by itself may do so in any form.
    answer = stage.world.http.send(
        "GET", f"/api/messages/{other.id}", headers={"Authorization": credentials.huge()}
    )
    again = actor.read(other)
    stage.check(
        "AUTH-02",
        answer.status in (None, 400, 401, 413, 431),
        "A token of many kilobytes is not refused",
        "401 or 431",
        answer,
        evidence=[Step.of_exchange(answer)],
    )
    stage.check(
        "AUTH-02",
        # What else is wrong with the history is no matter of tokens (HIST-01, HIST-08).
        again.status is not None and again.status < 500 and again.status not in (401, 403),
        "After a token of many kilobytes nobody else is served",
        "an answer for another user",
        again,
    )


@requirement("AUTH-08")
def test_credentials_are_judged_before_the_body(stage: Stage) -> None:
    actor, other = stage.cast(2)
    bad = stage.world.mint.wrong_key(actor.user)
    stage.world.redactor.register(f"another key of {actor.name}", bad)
    requests: dict[str, dict[str, Any]] = {
        "sendMessage": {"json": {"recipientId": "nobody", "text": 5}},
        "sendChatMessage": {"json": {"to": "", "message": []}},
        UPDATE: {"path": {"otherUserId": other.id}, "json": {"isPinned": "yes"}},
    }
    for operation, request in requests.items():
        known = stage.world.contract.operations[operation]
        for what, token in (("without a token", None), ("with a token of another key", bad)):
            stage.answered(
                "AUTH-08",
                stage.world.call(operation, token=token, **request),
                401,
                f"{known.method} {known.path} with a wrong body and {what} is not answered 401",
                level="should",
            )


@requirement("AUTH-09")
def test_a_message_says_nothing_about_its_sender_id_time_or_status(stage: Stage) -> None:
    actor, other, third = acquainted(stage, 3)
    existing = stage.created(actor.send(third, text=stage.text()))
    before = by_id(stage.history_of(actor, third))
    (socket,) = stage.connect(other)
    pretended: dict[str, Any] = {
        **dict.fromkeys(("sender", "senderId", "userId", "from", "user"), third.id),
        **dict.fromkeys(("createdAt", "updatedAt", "timestamp"), LONG_AGO),
        "status": "read",
    }
    foreign = str(existing["_id"])
    for id in (stage.unknown_id(), foreign):
        fields = pretended | {"_id": id, "id": id, "messageId": id}
        words, more = stage.text(), stage.text()
        message = {"recipientId": other.id, "text": words, **fields}
        chat = {"to": other.user.public_id, "message": more, **fields}
        sends = {
            "SEND-01": actor.call("sendMessage", json=message),
            "CHAT-01": actor.call("sendChatMessage", json=chat),
        }
        for accepts, answer in sends.items():
            # Another id was taken, so this one is refused because of what it is.
            stage.need(
                "AUTH-09" if id == foreign else accepts,
                new_message(answer) is not None,
                f"A message that names {'the id of another' if id == foreign else 'unknown fields'}"
                " is refused",
                "201, as unknown fields are ignored",
                answer,
            )
            _judge_authorship(stage, unwrapped(answer.json), actor, id, "in the answer")
        for wanted in (words, more):
            came = stage.await_message(socket, text=wanted)
            if came is not None:
                _judge_authorship(stage, came.args[0], actor, id, "in the event")
        for stored in stage.history_of(other, actor):
            if text(stored) in (words, more):
                _judge_authorship(stage, stored, actor, id, "in the history")
    after = by_id(stage.history_of(actor, third))
    stage.check(
        "AUTH-09",
        # That a message never stood there is judged elsewhere (SEND-05).
        foreign.lower() not in before or text(after.get(foreign.lower())) == text(existing),
        "A message that names the id of another one replaces that one",
        "the other message as it was",
        after.get(foreign.lower(), "not there"),
    )


def _judge_authorship(stage: Stage, message: Any, actor: Actor, id: str, where: str) -> None:
    # What came of the status by the time the history is read is not judged here.
    for holds, what in (
        (user_id(member(message, "sender")) == actor.id, "sender"),
        (not same_id(message_id(message), id), "id"),
        (not is_near(message, LONG_AGO), "time"),
        (where == "in the history" or member(message, "status") != "read", "status"),
    ):
        stage.check(
            "AUTH-09",
            holds,
            f"The {what} that a request's body names becomes the message's, {where}",
            "what the token and the server say",
            message,
        )


@requirement("AUTH-09")
def test_settings_say_nothing_about_their_owner(stage: Stage) -> None:
    actor, other, third = acquainted(stage, 3)
    settings = Settings(stage, actor, other)
    settings.store()
    theirs = user_id(Settings(stage, third, actor).store())
    pretended = {
        **dict.fromkeys(("userId", "user", "owner", "ownerId"), third.id),
        **dict.fromkeys(("otherUserId", "otherUser"), third.id),
        "_id": theirs,
        "id": theirs,
    }
    answer = settings.put(PLAIN | pretended)
    entry = entry_of(answer)
    stage.need(
        "META-01" if answer.status == 400 else "AUTH-09",
        bool(entry),
        "Settings with unknown fields, among them an owner and an id, are refused",
        "200, as unknown fields are ignored",
        answer,
    )
    later = Settings(stage, third, actor).store()
    for holds, what in (
        (same_id(entry.get("userId"), actor.id), "owner"),
        (same_id(entry.get("otherUserId"), other.id), "other user"),
        (not same_id(entry.get("_id"), theirs), "id"),
        (same_id(later.get("userId"), third.id), "id (which is another's entry's)"),
    ):
        stage.check(
            "AUTH-09",
            holds,
            f"The {what} that a body of settings names becomes the entry's",
            "what the token and the path say",
            [entry, later],
        )
