"""Mutants of what holds at all times: shapes, statuses, broken packets, survival."""

import asyncio
import os
from dataclasses import replace

from bson import ObjectId

from reference_server.chat import Chat
from reference_server.events import EventRouter
from reference_server.sockets import SocketServer
from reference_server.store import Store
from tests.mutants.patching import Answer, Patch
from tests.mutants.registry import mutant

MESSAGE = "receiveMessage"


def shapes(patch, change):
    """Let `change(message)` see every message as REST shows it."""

    async def around(request, proceed):
        answer = await proceed(request)
        body = answer.json
        if answer.status not in (200, 201) or not isinstance(body, dict):
            return answer
        data = body.get("data")
        if request.operation == "listMessages":
            return Answer.of(answer.status, {**body, "data": [change(m) for m in data]})
        if request.operation in ("sendMessage", "sendChatMessage"):
            return Answer.of(answer.status, {**body, "data": change(data)})
        return answer

    patch.wire(around)


def without(value, *names):
    """A mapping without some of its keys."""
    return {key: item for key, item in value.items() if key not in names}


@mutant("ALL-01", protocol="rest", subtle=True)
def no_attachment_is_an_empty_object(patch: Patch) -> None:
    """A message without attachment shows `attachment: {}`, as nested schemas of Mongoose do."""
    shapes(patch, lambda m: {**m, "attachment": m["attachment"] or {}})


@mutant("ALL-01", protocol="rest")
def times_are_numbers(patch: Patch) -> None:
    """createdAt is a number of milliseconds."""
    shapes(patch, lambda m: {**m, "createdAt": 1762709474204})


@mutant("ALL-01", protocol="rest", subtle=True)
def times_have_no_offset(patch: Patch) -> None:
    """createdAt has no offset: `datetime.utcnow().isoformat()`."""
    shapes(patch, lambda m: {**m, "createdAt": m["createdAt"].removesuffix("Z")})


@mutant("ALL-01", protocol="rest")
def conversations_are_missing(patch: Patch) -> None:
    """conversationId is not shown."""
    shapes(patch, lambda m: without(m, "conversationId"))


@mutant("ALL-01", protocol="rest", subtle=True)
def statuses_are_in_capitals(patch: Patch) -> None:
    """The status is the name of the enumeration's constant: SENT."""
    shapes(patch, lambda m: {**m, "status": m["status"].upper()})


@mutant("ALL-01", protocol="rest", subtle=True)
def ids_are_called_id(patch: Patch) -> None:
    """`_id` is shown as `id`, as a serialiser of JSON renames it."""
    shapes(patch, lambda m: {**without(m, "_id"), "id": m["_id"]})


@mutant("ALL-01", protocol="rest", subtle=True)
def flags_are_numbers(patch: Patch) -> None:
    """The flags of settings are 1 and 0, as a column of MySQL gives them."""

    async def around(request, proceed):
        answer = await proceed(request)
        if request.operation == "updateConversationMetadata" and answer.status == 200:
            data = {k: int(v) if isinstance(v, bool) else v for k, v in answer.json["data"].items()}
            return Answer.of(200, {"success": True, "data": data})
        return answer

    patch.wire(around)


@mutant("ALL-02", protocol="events")
def events_wrap_the_message(patch: Patch) -> None:
    """receiveMessage carries `{message: {...}}` instead of the message."""
    patch.changed_deliveries(MESSAGE, lambda m: {**m, "_id": None, "message": m})


@mutant("ALL-02", protocol="events", subtle=True)
def no_attachment_is_an_empty_object_in_events(patch: Patch) -> None:
    """Only events show `attachment: {}` where there is none."""
    patch.changed_deliveries(MESSAGE, lambda m: {**m, "attachment": m["attachment"] or {}})


@mutant("ALL-02", protocol="events", subtle=True)
def events_have_no_time(patch: Patch) -> None:
    """The message is emitted before the database has added createdAt."""
    patch.changed_deliveries(MESSAGE, lambda m: without(m, "createdAt", "updatedAt"))


@mutant("ALL-02", protocol="events", subtle=True)
def last_seen_is_a_number(patch: Patch) -> None:
    """`lastSeen` is a number of milliseconds."""

    def numbered(status):
        return {**status, "lastSeen": 1762709474204} if not status["isOnline"] else status

    patch.changed_deliveries("userStatus", numbered)


@mutant("ALL-02", protocol="events", subtle=True)
def is_typing_is_a_word(patch: Patch) -> None:
    """`isTyping` is "true" or "false"."""
    patch.changed_deliveries(
        "typingStatus", lambda s: {**s, "isTyping": str(s["isTyping"]).lower()}
    )


@mutant("ALL-02", protocol="events", subtle=True)
def online_is_a_word(patch: Patch) -> None:
    """userStatus carries `status: "online"` instead of isOnline."""

    def worded(status):
        word = "online" if status["isOnline"] else "offline"
        return {**without(status, "isOnline"), "status": word}

    patch.changed_deliveries("userStatus", worded)


