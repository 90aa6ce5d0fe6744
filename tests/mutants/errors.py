"""Mutants of error handling over HTTP."""

import os
import traceback
from urllib.parse import parse_qsl

from reference_server import asgi, rest
from reference_server.chat import Chat
from reference_server.errors import Invalid
from tests.mutants.patching import Answer, Defect, Patch
from tests.mutants.registry import mutant


def errors_answered(patch, change):
    """Let `change(request, answer)` see every error answer; what it returns is sent."""

    async def around(request, proceed):
        answer = await proceed(request)
        return change(request, answer) if answer.status >= 400 else answer

    patch.wire(around)


@mutant("ERR-03", protocol="rest")
def unknown_paths_fail(patch: Patch) -> None:
    """The handler of unknown paths throws, and the answer is a 500."""

    def failed(request, answer):
        known = request.operation is not None or answer.status != 404
        return answer if known else Answer.of(500, {"success": False, "message": "Oops."})

    errors_answered(patch, failed)


@mutant("ERR-01", protocol="rest")
def errors_are_html_pages(patch: Patch) -> None:
    """Errors are the framework's HTML pages."""

    def page(request, answer):
        return Answer(answer.status, b"<!DOCTYPE html><pre>Error</pre>", "text/html")

    errors_answered(patch, page)


@mutant("ERR-01", protocol="rest")
def errors_have_an_error_field(patch: Patch) -> None:
    """Errors are `{"error": ...}`, without success and message."""
    errors_answered(
        patch, lambda request, answer: Answer.of(answer.status, {"error": answer.json["message"]})
    )


@mutant("ERR-01", protocol="rest")
def errors_are_problem_details(patch: Patch) -> None:
    """Errors are RFC 9457 problem details, as the web framework makes them."""

    def problem(request, answer):
        body = {"title": "Error", "status": answer.status, "detail": answer.json["message"]}
        return Answer.of(answer.status, body, "application/problem+json")

    errors_answered(patch, problem)


@mutant("ERR-01", protocol="rest", subtle=True)
def errors_401_are_plain_text(patch: Patch) -> None:
    """Only the authentication middleware answers without the error body: `Unauthorized`."""

    def plain(request, answer):
        return Answer(401, b"Unauthorized", "text/plain") if answer.status == 401 else answer

    errors_answered(patch, plain)


@mutant("ERR-01", protocol="rest", subtle=True)
def success_is_the_text_false(patch: Patch) -> None:
    """`success` is the string "false", which is true to many a client."""
    errors_answered(
        patch,
        lambda request, answer: Answer.of(answer.status, {**answer.json, "success": "false"}),
    )


@mutant("ERR-01", protocol="rest", subtle=True)
def errors_404_have_no_message(patch: Patch) -> None:
    """The message of 404 is empty; all others have one."""

    def silent(request, answer):
        if answer.status == 404 and request.operation:
            return Answer.of(404, {"success": False, "message": ""})
        return answer

    errors_answered(patch, silent)


@mutant("ERR-01", protocol="rest", subtle=True)
def messages_are_lists(patch: Patch) -> None:
    """`message` of a 400 is a list, as NestJS' validation pipe makes it."""

    def listed(request, answer):
        if answer.status == 400:
            return Answer.of(400, {**answer.json, "message": [answer.json["message"]]})
        return answer

    errors_answered(patch, listed)


@mutant("ERR-02", protocol="rest")
def broken_json_is_a_500(patch: Patch) -> None:
    """The parser's exception is caught nowhere."""

    def decode(body):
        try:
            return original(body)
        except Invalid as refusal:
            raise Defect("Unexpected token in JSON") from refusal

    original = patch(rest, decode)


@mutant("ERR-02", protocol="rest", subtle=True)
def broken_json_is_an_empty_object(patch: Patch) -> None:
    """`get_json(silent=True) or {}`: where nothing is required, a broken body is accepted."""

    def decode(body):
        try:
            return original(body)
        except Invalid:
            return {}

    original = patch(rest, decode)


@mutant("ERR-02", protocol="rest")
def broken_json_is_422(patch: Patch) -> None:
    """A body that is no JSON is answered 422, as FastAPI does."""

    async def around(request, proceed):
        answer = await proceed(request)
        if answer.status == 400 and request.body and request.json is None:
            answer.status = 422
        return answer

    patch.wire(around)


@mutant("ERR-03", protocol="rest", subtle=True, fails_with=(UnicodeDecodeError,))
def invalid_utf8_is_a_500(patch: Patch) -> None:
    """A body that is no UTF-8 fails in the decoder, as Connexion leaves it."""

    def decode(body):
        body.decode()
        return original(body)

    original = patch(rest, decode)


@mutant("ERR-03", protocol="rest", subtle=True)
def an_undecodable_path_is_a_500(patch: Patch) -> None:
    """`decodeURIComponent` fails on `%ff` and nobody catches it."""

    async def around(request, proceed):
        if b"%ff" in request.scope["raw_path"].lower() or "\ufffd" in request.scope["path"]:
            raise Defect("URI malformed")
        return await proceed(request)

    patch.wire(around)


@mutant("ERR-03", protocol="rest", subtle=True)
def a_lone_surrogate_is_a_500(patch: Patch) -> None:
    """A text with half a surrogate pair fails in the database driver."""

    def require_unicode(chat, text):
        if any("\ud800" <= letter <= "\udfff" for letter in text):
            raise Defect("surrogates not allowed")

    patch(Chat, require_unicode)


