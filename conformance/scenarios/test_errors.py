"""What a backend answers to requests that are wrong (ERR)."""

import json
from collections.abc import Iterator
from typing import Any

from conformance.evidence.steps import Step
from conformance.judging.messages import member
from conformance.judging.monitors import judge_exchange
from conformance.scenarios import requirement, undisturbed
from conformance.scenarios.props.bodies import attachment
from conformance.scenarios.props.refusals import Refusals
from conformance.scenarios.props.settings import PLAIN, acquainted
from conformance.stage.accusing import Blocked
from conformance.stage.actor import Actor
from conformance.stage.stage import Stage
from conformance.wire.connections import NOBODY_LISTENS
from conformance.wire.http import ABSENT, Exchange

JSON = {"Content-Type": "application/json"}
MEGABYTES = 3 * 1024 * 1024
DEEP = 20_000
"""Levels of nesting: more than any recursive reader manages, and still a body of 40 kB."""

Request = dict[str, Any]


def _valid(other: Actor, words: str) -> dict[str, Request]:
    """A valid request for each operation that takes a body."""
    return {
        "sendMessage": {"json": {"recipientId": other.id, "text": words}},
        "sendChatMessage": {"json": {"to": other.user.public_id, "message": words}},
        "updateConversationMetadata": {"path": {"otherUserId": other.id}, "json": PLAIN},
    }


def _named(stage: Stage, operation: str) -> str:
    known = stage.world.contract.operations[operation]
    return f"{known.method} {known.path}"


@requirement("ERR-02", "SEND-11", "CHAT-04")
def test_a_body_that_is_no_json_is_refused(stage: Stage) -> None:
    actor, other = acquainted(stage)
    for operation, request in _valid(other, stage.text("no JSON")).items():
        path = request.get("path")
        name = _named(stage, operation)
        refusals = Refusals(stage, name)
        for flaw, body in _broken(json.dumps(request["json"])):
            if not refusals.hopeless("ERR-02"):
                answer = actor.call(operation, path=path, body=body, headers=JSON)
                refusals.add("ERR-02", f"a body that is {flaw}", answer)
        refusals.judge()
        # What is no UTF-8 is no JSON either, but readers that repair it are common: only a crash
        # is wrong, which is judged wherever it happens (ERR-03).
        repaired = json.dumps(request["json"]).encode().replace(b"no JSON", b"no \xff\xc3 JSON")
        actor.call(operation, path=path, body=repaired, headers=JSON)
        if operation == "updateConversationMetadata":
            continue  # an empty body of settings may be taken (D9)
        stage.answered(
            "SEND-11" if operation == "sendMessage" else "CHAT-04",
            actor.call(operation, path=path, body=b"", headers=JSON),
            (400, 415),
            f"{name} with an empty body is not answered 400 or 415",
        )


