"""Mutants of POST /api/messages/send: what has to be refused (SEND-07 to SEND-12)."""

from reference_server import rest
from reference_server.errors import Invalid, NotFound
from reference_server.store import Store
from reference_server.users import Directory
from tests.mutants.patching import Defect, Patch
from tests.mutants.registry import mutant
from tests.mutants.sending import accepted, attached

FILE = {"type": "file", "url": "https://example.com/file"}


def without_attachment(body):
    """A body with what is left of it."""
    return {key: value for key, value in body.items() if key != "attachment"}


@mutant("SEND-07", protocol="rest")
def an_empty_message_is_taken(patch: Patch) -> None:
    """Neither text nor attachment: stored as an empty message."""

    def mend(body):
        if isinstance(body, dict) and not body.get("text") and "attachment" not in body:
            return {"recipientId": body.get("recipientId"), "text": "(empty)"}
        return None

    accepted(patch, mend)


@mutant("SEND-07", protocol="rest", subtle=True)
def an_empty_text_is_taken(patch: Patch) -> None:
    """`text !== undefined`: an empty text without an attachment is a message."""

    def mend(body):
        if isinstance(body, dict) and body.get("text") == "" and "attachment" not in body:
            return {**body, "text": "(empty)"}
        return None

    accepted(patch, mend)


@mutant("SEND-08", protocol="rest")
def a_missing_recipient_is_404(patch: Patch) -> None:
    """`findById(undefined)` finds nobody: 404 instead of 400."""

    async def around(request, proceed):
        answer = await proceed(request)
        body = request.json
        if request.operation == "sendMessage" and answer.status == 400 and isinstance(body, dict):
            answer.status = 404 if "recipientId" not in body else 400
        return answer

    patch.wire(around)


def _first_user(patch):
    directories = patch.the(Directory)
    return lambda: next(iter(directories[0]))


@mutant("SEND-08", protocol="rest", subtle=True)
def a_query_object_finds_somebody(patch: Patch) -> None:
    """`findOne({_id: recipientId})`: `{"$ne": null}` names the first user there is."""
    somebody = _first_user(patch)

    def mend(body):
        if isinstance(body, dict) and isinstance(body.get("recipientId"), dict):
            return {**body, "recipientId": somebody().id}
        return None

    accepted(patch, mend)


@mutant("SEND-08", protocol="rest", subtle=True)
def a_list_of_one_id_is_an_id(patch: Patch) -> None:
    """`String(["60d0…"])` is the id itself: a list with one id is taken."""

    def mend(body):
        if isinstance(body, dict) and isinstance(body.get("recipientId"), list):
            first = next(iter(body["recipientId"]), None)
            return {**body, "recipientId": first} if isinstance(first, str) else None
        return None

    accepted(patch, mend)


@mutant("SEND-08", protocol="rest", subtle=True)
def twelve_characters_name_an_unknown_recipient(patch: Patch) -> None:
    """`isValidObjectId` takes any twelve characters: 404 instead of 400."""

    async def around(request, proceed):
        answer = await proceed(request)
        body = request.json
        if request.operation == "sendMessage" and answer.status == 400 and isinstance(body, dict):
            id = body.get("recipientId")
            answer.status = 404 if isinstance(id, str) and len(id) == 12 else 400
        return answer

    patch.wire(around)


@mutant("SEND-08", protocol="rest")
def a_malformed_recipient_is_a_500(patch: Patch) -> None:
    """The CastError of a malformed id is caught nowhere."""

    async def around(request, proceed):
        answer = await proceed(request)
        body = request.json
        if request.operation == "sendMessage" and answer.status == 400 and isinstance(body, dict):
            id = body.get("recipientId")
            if isinstance(id, str) and len(id) != 24:
                raise Defect("CastError")
        return answer

    patch.wire(around)


@mutant("SEND-09", protocol="rest")
def an_unknown_recipient_gets_a_message(patch: Patch) -> None:
    """The recipient is never looked up: a message to nobody is created."""

    async def send(chat, call, original):
        try:
            return await original(call)
        except NotFound:
            id = call.body["recipientId"]
            message = await chat.store.add_message(
                call.user.id, id, call.body.get("text") or "", None, "sent"
            )
            return rest.Answer(201, chat.show(message))

    patch.handler("sendMessage", send)


@mutant("SEND-09", protocol="rest")
def an_unknown_recipient_is_400(patch: Patch) -> None:
    """An unknown recipient is answered 400."""

    async def send(chat, call, original):
        try:
            return await original(call)
        except NotFound as refusal:
            raise Invalid(refusal.message) from refusal

    patch.handler("sendMessage", send)


def _mended_attachment(patch, mend):
    def body_of(body):
        if not isinstance(body, dict) or "attachment" not in body:
            return None
        attachment = mend(body, body["attachment"])
        return None if attachment is None else {**body, **attachment}

    accepted(patch, body_of)


