"""Mutants of messages as events: delivery, storing, order, acknowledgement."""

import asyncio
from contextvars import ContextVar
from dataclasses import replace

from bson import ObjectId

from reference_server.chat import Chat
from reference_server.events import EventRouter
from reference_server.store import Store
from reference_server.users import User
from tests.mutants.patching import Patch
from tests.mutants.registry import mutant

SEND, MESSAGE = "onSendMessage", "receiveMessage"


ACKNOWLEDGED_WITHIN = 0.5
"""Seconds until an outbox gives up hope."""


def deliveries(patch, audience):
    """Let `audience(message, user_ids)` say who gets each receiveMessage; None: everybody."""

    async def deliver(emit, event, payload, user_ids):
        if event == MESSAGE:
            user_ids = audience(payload, user_ids)
        await emit(event, payload, user_ids)

    patch.deliveries(deliver)


def not_stored(patch):
    """A set of ids that histories leave out."""

    async def messages_between(store, one, other):
        return [m for m in await original(store, one, other) if m.id not in lost]

    lost = set()
    original = patch(Store, messages_between)
    return lost


@mutant("MSG-01", protocol="events")
def recipients_get_nothing(patch: Patch) -> None:
    """`socket.emit` instead of `io.to(recipient).emit`: the sender alone gets the message."""
    deliveries(patch, lambda message, user_ids: {message["sender"]["_id"]})


@mutant("MSG-01", protocol="events")
def every_message_arrives_twice(patch: Patch) -> None:
    """It is emitted to the user's room and to the conversation's, which hold the same sockets."""

    async def deliver(emit, event, payload, user_ids):
        await emit(event, payload, user_ids)
        if event == MESSAGE:
            await emit(event, payload, user_ids)

    patch.deliveries(deliver)


@mutant("MSG-01", protocol="events", subtle=True)
def what_is_not_acknowledged_comes_again(patch: Patch) -> None:
    """An outbox waits a while for an acknowledgement, which no client sends, and delivers again."""

    async def deliver(emit, event, payload, user_ids):
        await emit(event, payload, user_ids)
        if event == MESSAGE:
            outbox.add(asyncio.create_task(again(emit, event, payload, user_ids)))

    async def again(emit, *delivery):
        await asyncio.sleep(ACKNOWLEDGED_WITHIN)
        await emit(*delivery)

    outbox = set()
    patch.deliveries(deliver)


@mutant("MSG-01", protocol="events", subtle=True)
def messages_to_an_id_in_capitals_reach_nobody(patch: Patch) -> None:
    """`io.to(recipientId)` takes the id as it is spelt: in capitals it is a room of nobody's."""
    spelt = ContextVar("spelt", default="")

    async def send(chat, user, payload, original):
        spelt.set(payload["recipientId"])
        return await original(user, payload)

    def audience(message, user_ids):
        named = spelt.get()
        return set(user_ids) - {named.lower()} if named != named.lower() else user_ids

    patch.receiver(SEND, send)
    deliveries(patch, audience)


@mutant("MSG-01", protocol="events", subtle=True)
def long_texts_of_events_are_cut(patch: Patch) -> None:
    """What comes as an event is cut after 512 characters; a request may be longer."""

    async def send(chat, user, payload, original):
        return await original(user, {**payload, "text": payload.get("text", "")[:512]})

    patch.receiver(SEND, send)


@mutant("MSG-01", protocol="events", subtle=True)
def each_device_multiplies_a_message(patch: Patch) -> None:
    """For each of the user's sockets the message is emitted to the user's whole room."""

    async def announce(router, event, payload, user_ids):
        for user_id in user_ids:
            devices = sum(user.id == user_id for user in router._users.values())
            for _ in range(devices if event == MESSAGE else 1):
                await original(router, event, payload, {user_id})

    original = patch(EventRouter, announce)


@mutant("MSG-01", protocol="events", subtle=True)
def texts_in_events_are_previews(patch: Patch) -> None:
    """The event carries the first twenty letters, as the push notification does."""
    patch.changed_deliveries(MESSAGE, lambda m: {**m, "text": m["text"][:20]})


@mutant("MSG-01", protocol="events", subtle=True)
def attachments_are_missing_in_events(patch: Patch) -> None:
    """The event carries the text only; the history has the attachment."""
    patch.changed_deliveries(MESSAGE, lambda m: {**m, "attachment": None})


@mutant("MSG-01", protocol="events")
def messages_arrive_as_message(patch: Patch) -> None:
    """The event is called `message` instead of receiveMessage."""

    async def deliver(emit, event, payload, user_ids):
        await emit("message" if event == MESSAGE else event, payload, user_ids)

    patch.deliveries(deliver)


@mutant("MSG-01", protocol="events", subtle=True)
def polling_clients_miss_messages(patch: Patch) -> None:
    """Only sockets that were upgraded are in the map: clients on long polling get nothing."""

    async def _opened(router, sid):
        environ = router._sockets.get_environ(sid) or {}
        if "transport=polling" in environ.get("QUERY_STRING", ""):
            deaf.add(router._users[sid].id)
        else:
            deaf.discard(router._users[sid].id)
        await original(router, sid)

    async def announce(router, event, payload, user_ids):
        await announced(router, event, payload, set(user_ids) - deaf)

    deaf = set()
    original = patch(EventRouter, _opened)
    announced = patch(EventRouter, announce)


@mutant("MSG-02", protocol="events")
def senders_get_no_confirmation(patch: Patch) -> None:
    """`socket.to(recipient)`: the sender hears nothing of an own message."""
    deliveries(patch, lambda message, user_ids: {message["recipient"]["_id"]})


