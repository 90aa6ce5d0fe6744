"""Mutants of the message history."""

import re
from dataclasses import replace

from reference_server import rest
from reference_server.chat import Chat
from reference_server.errors import Invalid, NotFound
from reference_server.store import Store, conversation_id
from tests.mutants.patching import Answer, Defect, Patch
from tests.mutants.registry import mutant


def histories(patch, change):
    """Let `change(chat, reader, other, messages)` see every history as it is shown."""

    async def history(chat, reader, other):
        return change(chat, reader, other, await original(chat, reader, other))

    original = patch(Chat, history)


def stored(patch, change):
    """Let `change(one, other, messages)` see what the store finds, asked for by `one`."""

    async def messages_between(store, one, other):
        return change(one, other, await original(store, one, other))

    original = patch(Store, messages_between)


def all_messages(patch):
    """Every message that is stored from now on."""
    kept = []

    async def add_message(store, sender, recipient, text, attachment, status):
        message = await original(store, sender, recipient, text, attachment, status)
        kept.append(message)
        return message

    original = patch(Store, add_message)
    return kept


def bad_ids(patch, answer_to):
    """Let `answer_to(request, answer)` answer a history whose id is refused."""

    async def around(request, proceed):
        answer = await proceed(request)
        if answer.status == 400 and request.operation == "listMessages":
            return answer_to(request, answer)
        return answer

    patch.wire(around)


@mutant("HIST-01", protocol="rest")
def users_are_bare_ids_in_histories(patch: Patch) -> None:
    """`populate` is missing: sender and recipient are ids."""

    def bare(chat, reader, other, messages):
        return [
            {**m, "sender": m["sender"]["_id"], "recipient": m["recipient"]["_id"]}
            for m in messages
        ]

    histories(patch, bare)


@mutant("HIST-01", protocol="rest", subtle=True)
def only_senders_are_populated(patch: Patch) -> None:
    """`populate("sender")`: the recipient stays an id."""

    def half(chat, reader, other, messages):
        return [{**m, "recipient": m["recipient"]["_id"]} for m in messages]

    histories(patch, half)


@mutant("HIST-01", protocol="rest")
def a_history_is_a_page(patch: Patch) -> None:
    """`data` is an object `{messages, total}` instead of an array."""

    def page(chat, reader, other, messages):
        return {"messages": messages, "total": len(messages)}

    histories(patch, page)


@mutant("HIST-01", protocol="rest")
def a_history_has_no_envelope(patch: Patch) -> None:
    """The answer is the array itself."""

    async def around(request, proceed):
        answer = await proceed(request)
        if request.operation == "listMessages" and answer.status == 200:
            return Answer.of(200, answer.json["data"])
        return answer

    patch.wire(around)


@mutant("HIST-02", protocol="rest", subtle=True)
def ids_in_capitals_name_nobody(patch: Patch) -> None:
    """Ids are compared as text: the id of a known user in capitals is answered 404."""

    async def list_messages(chat, call, original):
        if (id := call.parameters["otherUserId"]) != id.lower():
            raise NotFound("User not found.")
        return await original(call)

    patch.handler("listMessages", list_messages)


@mutant("HIST-02", protocol="rest")
def only_own_messages_are_listed(patch: Patch) -> None:
    """The query looks in one direction: what the reader received is missing."""
    stored(patch, lambda one, other, found: [m for m in found if m.sender_id == one])


@mutant("HIST-02", protocol="rest")
def the_last_message_is_missing(patch: Patch) -> None:
    """The newest message is cut off by an index that is one short."""
    stored(patch, lambda one, other, found: found[:-1])


@mutant("HIST-02", protocol="rest")
def every_message_stands_twice(patch: Patch) -> None:
    """A join with the participants doubles every message."""
    stored(patch, lambda one, other, found: [m for m in found for _ in (1, 2)])


@mutant("HIST-02", protocol="rest", subtle=True)
def equal_texts_are_listed_once(patch: Patch) -> None:
    """`DISTINCT` over sender and text: saying `ok` twice shows it once."""

    def distinct(one, other, found):
        return list({(m.sender_id, m.text, str(m.attachment)): m for m in found}.values())

    stored(patch, distinct)