@mutant("SEND-10", protocol="rest")
def any_type_of_attachment_is_taken(patch: Patch) -> None:
    """The type of an attachment is any string."""

    def mend(body, attachment):
        if isinstance(attachment, dict) and isinstance(attachment.get("type"), str):
            return {"attachment": {**FILE, **attachment, "type": "file"}}
        return None

    _mended_attachment(patch, mend)


@mutant("SEND-10", protocol="rest", subtle=True)
def types_are_compared_without_letter_case(patch: Patch) -> None:
    """`IMAGE` is taken for image."""

    def mend(body, attachment):
        if isinstance(attachment, dict) and isinstance(kind := attachment.get("type"), str):
            return {"attachment": {**attachment, "type": kind.lower()}}
        return None

    _mended_attachment(patch, mend)


@mutant("SEND-10", protocol="rest", subtle=True)
def an_attachment_needs_no_url(patch: Patch) -> None:
    """`url` is not required."""

    def mend(body, attachment):
        if isinstance(attachment, dict) and "url" not in attachment:
            return {"attachment": {**FILE, **attachment}}
        return None

    _mended_attachment(patch, mend)


@mutant("SEND-10", protocol="rest", subtle=True)
def an_attachment_needs_no_type(patch: Patch) -> None:
    """`type` is not required: it is guessed."""

    def mend(body, attachment):
        if isinstance(attachment, dict) and "type" not in attachment:
            return {"attachment": {**FILE, **attachment}}
        return None

    _mended_attachment(patch, mend)


@mutant("SEND-10", protocol="rest", subtle=True)
def an_attachment_may_be_an_address(patch: Patch) -> None:
    """A string in the place of the attachment is taken as its URL."""

    def mend(body, attachment):
        return {"attachment": {**FILE, "url": attachment}} if isinstance(attachment, str) else None

    _mended_attachment(patch, mend)


@mutant("SEND-10", protocol="rest", subtle=True)
def an_empty_list_is_no_attachment(patch: Patch) -> None:
    """With a text, a list in the place of the attachment is ignored."""

    async def around(request, proceed):
        answer = await proceed(request)
        body = request.json if request.operation == "sendMessage" else None
        if (
            answer.status == 400
            and isinstance(body, dict)
            and isinstance(body.get("attachment"), list)
        ):
            return await proceed(request.with_json(without_attachment(body)))
        return answer

    patch.wire(around)


@mutant("SEND-11", protocol="rest")
def numbers_become_texts(patch: Patch) -> None:
    """A text that is a number is cast, as a schema of Mongoose does."""

    def mend(body):
        if isinstance(body, dict) and isinstance(body.get("text"), int | float):
            return {**body, "text": str(body["text"])}
        return None

    accepted(patch, mend)


@mutant("SEND-11", protocol="rest", subtle=True)
def a_text_that_is_no_string_is_dropped_beside_an_attachment(patch: Patch) -> None:
    """With an attachment the text is not judged: an object in its place is ignored."""

    def mend(body):
        if isinstance(body, dict) and attached(body) and not isinstance(body.get("text"), str):
            return {key: value for key, value in body.items() if key != "text"}
        return None

    accepted(patch, mend)


@mutant("SEND-11", protocol="rest", subtle=True)
def a_list_of_one_body_is_a_body(patch: Patch) -> None:
    """A body that is an array is unpacked, as PHP and some mappers do."""

    def mend(body):
        return body[0] if isinstance(body, list) and body and isinstance(body[0], dict) else None

    accepted(patch, mend)


@mutant("SEND-12", protocol="rest", subtle=True)
def a_refused_attachment_leaves_its_text(patch: Patch) -> None:
    """The message is stored before its attachment is judged: 400, and the text stands there."""

    async def around(request, proceed):
        answer = await proceed(request)
        body = request.json if request.operation == "sendMessage" else None
        if answer.status == 400 and isinstance(body, dict) and "attachment" in body:
            await proceed(request.with_json(without_attachment(body)))
        return answer

    patch.wire(around)


@mutant("SEND-12", protocol="both", subtle=True)
def a_refused_message_is_delivered(patch: Patch) -> None:
    """The event leaves before validation: refused messages reach the recipient, unstored."""

    async def around(request, proceed):
        answer = await proceed(request)
        body = request.json
        if request.operation == "sendMessage" and answer.status == 400 and isinstance(body, dict):
            body.pop("attachment", None)
            body["text"] = str(body.get("text") or "(empty)")
            sent = await proceed(request.with_json(body))
            if sent.status == 201:
                lost.add(sent.json["data"]["_id"])
        return answer

    async def messages_between(store, one, other):
        return [m for m in await between(store, one, other) if m.id not in lost]

    lost = set()
    patch.wire(around)
    between = patch(Store, messages_between)
