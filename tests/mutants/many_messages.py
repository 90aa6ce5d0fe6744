"""Mutants of senders, order, bursts, mailboxes and acknowledgements of sendMessage."""

import asyncio

from socketio import packet

from reference_server.events import EventRouter
from reference_server.sockets import SocketServer
from reference_server.store import Store
from tests.mutants.messages import MESSAGE, SEND, not_stored
from tests.mutants.patching import Patch
from tests.mutants.registry import mutant


@mutant("MSG-09", protocol="events")
def the_sender_in_a_payload_wins(patch: Patch) -> None:
    """`senderId`, `sender`, `userId` or `from` of the payload say who sends."""

    async def on_send(chat, user, payload, original):
        for name in ("senderId", "sender", "userId", "from"):
            named = payload.get(name)
            user = (chat.users.by_id(named) if isinstance(named, str) else None) or user
        return await original(user, payload)

    patch.receiver(SEND, on_send)


@mutant("MSG-09", protocol="events", subtle=True)
def the_last_connection_is_everybody(patch: Patch) -> None:
    """The user is kept in a global variable: whoever connected last is the sender of all."""
    last = []

    async def _opened(router, sid):
        last[:] = [router._users[sid]]
        await original(router, sid)

    async def on_send(chat, user, payload, original):
        return await original(last[0] if last else user, payload)

    original = patch(EventRouter, _opened)
    patch.receiver(SEND, on_send)


@mutant("MSG-10", protocol="events", subtle=True)
def messages_overtake_each_other(patch: Patch) -> None:
    """Each event is handled in a task of its own, and every other one waits for the database."""
    count = {"events": 0}

    def _receiver(router, event, handler):
        receive = original(router, event, handler)

        async def handled(sid, *arguments):
            if event.name != "sendMessage":
                return await receive(sid, *arguments)
            count["events"] += 1
            slow = count["events"] % 2

            async def later():
                await asyncio.sleep(0.03 * slow)
                await receive(sid, *arguments)

            tasks.add(task := asyncio.ensure_future(later()))
            task.add_done_callback(tasks.discard)
            return {"success": False, "message": "It is being worked on."}

        return handled

    tasks = set()
    original = patch(EventRouter, _receiver)


@mutant("MSG-10", protocol="both", subtle=True)
def messages_of_one_second_stand_in_reverse(patch: Patch) -> None:
    """The history is sorted by whole seconds, newest inserted first: a burst stands reversed."""

    async def messages_between(store, one, other):
        found = await original(store, one, other)
        found.reverse()
        return sorted(found, key=lambda m: m.created_at.replace(microsecond=0))

    original = patch(Store, messages_between)


@mutant("MSG-10", protocol="events", subtle=True)
def deliveries_overtake_each_other(patch: Patch) -> None:
    """Events leave in tasks of their own; every third one is later than those after it."""
    count = {"messages": 0}

    async def announce(router, event, payload, user_ids):
        if event != MESSAGE:
            await original(router, event, payload, user_ids)
            return
        count["messages"] += 1
        slow = count["messages"] % 3 == 1

        async def later():
            await asyncio.sleep(0.03 if slow else 0)
            await original(router, event, payload, user_ids)

        tasks.add(task := asyncio.ensure_future(later()))
        task.add_done_callback(tasks.discard)

    tasks = set()
    original = patch(EventRouter, announce)


@mutant("MSG-11", protocol="events", subtle=True)
def bursts_are_cut(patch: Patch) -> None:
    """More than eight messages within 100 ms: the rest is dropped without a word."""
    times = {}

    async def on_send(chat, user, payload, original):
        now = asyncio.get_running_loop().time()
        recent = [t for t in times.get(user.id, ()) if now - t < 0.1]
        times[user.id] = [*recent, now]
        if len(recent) >= 8:
            return {"success": False, "message": "Slow down."}
        return await original(user, payload)

    patch.receiver(SEND, on_send)