def _broken(body: str) -> Iterator[tuple[str, bytes]]:
    """Broken forms of a JSON object, each with its name."""
    words = body.removeprefix("{").removesuffix("}")
    yield "JSON cut off in the middle", body[: len(body) // 2].encode()
    yield "JSON but for its last brace", body[:-1].encode()
    yield "JSON but for a comma at the end", f"{{{words},}}".encode()
    yield "JSON but for single quotes", body.replace('"', "'").encode()
    yield "JSON but for a name without quotes", f"{{recipientId: 1, {words}}}".encode()
    yield "plain text", b"hello"
    yield "a form", b"recipientId=1&text=hello&isPinned=true"
    yield "XML", b"<message><text>hello</text></message>"
    yield "the words [object Object]", b"[object Object]"
    yield "nothing but white space and a brace", b"  \n {"


@requirement("ERR-01", "ERR-03", "ERR-04", "ERR-07", "ERR-09")
def test_every_error_has_the_error_body(stage: Stage) -> None:
    """All documented kinds of errors on all operations, and what tends to upset backends.

    The answers are judged by what holds for any answer at any time.
    """
    actor, other = acquainted(stage)
    for answer in (*_errors(stage, actor, other), *_upsetting(stage, actor, other)):
        for judgement in judge_exchange(stage.world.contract, answer):
            stage.check(
                judgement.requirement,
                judgement.holds,
                judgement.summary,
                judgement.expected,
                judgement.observed,
                level=judgement.level,
                evidence=[Step.of_exchange(answer)],
            )


def _errors(stage: Stage, actor: Actor, other: Actor) -> Iterator[Exchange]:
    nobody = stage.unknown_id()
    valid = _valid(other, stage.text("wrong"))
    for operation, request in {
        "listMessages": {"path": {"otherUserId": other.id}},
        **valid,
    }.items():
        yield stage.world.call(operation, token=None, **request)
        yield stage.world.call(operation, token="not.a.token", **request)  # noqa: S106
    for operation, request in valid.items():
        path = request.get("path")
        yield actor.call(operation, path=path, body=b'{"text": "cut', headers=JSON)
        yield actor.call(operation, path=path, json=[])
    for id in ("undefined", "abcdefghijkl", nobody):
        yield actor.read(id)
        yield actor.set(id, PLAIN)
        yield actor.send(id, text=stage.text("to nobody"))
    yield actor.send(other)
    yield actor.send(other, text=5)
    yield actor.send(
        other, text=stage.text(), attachment={"type": "audio", "url": "https://x.example/"}
    )
    yield actor.chat(f"NOBODY{nobody}", stage.text("to nobody"))
    yield actor.chat("", stage.text("to nobody"))
    yield actor.set(other, {"isPinned": "yes"})


def _upsetting(stage: Stage, actor: Actor, other: Actor) -> Iterator[Exchange]:
    """Requests that are fair to refuse and to take, each in some way, but never with a crash."""
    for value in ("__proto__", "constructor", "$where", "\u0130", "\U0001f600" * 6, "-1"):
        yield actor.read(value)
        yield actor.send(value, text=stage.text("odd"))
        yield actor.chat(value, stage.text("odd"))
    deep = b"[" * DEEP + b"]" * DEEP
    for operation, request in _valid(other, stage.text()).items():
        path = request.get("path")
        yield actor.call(operation, path=path, body=deep, headers=JSON)
    body = b'{"recipientId": %s, "to": %s, "isPinned": %s}'
    for number in (b"1e999", b"-0.0", b"9" * 400):
        for operation, request in _valid(other, "").items():
            path = request.get("path")
            numbers = body % (number, number, number)
            yield actor.call(operation, path=path, body=numbers, headers=JSON)
    for fields in (
        {"text": f"{stage.text()} \x00 and on"},
        {"text": f"{stage.text()} \ud83d and on"},
        {"text": None, "attachment": attachment("odd")},
        {"text": stage.text(), "attachment": None},
        {"text": "long " * 4_000 + stage.text()},
        {"text": stage.text(), "__proto__": {"admin": True}, "constructor": None, "": 1},
        {"text": stage.text(), "$set": {"text": "x"}, "a.b": 1, "_id": {"$oid": "x"}},
    ):
        yield actor.call("sendMessage", json={"recipientId": other.id, **fields})
    yield actor.set(other, PLAIN | {"$set": {"isPinned": True}, "_id": "x", "userId": 5, "a.b": 1})
    yield actor.set(other, {})
    yield actor.call(
        "updateConversationMetadata", path={"otherUserId": other.id}, body=b"", headers=JSON
    )


@requirement("ERR-03")
def test_a_path_that_cannot_be_decoded_does_no_harm(stage: Stage) -> None:
    """Percent signs that stand for no letter. Any answer will do that is no crash: HTTP servers
    may refuse such a path by themselves (D12).
    """
    (actor,) = stage.cast(1)
    for segment in ("%ff", "%c3%28", "%E0%A4%A", "%", "%zz"):
        for method, path, body in (
            ("GET", f"/api/messages/{segment}", ABSENT),
            ("PUT", f"/api/conversations/{segment}/metadata", PLAIN),
        ):
            answer = stage.world.http.send(
                method, path, token=actor.token, actor=actor.name, json=body
            )
            stage.check(
                "ERR-03",
                answer.status is None or answer.status < 500,
                f"A {method} whose path cannot be decoded is answered 5xx",
                "no 5xx, whatever the request is",
                answer,
                evidence=[Step.of_exchange(answer)],
            )


@requirement("ERR-05")
def test_what_does_not_exist_is_said_in_the_error_body(stage: Stage) -> None:
    actor, other = acquainted(stage)
    http, token = stage.world.http, actor.token
    word = stage.text("nothing").replace(" ", "-")
    valid = _valid(other, stage.text("wrong method"))
    for path in (f"/api/{word}", f"/api/messages/{other.id}/{word}", f"/api/chat/{word}/{word}"):
        answer = http.send("GET", path, token=token, actor=actor.name)
        _judge_nothing(stage, answer, (404,), "An unknown path below /api")
    answer = http.send("POST", f"/api/{word}", token=token, actor=actor.name, json={"text": "x"})
    _judge_nothing(stage, answer, (404,), "A POST to an unknown path below /api")
    # On the two paths that name no user a method cannot be mistaken for a further operation,
    # except that messages/send may be a message by the id "send".
    for path, fair in (("/api/chat/send", (404, 405)), ("/api/messages/send", (404, 405, 400))):
        body = valid["sendChatMessage" if "chat" in path else "sendMessage"]["json"]
        for method in ("PUT", "PATCH", "DELETE"):
            # Proxies refuse a DELETE with a body by themselves.
            content = {} if method == "DELETE" else {"json": body}
            answer = http.send(method, path, token=token, actor=actor.name, **content)
            _judge_nothing(stage, answer, fair, f"{method} {path}, which is no operation,")
    # A backend may well have more operations than the contract, so one that answers is fair here.
    path = f"/api/conversations/{other.id}/metadata"
    answer = http.send("GET", path, token=token, actor=actor.name)
    if answer.status is None or answer.status >= 300:
        _judge_nothing(stage, answer, (404, 405), "GET of a conversation's metadata")


def _judge_nothing(stage: Stage, answer: Exchange, fair: tuple[int, ...], what: str) -> None:
    wanted = " or ".join(map(str, fair[:2]))
    stage.answered("ERR-05", answer, fair, f"{what} is not answered {wanted}")
    if answer.status in fair:
        message = member(answer.json, "message")
        stage.check(
            "ERR-05",
            member(answer.json, "success") is False and isinstance(message, str) and message != "",
            f"{what} is answered without the error body",
            '{"success": false, "message": "…"} as JSON',
            answer,
            evidence=[Step.of_exchange(answer)],
        )


@requirement("ERR-06")
def test_a_body_of_another_media_type_is_refused(stage: Stage) -> None:
    actor, other = acquainted(stage)
    for operation, request in _valid(other, stage.text("media type")).items():
        content = json.dumps(request["json"]).encode()
        form = b"&".join(
            f"{name}={str(value).lower()}".replace(" ", "+").encode()
            for name, value in request["json"].items()
        )
        for media, body in (
            ("text/plain", content),
            ("application/x-www-form-urlencoded", form),
            ("application/xml", b"<message><text>hello</text></message>"),
            ("application/octet-stream", content),
        ):
            answer = actor.call(
                operation, path=request.get("path"), body=body, headers={"Content-Type": media}
            )
            stage.answered(
                "ERR-06",
                answer,
                (400, 415),
                f"{_named(stage, operation)} with a body of {media} is not answered 400 or 415",
            )


@requirement("SEND-01", "CHAT-01", "META-01")
def test_a_charset_in_the_media_type_changes_nothing(stage: Stage) -> None:
    """Browsers' libraries name one, and it is still JSON."""
    actor, other = acquainted(stage)
    for operation, request in _valid(other, stage.text("charset")).items():
        known = stage.world.contract.operations[operation]
        media = {"Content-Type": "application/json; charset=utf-8"}
        answer = actor.call(operation, headers=media, **request)
        stage.check(
            known.blame.accepts or "",
            answer.succeeded,
            f"{_named(stage, operation)} does not succeed with application/json; charset=utf-8",
            str(known.success),
            answer,
        )


@undisturbed
@requirement("ERR-08")
def test_a_body_of_some_megabytes_does_no_harm(stage: Stage) -> None:
    actor, other = acquainted(stage)
    padding = "x" * MEGABYTES
    # None of them leaves megabytes in a history.
    for operation, request, fair in (
        ("sendMessage", {"json": {"recipientId": stage.unknown_id(), "text": padding}}, (404,)),
        (
            "sendChatMessage",
            {"json": {"to": f"NOBODY{stage.unknown_id()}", "message": padding}},
            (404,),
        ),
        (
            "updateConversationMetadata",
            {"path": {"otherUserId": other.id}, "json": PLAIN | {"padding": padding}},
            (200,),
        ),
    ):
        answer = actor.call(operation, **request)
        name = _named(stage, operation)
        # A server may close the connection instead of reading on.
        closed = answer.status is None and answer.elapsed < stage.pace.answer
        stage.check(
            "ERR-08",
            closed or answer.status in (400, 413, *fair),
            f"{name} with three megabytes answers neither 413 nor 400, nor what they ask for",
            f"413, 400 or {fair[0]}",
            answer,
            evidence=[Step.of_exchange(answer)],
        )
        alive = actor.read(other)
        if alive.error == NOBODY_LISTENS:
            stage.condemn(
                "ERR-08",
                f"{name} with three megabytes ends the backend",
                "a backend that lives on",
                alive.error,
            )
        if not stage.check(
            "ERR-08",
            alive.status is not None and alive.status < 500,
            f"After {name} with three megabytes nobody is served",
            "an answer",
            alive,
        ):
            raise Blocked("the backend does not answer after a body of three megabytes")
