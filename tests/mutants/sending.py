"""Mutants of POST /api/messages/send: what is answered, taken and stored."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from reference_server import chat as chats
from reference_server import rest, store
from reference_server.chat import Chat
from reference_server.errors import NotFound
from reference_server.store import Store
from tests.mutants.history import stored
from tests.mutants.patching import Answer, Patch
from tests.mutants.registry import mutant


def created(patch, change, *, operation="sendMessage"):
    """Let `change(call, answer)` see every 201 of a send."""

    async def send(chat, call, original):
        return change(call, await original(call))

    patch.handler(operation, send)


def accepted(patch, mend, *, operation="sendMessage"):
    """Take refused bodies: `mend(body)` gives the body that is handled instead, or None."""

    async def around(request, proceed):
        answer = await proceed(request)
        if answer.status == 400 and request.operation == operation:
            mended = mend(request.json)
            if mended is not None:
                return await proceed(request.with_json(mended))
        return answer

    patch.wire(around)


def refused(patch, condition, status=400, *, operation="sendMessage"):
    """Refuse valid bodies for which `condition(body)` holds."""

    async def around(request, proceed):
        body = request.json
        if request.operation == operation and isinstance(body, dict) and condition(body):
            answer = await proceed(request.with_json(None))
            if answer.status == 400:
                return Answer.of(status, answer.json)
        return await proceed(request)

    patch.wire(around)


def attached(body):
    """The attachment of a body where it is an object, else an empty one."""
    found = body.get("attachment") if isinstance(body, Mapping) else None
    return found if isinstance(found, dict) else {}


@mutant("SEND-01", protocol="rest")
def created_is_200(patch: Patch) -> None:
    """A new message is answered 200."""
    created(patch, lambda call, answer: rest.Answer(200, answer.data))


@mutant("SEND-01", protocol="rest")
def a_new_message_has_no_envelope(patch: Patch) -> None:
    """The answer is the message itself, without success and data."""

    async def around(request, proceed):
        answer = await proceed(request)
        if request.operation == "sendMessage" and answer.status == 201:
            return Answer.of(201, answer.json["data"])
        return answer

    patch.wire(around)


@mutant("SEND-02", protocol="rest")
def only_the_id_is_answered(patch: Patch) -> None:
    """`data` holds the id of the new message and nothing else."""
    created(patch, lambda call, answer: rest.Answer(201, {"_id": answer.data["_id"]}))


@mutant("SEND-01", protocol="rest", subtle=True)
def a_recipient_in_capitals_is_unknown(patch: Patch) -> None:
    """Ids are compared as text: the id of a known user in capitals is answered 404."""

    async def send(chat, call, original):
        if (id := call.body["recipientId"]) != id.lower():
            raise NotFound("Recipient not found.")
        return await original(call)

    patch.handler("sendMessage", send)


@mutant("SEND-02", protocol="rest")
def sender_and_recipient_are_swapped(patch: Patch) -> None:
    """The answer names the recipient as sender."""

    def swap(call, answer):
        data = answer.data
        return rest.Answer(201, {**data, "sender": data["recipient"], "recipient": data["sender"]})

    created(patch, swap)


@mutant("SEND-02", protocol="rest", subtle=True)
def created_at_is_local_time(patch: Patch) -> None:
    """createdAt is the server's local time with a Z behind it: hours off outside of UTC."""

    def show_time(time):
        return original(time + timedelta(hours=5, minutes=30))

    original = patch(chats, show_time)


@mutant("SEND-02", protocol="rest", subtle=True)
def a_new_message_is_read_at_once(patch: Patch) -> None:
    """Where the recipient is offline, the status of a new message is read."""

    async def first_status(chat, recipient):
        status = await original(chat, recipient)
        return status if status == "delivered" else "read"

    original = patch(Chat, first_status)


@mutant("SEND-02", protocol="rest", subtle=True)
def long_addresses_are_cut(patch: Patch) -> None:
    """The column of addresses holds 255 characters: what was signed behind them is gone."""

    def attachment_to_keep(chat, attachment):
        found = original(chat, attachment)
        return {**found, "url": found["url"][:255]} if found else None

    original = patch(Chat, attachment_to_keep)


@mutant("SEND-02", protocol="rest", subtle=True)
def addresses_are_written_in_small_letters(patch: Patch) -> None:
    """The URL of an attachment is lowercased; its path names another file then."""

    def attachment_to_keep(chat, attachment):
        found = original(chat, attachment)
        return {**found, "url": found["url"].lower()} if found else None

    original = patch(Chat, attachment_to_keep)