@mutant("MSG-11", protocol="events", subtle=True)
def events_over_a_limit_are_dropped(patch: Patch) -> None:
    """A limiter takes thirty events of a socket within a second, and drops the others."""
    times = {}

    def _receiver(router, event, handler):
        receive = original(router, event, handler)

        async def limited(sid, *arguments):
            now = asyncio.get_running_loop().time()
            recent = [t for t in times.get(sid, ()) if now - t < 1]
            if len(recent) >= 30:
                return None
            times[sid] = [*recent, now]
            return await receive(sid, *arguments)

        return limited

    original = patch(EventRouter, _receiver)


@mutant("MSG-11", protocol="events", subtle=True)
def a_burst_doubles_a_message(patch: Patch) -> None:
    """A retry after a lock that was held stores the message again."""
    busy = set()

    async def on_send(chat, user, payload, original):
        pair = user.id, payload["recipientId"]
        held = pair in busy
        busy.add(pair)
        asyncio.get_running_loop().call_later(0.002, busy.discard, pair)
        answer = await original(user, payload)
        if held:
            await original(user, payload)
        return answer

    patch.receiver(SEND, on_send)


@mutant("MSG-11", protocol="events", subtle=True)
def a_repeated_text_is_dropped(patch: Patch) -> None:
    """A message with the text of the one before is taken for a retry and dropped."""
    last = {}

    async def on_send(chat, user, payload, original):
        key = payload["recipientId"], payload.get("text"), str(payload.get("attachment"))
        if last.get(user.id) == key:
            return {"success": False, "message": "Sent already."}
        last[user.id] = key
        return await original(user, payload)

    patch.receiver(SEND, on_send)


@mutant("MSG-12", protocol="both")
def messages_to_someone_offline_are_lost(patch: Patch) -> None:
    """What cannot be delivered is not stored."""
    lost = not_stored(patch)

    async def on_send(chat, user, payload, original):
        answer = await original(user, payload)
        if not chat.presence.is_online(answer["data"]["recipient"]["_id"]):
            lost.add(answer["data"]["_id"])
        return answer

    patch.receiver(SEND, on_send)


@mutant("MSG-12", protocol="both", subtle=True)
def only_one_message_waits_for_someone_offline(patch: Patch) -> None:
    """The outbox of someone offline holds one message: the next takes its place."""
    lost = not_stored(patch)
    waiting = {}

    async def on_send(chat, user, payload, original):
        answer = await original(user, payload)
        recipient = answer["data"]["recipient"]["_id"]
        if not chat.presence.is_online(recipient):
            if (earlier := waiting.get(recipient)) is not None:
                lost.add(earlier)
            waiting[recipient] = answer["data"]["_id"]
        else:
            waiting.pop(recipient, None)
        return answer

    patch.receiver(SEND, on_send)


@mutant("MSG-13", protocol="events", level="must")
def acknowledgements_are_words(patch: Patch) -> None:
    """An acknowledgement is the word "ok"."""
    patch.acknowledgements(lambda event, answer: "ok")


@mutant("MSG-13", protocol="events", level="must")
def acknowledgements_have_a_status(patch: Patch) -> None:
    """An acknowledgement is `{status: "ok"}`, as in Socket.IO's documentation."""
    patch.acknowledgements(lambda event, answer: {"status": "ok"})


@mutant("MSG-13", protocol="events", level="must", subtle=True)
def refusals_are_acknowledged_without_message(patch: Patch) -> None:
    """A refused event is acknowledged `{success: false}`; a good one is right."""

    def silent(event, answer):
        return answer if answer.get("success") else {"success": False}

    patch.acknowledgements(silent)


@mutant("MSG-13", protocol="events", level="must", subtle=True)
def sending_is_acknowledged_without_the_message(patch: Patch) -> None:
    """`{success: true}` and no data: the client never learns the id."""

    def bare(event, answer):
        return {"success": True} if event == "sendMessage" and answer.get("success") else answer

    patch.acknowledgements(bare)


@mutant("MSG-13", protocol="events", level="must", subtle=True)
def acknowledgements_come_twice(patch: Patch) -> None:
    """The callback is called by the handler and again by the wrapper around it."""

    async def _send_packet(sockets, eio_sid, pkt):
        await original(sockets, eio_sid, pkt)
        if pkt.packet_type == packet.ACK:
            await original(sockets, eio_sid, pkt)

    original = patch(SocketServer, _send_packet)