@mutant("MSG-02", protocol="events", subtle=True)
def the_confirmation_has_an_id_of_its_own(patch: Patch) -> None:
    """The sender's copy is built before the message is stored and has another id."""

    async def deliver(emit, event, payload, user_ids):
        if event != MESSAGE:
            await emit(event, payload, user_ids)
            return
        await emit(event, payload, {payload["recipient"]["_id"]})
        await emit(event, {**payload, "_id": str(ObjectId())}, {payload["sender"]["_id"]})

    patch.deliveries(deliver)


@mutant("MSG-02", protocol="events", subtle=True)
def confirmations_come_while_the_recipient_is_there(patch: Patch) -> None:
    """Where the recipient is offline nothing is emitted, to the sender neither."""
    chats = patch.the(Chat)

    def audience(message, user_ids):
        there = chats[0].presence.is_online(message["recipient"]["_id"])
        return user_ids if there else ()

    deliveries(patch, audience)


@mutant("MSG-03", protocol="events")
def everybody_gets_every_message(patch: Patch) -> None:
    """`io.emit`: every connected socket gets every message."""
    deliveries(patch, lambda message, user_ids: None)


@mutant("MSG-03", protocol="events", subtle=True)
def friends_get_messages_too(patch: Patch) -> None:
    """The sender's friends are in the sender's room."""
    chats = patch.the(Chat)

    def audience(message, user_ids):
        return {*user_ids, *chats[0].users.by_id(message["sender"]["_id"]).friends}

    deliveries(patch, audience)


@mutant("MSG-03", protocol="events", subtle=True)
def earlier_recipients_get_messages_too(patch: Patch) -> None:
    """The sender joins each conversation's room and leaves none: earlier ones hear the next."""
    earlier = {}

    def audience(message, user_ids):
        known = earlier.setdefault(message["sender"]["_id"], set())
        known.add(message["recipient"]["_id"])
        return {*user_ids, *known}

    deliveries(patch, audience)


@mutant("MSG-03", protocol="events", subtle=True)
def messages_with_attachments_go_to_everybody(patch: Patch) -> None:
    """The code path of attachments emits to all."""
    deliveries(patch, lambda message, user_ids: None if message["attachment"] else user_ids)


@mutant("MSG-04", protocol="both")
def messages_of_events_are_not_stored(patch: Patch) -> None:
    """sendMessage is relayed and never stored."""
    lost = not_stored(patch)

    async def on_send(chat, user, payload, original):
        answer = await original(user, payload)
        lost.add(answer["data"]["_id"])
        return answer

    patch.receiver(SEND, on_send)


@mutant("MSG-04", protocol="both", subtle=True)
def events_carry_a_provisional_id(patch: Patch) -> None:
    """receiveMessage carries an id made before storing; the history has the database's."""

    async def deliver(emit, event, payload, user_ids):
        if event == MESSAGE:
            payload = {**payload, "_id": str(ObjectId())}
        await emit(event, payload, user_ids)

    patch.deliveries(deliver)


@mutant("MSG-04", protocol="both", subtle=True)
def stored_event_messages_lose_their_attachment(patch: Patch) -> None:
    """The event handler passes the text to the store, and the attachment to the event only."""
    bare = set()

    async def on_send(chat, user, payload, original):
        answer = await original(user, payload)
        bare.add(answer["data"]["_id"])
        return answer

    async def messages_between(store, one, other):
        return [
            replace(m, attachment=None) if m.id in bare else m
            for m in await between(store, one, other)
        ]

    patch.receiver(SEND, on_send)
    between = patch(Store, messages_between)


@mutant("MSG-04", protocol="both", subtle=True)
def messages_of_events_are_stored_for_the_sender_only(patch: Patch) -> None:
    """The recipient's mailbox is not written: only the sender reads the message later."""
    by_event = set()

    async def on_send(chat, user, payload, original):
        answer = await original(user, payload)
        by_event.add(answer["data"]["_id"])
        return answer

    async def messages_between(store, one, other):
        found = await between(store, one, other)
        return [m for m in found if m.id not in by_event or m.sender_id == one]

    patch.receiver(SEND, on_send)
    between = patch(Store, messages_between)


@mutant("MSG-08", protocol="events")
def a_message_to_nobody_is_confirmed(patch: Patch) -> None:
    """The recipient is never looked up: the sender gets receiveMessage for it."""

    async def on_send(chat, user, payload, original):
        id = payload["recipientId"]
        if chat.users.by_id(id) is None:
            nobody = User(id.lower(), "R2C0", "Unknown")
            shown = await chat.send(user, nobody, payload.get("text"), payload.get("attachment"))
            return {"success": True, "data": shown}
        return await original(user, payload)

    patch.receiver(SEND, on_send)


@mutant("MSG-08", protocol="events", subtle=True)
def a_message_to_nobody_goes_to_everybody(patch: Patch) -> None:
    """`io.to(undefined)` is everybody: a message without recipient reaches all."""
    chats = patch.the(Chat)

    def user_with_id(chat, object_id):
        found = chat.users.by_id(object_id)
        return found or (User(object_id.lower(), "R2C0", "Unknown") if by_event["now"] else
                         original(chat, object_id))  # fmt: skip

    async def on_send(chat, user, payload, original):
        by_event["now"] += 1
        try:
            return await original(user, payload)
        finally:
            by_event["now"] -= 1

    def audience(message, user_ids):
        return user_ids if chats[0].users.by_id(message["recipient"]["_id"]) else None

    by_event = {"now": 0}
    patch.receiver(SEND, on_send)
    original = patch(Chat, user_with_id)
    deliveries(patch, audience)