@mutant("SEND-02", protocol="rest", subtle=True)
def a_text_drives_the_attachment_out(patch: Patch) -> None:
    """A message has a text or an attachment: with both the attachment is dropped."""

    async def send(chat, sender, recipient, text, attachment):
        return await original(chat, sender, recipient, text, None if text else attachment)

    original = patch(Chat, send)


@mutant("SEND-03", protocol="rest", subtle=True)
def the_id_is_a_hash_of_the_content(patch: Patch) -> None:
    """Sender, recipient and text make the id: the same words said twice have one id."""

    def show(chat, message):
        key = f"{message.sender_id}/{message.recipient_id}/{message.text}/{message.attachment}"
        return {**original(chat, message), "_id": str(store._derived("message", key))}

    original = patch(Chat, show)


@mutant("SEND-04", protocol="rest")
def each_direction_has_a_conversation(patch: Patch) -> None:
    """The conversation is looked up by sender and recipient, in this order."""

    def show(chat, message):
        key = store._derived("conversation", message.sender_id, message.recipient_id)
        return {**original(chat, message), "conversationId": str(key)}

    original = patch(Chat, show)


@mutant("SEND-04", protocol="rest", subtle=True)
def each_sender_has_one_conversation(patch: Patch) -> None:
    """The smaller id of the pair alone makes the conversation: other pairs share it."""

    def show(chat, message):
        key = store._derived("conversation", min(message.sender_id, message.recipient_id))
        return {**original(chat, message), "conversationId": str(key)}

    original = patch(Chat, show)


@mutant("SEND-04", protocol="both", subtle=True)
def events_have_a_conversation_of_their_own(patch: Patch) -> None:
    """Messages sent as events are filed under another conversation id than those of REST."""
    by_event = set()

    async def on_send(chat, user, payload, original):
        answer = await original(user, payload)
        by_event.add(answer["data"]["_id"])
        return answer

    def show(chat, message):
        shown = original(chat, message)
        if message.id in by_event:
            key = store._derived("event", message.conversation_id)
            return {**shown, "conversationId": str(key)}
        return shown

    patch.receiver("onSendMessage", on_send)
    original = patch(Chat, show)


@mutant("SEND-04", protocol="rest", subtle=True)
def each_message_opens_a_conversation(patch: Patch) -> None:
    """The look-up of the conversation never finds one: every message opens another."""

    def show(chat, message):
        key = store._derived("conversation", message.id)
        return {**original(chat, message), "conversationId": str(key)}

    original = patch(Chat, show)


@mutant("SEND-05", protocol="rest")
def an_answered_message_is_not_stored(patch: Patch) -> None:
    """The answer comes before the write, and the write is lost."""

    async def send(chat, call, original):
        answer = await original(call)
        lost.add(answer.data["_id"])
        return answer

    async def messages_between(store, one, other):
        return [m for m in await between(store, one, other) if m.id not in lost]

    lost = set()
    patch.handler("sendMessage", send)
    between = patch(Store, messages_between)


@mutant("SEND-05", protocol="rest", subtle=True)
def attachments_alone_are_not_listed(patch: Patch) -> None:
    """Histories leave out messages without text."""
    stored(patch, lambda one, other, found: [m for m in found if m.text])


@mutant("SEND-05", protocol="rest", subtle=True)
def the_stored_type_is_file(patch: Patch) -> None:
    """Every attachment is stored as a file; the answer shows the type that was sent."""

    def filed(one, other, found):
        return [
            replace(m, attachment={**m.attachment, "type": "file"}) if m.attachment else m
            for m in found
        ]

    stored(patch, filed)


@mutant("SEND-06", protocol="rest")
def videos_are_refused(patch: Patch) -> None:
    """The enumeration of types was copied without `video`."""
    refused(patch, lambda body: attached(body).get("type") == "video")


@mutant("SEND-06", protocol="rest")
def an_attachment_needs_a_text(patch: Patch) -> None:
    """`text` is required, whatever else is there."""
    refused(patch, lambda body: attached(body) and "text" not in body)


@mutant("SEND-06", protocol="rest", subtle=True)
def an_attachment_with_empty_text_is_refused(patch: Patch) -> None:
    """`minLength: 1` holds for the text beside an attachment too."""
    refused(patch, lambda body: attached(body) and body.get("text") == "")