@mutant("HIST-02", protocol="rest", subtle=True)
def a_history_ends_after_fifty(patch: Patch) -> None:
    """A page size of fifty that nobody asked for: older messages cannot be read."""
    stored(patch, lambda one, other, found: found[-50:])


@mutant("HIST-02", protocol="rest", subtle=True)
def a_history_ends_after_twenty(patch: Patch) -> None:
    """A page size of twenty that nobody asked for: older messages cannot be read."""
    stored(patch, lambda one, other, found: found[-20:])


@mutant("HIST-02", protocol="both", subtle=True)
def a_history_is_cached_until_the_next_request(patch: Patch) -> None:
    """Histories are cached and only REST empties the cache: messages sent as events are missing."""
    cache = {}

    async def messages_between(store, one, other):
        pair = conversation_id(one, other)
        if pair not in cache:
            cache[pair] = await original(store, one, other)
        return cache[pair]

    async def around(request, proceed):
        if request.operation in ("sendMessage", "sendChatMessage"):
            answer = await proceed(request)
            cache.clear()
            return answer
        return await proceed(request)

    original = patch(Store, messages_between)
    patch.wire(around)


@mutant("HIST-03", protocol="rest")
def all_own_messages_are_listed(patch: Patch) -> None:
    """The other user is not part of the query: all the reader's messages are listed."""
    kept = all_messages(patch)
    stored(
        patch, lambda one, other, found: [m for m in kept if one in (m.sender_id, m.recipient_id)]
    )


@mutant("HIST-03", protocol="rest", subtle=True)
def messages_of_the_other_user_leak(patch: Patch) -> None:
    """`$or` instead of `$and`: what the other user sent to third persons is listed too."""
    kept = all_messages(patch)

    def leaking(one, other, found):
        known = {m.id for m in found}
        return [m for m in kept if m.id in known or m.sender_id == other]

    stored(patch, leaking)


@mutant("HIST-04", protocol="rest")
def each_side_has_copies_with_ids_of_their_own(patch: Patch) -> None:
    """Messages are kept once per mailbox: the recipient reads another id than the sender."""

    def copies(one, other, found):
        return [
            replace(m, id=f"{m.id[:-1]}{int(m.id[-1], 16) ^ 1:x}") if m.recipient_id == one else m
            for m in found
        ]

    stored(patch, copies)


@mutant("HIST-04", protocol="rest", subtle=True)
def attachments_show_on_one_side(patch: Patch) -> None:
    """The recipient reads the text without the attachment."""

    def half(one, other, found):
        return [
            replace(m, attachment=None) if m.recipient_id == one and m.text else m for m in found
        ]

    stored(patch, half)


@mutant("HIST-04", protocol="rest", subtle=True)
def the_conversation_id_depends_on_the_reader(patch: Patch) -> None:
    """Each side has a conversation document of its own."""

    def own(one, other, found):
        mine = str(conversation_id(one, f"{other}/own"))
        return [replace(m, conversation_id=mine) for m in found]

    stored(patch, own)


@mutant("HIST-05", protocol="rest")
def a_bad_id_is_an_empty_history(patch: Patch) -> None:
    """An id that is none finds nothing: 200 and an empty array."""
    bad_ids(patch, lambda request, answer: Answer.of(200, {"success": True, "data": []}))


@mutant("HIST-05", protocol="rest")
def a_bad_id_is_a_500(patch: Patch) -> None:
    """The CastError of a bad id is caught nowhere."""

    def fail(request, answer):
        raise Defect("CastError: Cast to ObjectId failed")

    bad_ids(patch, fail)


@mutant("HIST-05", protocol="rest")
def a_bad_id_is_404(patch: Patch) -> None:
    """A bad id is answered as an unknown user."""
    bad_ids(patch, lambda request, answer: Answer.of(404, answer.json))


@mutant("HIST-05", protocol="rest", subtle=True)
def twelve_characters_are_an_id(patch: Patch) -> None:
    """`isValidObjectId` takes any twelve characters: they name an unknown user, 404."""

    def unknown(request, answer):
        twelve = len(request.last_segment.encode()) == 12
        return Answer.of(404, answer.json) if twelve else answer

    bad_ids(patch, unknown)


