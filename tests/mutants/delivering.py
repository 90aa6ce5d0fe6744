"""Mutants of POST /api/messages/send: delivery, races, messages to oneself."""

import asyncio
from dataclasses import replace

from bson import ObjectId

from reference_server.chat import Chat
from reference_server.store import Store
from tests.mutants.patching import Defect, Patch
from tests.mutants.registry import mutant

ROUND_TRIP = 0.02
"""Seconds that a database takes to answer, between a question and what is done about it."""


@mutant("SEND-14", protocol="both")
def messages_of_rest_are_not_delivered(patch: Patch) -> None:
    """The REST route stores and answers; the socket hears nothing."""
    delivered_by_rest(patch, lambda message, user_ids: ())


@mutant("SEND-14", protocol="both", level="should", subtle=True)
def senders_do_not_hear_of_rest_messages(patch: Patch) -> None:
    """A message sent over REST reaches the recipient only, not the sender's other devices."""
    delivered_by_rest(patch, lambda message, user_ids: {message["recipient"]["_id"]})


def delivered_by_rest(patch, audience, operation="sendMessage"):
    by_rest = {"now": 0}

    async def send(chat, call, original):
        by_rest["now"] += 1
        try:
            return await original(call)
        finally:
            by_rest["now"] -= 1

    async def deliver(emit, event, payload, user_ids):
        if event == "receiveMessage" and by_rest["now"]:
            user_ids = audience(payload, user_ids)
        await emit(event, payload, user_ids)

    patch.handler(operation, send)
    patch.deliveries(deliver)


@mutant("SEND-14", protocol="both", subtle=True)
def rest_delivers_to_the_sender_only(patch: Patch) -> None:
    """The room of the wrong user: the sender's sockets hear of a REST message, the other's not."""
    delivered_by_rest(patch, lambda message, user_ids: {message["sender"]["_id"]})


@mutant("SEND-03", protocol="rest", subtle=True)
def two_at_once_share_the_next_id(patch: Patch) -> None:
    """The next id is looked for and then taken: two messages of the same moment share it."""
    last, ids = [0], {}

    async def add_message(store, sender, recipient, text, attachment, status):
        number = last[0] + 1
        await asyncio.sleep(ROUND_TRIP)
        message = await add(store, sender, recipient, text, attachment, status)
        last[0], ids[message.id] = number, f"{number:024x}"
        return message

    def show(chat, message):
        return {**original(chat, message), "_id": ids.get(message.id, message.id)}

    add = patch(Store, add_message)
    original = patch(Chat, show)


@mutant("SEND-15", protocol="rest", subtle=True)
def first_contacts_that_race_open_two_conversations(patch: Patch) -> None:
    """The conversation is looked for and then created: two first messages create two."""
    known = {}
    of_message = {}

    async def add_message(store, sender, recipient, text, attachment, status):
        pair = frozenset((sender, recipient))
        conversation = known.get(pair)
        await asyncio.sleep(ROUND_TRIP)
        if conversation is None:
            conversation = known[pair] = str(ObjectId())
        message = await original(store, sender, recipient, text, attachment, status)
        of_message[message.id] = conversation
        return replace(message, conversation_id=conversation)

    async def messages_between(store, one, other):
        found = await between(store, one, other)
        return [replace(m, conversation_id=of_message[m.id]) for m in found]

    original = patch(Store, add_message)
    between = patch(Store, messages_between)


@mutant("SEND-15", protocol="rest", subtle=True)
def parallel_sends_overwrite_each_other(patch: Patch) -> None:
    """The conversation's list of messages is read, appended to and written back."""
    lists = {}

    async def add_message(store, sender, recipient, text, attachment, status):
        message = await original(store, sender, recipient, text, attachment, status)
        read = lists.get(message.conversation_id, ())
        await asyncio.sleep(ROUND_TRIP)
        lists[message.conversation_id] = (*read, message.id)
        return message

    async def messages_between(store, one, other):
        found = await between(store, one, other)
        return [m for m in found if m.id in lists.get(m.conversation_id, ())]

    original = patch(Store, add_message)
    between = patch(Store, messages_between)


@mutant("SEND-15", protocol="rest", subtle=True)
def parallel_first_sends_fail_on_the_unique_index(patch: Patch) -> None:
    """The second of two first messages runs into the unique index and is answered 500."""
    opening, opened = set(), set()

    async def add_message(store, sender, recipient, text, attachment, status):
        pair = frozenset((sender, recipient))
        if pair not in opened:
            if pair in opening:
                raise Defect("E11000 duplicate key error")
            opening.add(pair)
            await asyncio.sleep(ROUND_TRIP)
            opened.add(pair)
        return await original(store, sender, recipient, text, attachment, status)

    original = patch(Store, add_message)


@mutant("SEND-16", protocol="rest", subtle=True)
def the_own_id_shows_everything(patch: Patch) -> None:
    """`$or` over sender and recipient: one's own id lists all messages one has."""
    everything = []

    async def add_message(store, sender, recipient, text, attachment, status):
        message = await original(store, sender, recipient, text, attachment, status)
        everything.append(message)
        return message

    async def messages_between(store, one, other):
        if one == other:
            return [m for m in everything if one in (m.sender_id, m.recipient_id)]
        return await between(store, one, other)

    original = patch(Store, add_message)
    between = patch(Store, messages_between)


@mutant("SEND-16", protocol="both", subtle=True)
def a_note_to_oneself_reaches_friends(patch: Patch) -> None:
    """A message to oneself has no other side and is announced to all friends."""

    def audience(chat, message):
        if message.sender_id == message.recipient_id:
            return {message.sender_id, *chat.users.by_id(message.sender_id).friends}
        return original(chat, message)

    original = patch(Chat, audience)