@mutant("ERR-03", protocol="rest", subtle=True)
def deep_nesting_is_a_500(patch: Patch) -> None:
    """A body of some hundred levels overflows the stack of a recursive cleaner."""

    def decode(body):
        if body.count(b"[") + body.count(b"{") > 400:
            raise Defect("Maximum call stack size exceeded")
        return original(body)

    original = patch(rest, decode)


@mutant("ERR-03", protocol="rest", subtle=True)
def a_body_that_is_no_object_is_a_500(patch: Patch) -> None:
    """`body.recipientId` of null: a valid JSON value that is no object is caught nowhere."""

    def decode(body):
        value = original(body)
        if value is None:
            raise Defect("Cannot read properties of null")
        return value

    original = patch(rest, decode)


@mutant("ERR-04", protocol="rest")
def stack_traces_are_shown(patch: Patch) -> None:
    """The message of an error is its stack trace."""

    def traced(request, answer):
        stack = "".join(traceback.format_stack()[-3:])
        message = f"{answer.json['message']}\nTraceback (most recent call last):\n{stack}"
        return Answer.of(answer.status, {"success": False, "message": message})

    errors_answered(patch, traced)


@mutant("ERR-04", protocol="rest", subtle=True)
def the_database_explains_a_bad_id(patch: Patch) -> None:
    """A bad id is answered with the driver's own words: Cast to ObjectId failed for value …"""

    def cast(request, answer):
        if answer.status == 400 and request.operation == "listMessages":
            text = f'Cast to ObjectId failed for value "{request.last_segment}" at path "_id"'
            return Answer.of(400, {"success": False, "message": text})
        return answer

    errors_answered(patch, cast)


@mutant("ERR-05", protocol="rest")
def unknown_paths_are_html(patch: Patch) -> None:
    """What matches no route gets the framework's page: Cannot GET /api/…"""

    def page(request, answer):
        if request.operation is None and answer.status == 404:
            return Answer(404, b"<!DOCTYPE html><pre>Cannot GET</pre>", "text/html")
        return answer

    errors_answered(patch, page)


@mutant("ERR-05", protocol="rest")
def unknown_paths_are_the_front_page(patch: Patch) -> None:
    """What matches no route is answered 200 with the single-page application."""

    def page(request, answer):
        if request.operation is None and answer.status == 404:
            return Answer(200, b"<!DOCTYPE html><title>Chat</title>", "text/html")
        return answer

    errors_answered(patch, page)


@mutant("ERR-05", protocol="rest", subtle=True)
def a_wrong_method_has_no_error_body(patch: Patch) -> None:
    """405 comes with an empty body; 404 is right."""

    def empty(request, answer):
        return Answer(405, b"") if answer.status == 405 else answer

    errors_answered(patch, empty)


@mutant("ERR-06", protocol="rest")
def any_media_type_is_json(patch: Patch) -> None:
    """The media type of a body is not looked at: text/plain is parsed as JSON."""

    async def around(request, proceed):
        return await proceed(request.with_header("content-type", "application/json"))

    patch.wire(around)


@mutant("ERR-06", protocol="rest", subtle=True)
def forms_are_parsed(patch: Patch) -> None:
    """Bodies of the type of HTML forms are taken, `express.urlencoded` being in the chain."""

    async def around(request, proceed):
        if request.header("content-type").startswith("application/x-www-form-urlencoded"):
            fields = dict(parse_qsl(request.body.decode("latin-1")))
            value = request.json if isinstance(request.json, dict) else fields
            request = request.with_json(value).with_header("content-type", "application/json")
        return await proceed(request)

    patch.wire(around)


@mutant("ERR-07", protocol="rest")
def answers_are_said_to_be_html(patch: Patch) -> None:
    """`res.send(JSON.stringify(...))`: the body is JSON, the header says text/html."""

    async def around(request, proceed):
        answer = await proceed(request)
        answer.media = "text/html; charset=utf-8"
        return answer

    patch.wire(around)


@mutant("ERR-07", protocol="rest", subtle=True)
def errors_400_are_said_to_be_text(patch: Patch) -> None:
    """The body of a 400 is right, its media type is text/plain, as Go's http.Error sets it."""

    def plain(request, answer):
        if answer.status == 400:
            answer.media = "text/plain; charset=utf-8"
        return answer

    errors_answered(patch, plain)


@mutant("ERR-08", protocol="rest", subtle=True)
def a_large_body_is_a_500(patch: Patch) -> None:
    """The parser's `request entity too large` is caught as any other failure: 500."""

    def _refuse_body(exchange):
        exchange._body.clear()
        exchange._answer(500, "Something failed in the server.")

    patch(asgi._Exchange, _refuse_body)


@mutant("ERR-08", protocol="rest", subtle=True)
def a_large_body_ends_the_process(patch: Patch) -> None:
    """A body of some megabytes exhausts the memory, and the process ends."""

    def _refuse_body(exchange):
        os._exit(137)

    patch(asgi._Exchange, _refuse_body)


@mutant("ERR-09", protocol="rest")
def validation_errors_are_422(patch: Patch) -> None:
    """What fails validation is answered 422, which no operation documents."""

    def unprocessable(request, answer):
        answer.status = 422 if answer.status == 400 else answer.status
        return answer

    errors_answered(patch, unprocessable)


@mutant("ERR-09", protocol="rest", subtle=True)
def an_update_that_changes_nothing_is_204(patch: Patch) -> None:
    """Settings that stay as they were are answered 204, which the operation does not document."""
    last = {}

    async def around(request, proceed):
        answer = await proceed(request)
        if request.operation == "updateConversationMetadata" and answer.status == 200:
            if last.get(key := (request.header("authorization"), request.scope["path"])) == (
                answer.body
            ):
                return Answer(204, b"")
            last[key] = answer.body
        return answer

    patch.wire(around)