@mutant("HIST-05", protocol="rest", subtle=True)
def a_number_is_an_id(patch: Patch) -> None:
    """`new ObjectId(7)` is valid: digits alone are taken and name nobody."""

    def unknown(request, answer):
        return Answer.of(404, answer.json) if request.last_segment.isdecimal() else answer

    bad_ids(patch, unknown)


@mutant("HIST-05", protocol="rest", subtle=True)
def an_id_may_be_a_part_of_the_text(patch: Patch) -> None:
    """The pattern is not anchored at its end: a good id with a tail is taken."""

    async def around(request, proceed):
        if request.operation == "listMessages":
            path = request.scope["path"]
            found = re.match(r"(/api/messages/[0-9a-fA-F]{24})", path)
            if found:
                scope = {**request.scope, "path": found[1], "raw_path": found[1].encode()}
                request = replace(request, scope=scope)
        return await proceed(request)

    patch.wire(around)


@mutant("HIST-06", protocol="rest")
def an_unknown_user_has_an_empty_history(patch: Patch) -> None:
    """Whether the other user exists is not looked up."""

    async def list_messages(chat, call, original):
        try:
            return await original(call)
        except NotFound:
            return rest.Answer(200, [])

    patch.handler("listMessages", list_messages)


@mutant("HIST-06", protocol="rest", subtle=True)
def an_unknown_user_is_400(patch: Patch) -> None:
    """An id that names nobody is answered as one that is malformed."""

    async def list_messages(chat, call, original):
        try:
            return await original(call)
        except NotFound as refusal:
            raise Invalid(refusal.message) from refusal

    patch.handler("listMessages", list_messages)


@mutant("HIST-07", protocol="rest")
def the_newest_stands_first(patch: Patch) -> None:
    """Histories are sorted downwards."""
    stored(patch, lambda one, other, found: found[::-1])


@mutant("HIST-07", protocol="rest", subtle=True)
def messages_are_grouped_by_sender(patch: Patch) -> None:
    """The two directions are queried apart and joined without sorting."""
    stored(patch, lambda one, other, found: sorted(found, key=lambda m: m.sender_id != one))


@mutant("HIST-08", protocol="rest")
def no_messages_are_a_404(patch: Patch) -> None:
    """Where there is no conversation yet, the answer is 404."""

    def missing(chat, reader, other, messages):
        if not messages:
            raise NotFound("Conversation not found.")
        return messages

    histories(patch, missing)


@mutant("HIST-08", protocol="rest")
def no_messages_are_null(patch: Patch) -> None:
    """An empty slice is written as null."""
    histories(patch, lambda chat, reader, other, messages: messages or None)


@mutant("HIST-09", protocol="rest")
def messages_vanish_once_read(patch: Patch) -> None:
    """What the reader received is shown once, as from a queue."""
    seen = set()

    def vanish(one, other, found):
        shown = [m for m in found if (one, m.id) not in seen]
        seen.update((one, m.id) for m in shown if m.recipient_id == one)
        return shown

    stored(patch, vanish)


@mutant("HIST-09", protocol="rest", subtle=True)
def ids_are_made_anew_at_each_read(patch: Patch) -> None:
    """Each reading gives the messages other ids."""
    from bson import ObjectId

    stored(patch, lambda one, other, found: [replace(m, id=str(ObjectId())) for m in found])


@mutant("HIST-10", protocol="rest")
def names_are_public_ids(patch: Patch) -> None:
    """`name` of a user reference is the public id."""

    def reference(chat, user_id):
        user = chat.users.by_id(user_id)
        return {"_id": user_id, "name": user.public_id}

    patch(Chat, reference)


@mutant("HIST-10", protocol="rest", subtle=True)
def both_names_are_the_readers(patch: Patch) -> None:
    """The reader's name stands on both sides; the ids are right."""

    def same(chat, reader, other, messages):
        return [
            {**m, "recipient": {**m["recipient"], "name": reader.name},
             "sender": {**m["sender"], "name": reader.name}}
            for m in messages
        ]  # fmt: skip

    histories(patch, same)