@mutant("ALL-03", protocol="rest", subtle=True)
def senders_never_see_read(patch: Patch) -> None:
    """A read message shows `sent` again as soon as its sender looks."""
    seen = set()

    async def messages_between(store, one, other):
        found = await original(store, one, other)
        seen.update(m.id for m in found if m.status == "read")
        return [replace(m, status="sent") if m.sender_id == one else m for m in found]

    original = patch(Store, messages_between)


@mutant("ALL-03", protocol="both", subtle=True)
def coming_online_makes_messages_delivered(patch: Patch) -> None:
    """When the recipient connects, all messages to them become `delivered`, read ones too."""

    async def joined(chat, user, connection):
        await chat.store._messages.update_many(
            {"recipient": ObjectId(user.id)}, {"$set": {"status": "delivered"}}
        )
        await original(chat, user, connection)

    original = patch(Chat, joined)


@mutant("ALL-03", protocol="rest", subtle=True)
def a_new_message_resets_the_read_ones(patch: Patch) -> None:
    """The update that sets `sent` forgets its condition: earlier messages lose `read`."""
    last = {}

    async def messages_between(store, one, other):
        found = await original(store, one, other)
        newest = found[-1].id if found else None
        if last.get(frozenset((one, other))) not in (None, newest):
            last[frozenset((one, other))] = newest
            return [replace(m, status="sent") for m in found]
        last[frozenset((one, other))] = newest
        return found

    original = patch(Store, messages_between)


def on_broken_packets(patch, happens):
    """Let `happens(error)` come when a packet breaks the protocol."""

    async def _handle_eio_message(sockets, eio_sid, data):
        known = eio_sid in sockets.eio.sockets
        await original(sockets, eio_sid, data)
        if known and eio_sid not in sockets.eio.sockets and data not in ("1", "41"):
            happens(data)

    original = patch(SocketServer, _handle_eio_message)


@mutant("ALL-04", protocol="events", subtle=True)
def a_broken_packet_ends_the_process(patch: Patch) -> None:
    """The parser's exception is caught nowhere: a broken packet ends the process."""
    on_broken_packets(patch, lambda data: os._exit(1))


@mutant("ALL-04", protocol="events", subtle=True)
def an_unknown_event_ends_the_process(patch: Patch) -> None:
    """`handlers[name]` of undefined is called: an unknown event ends the process."""

    async def _unknown(router, *arguments):
        os._exit(1)

    patch(EventRouter, _unknown)


@mutant("ALL-04", protocol="events", subtle=True)
def an_unknown_namespace_ends_the_process(patch: Patch) -> None:
    """A client that connects to a namespace that is none ends the process."""

    async def _handle_connect(sockets, eio_sid, namespace, data):
        if (namespace or "/") not in sockets.handlers:
            os._exit(1)
        await original(sockets, eio_sid, namespace, data)

    original = patch(SocketServer, _handle_connect)


@mutant("ALL-04", protocol="events", subtle=True)
def two_tokens_end_the_process(patch: Patch) -> None:
    """`query.token.replace` of a list: a query that names the token twice ends the process."""

    async def _connect(router, sid, environ, auth=None):
        if environ.get("QUERY_STRING", "").count("token=") > 1:
            os._exit(1)
        await original(router, sid, environ, auth)

    original = patch(EventRouter, _connect)


@mutant("ALL-04", protocol="events", subtle=True)
def a_binary_event_stops_new_connections(patch: Patch) -> None:
    """After a binary packet the decoder waits for ever: nobody can connect any more."""
    stuck = []

    async def _handle_eio_message(sockets, eio_sid, data):
        if isinstance(data, bytes):
            stuck.append(eio_sid)
        await original(sockets, eio_sid, data)

    async def _handle_connect(sockets, eio_sid, namespace, data):
        if not stuck:
            await connect(sockets, eio_sid, namespace, data)

    original = patch(SocketServer, _handle_eio_message)
    connect = patch(SocketServer, _handle_connect)


@mutant("ALL-05", protocol="events", subtle=True)
def an_invalid_event_ends_the_process_later(patch: Patch) -> None:
    """A rejected promise that nobody handles ends the process, a moment after the event."""

    def _receiver(router, event, handler):
        receive = original(router, event, handler)

        async def watched(sid, *arguments):
            answer = await receive(sid, *arguments)
            if not answer.get("success"):
                asyncio.get_running_loop().call_later(0.02, os._exit, 1)
            return answer

        return watched

    original = patch(EventRouter, _receiver)


@mutant("ALL-05", protocol="rest", subtle=True)
def a_refused_body_ends_the_process(patch: Patch) -> None:
    """The process ends after the first 400."""

    async def around(request, proceed):
        answer = await proceed(request)
        if answer.status == 400:
            asyncio.get_running_loop().call_later(0.02, os._exit, 1)
        return answer

    patch.wire(around)
