"""Mutants of userStatus."""

from datetime import timedelta

from reference_server import chat as chats
from reference_server.chat import Chat
from reference_server.events import EventRouter
from reference_server.presence import Presence
from tests.mutants.connecting import claimed
from tests.mutants.patching import Patch
from tests.mutants.registry import mutant

STATUS = "userStatus"


def told(patch, audience):
    """Let `audience(chat, status, user_ids)` say who gets each userStatus; None: everybody."""
    made = patch.the(Chat)

    async def deliver(emit, event, payload, user_ids):
        if event == STATUS:
            user_ids = audience(made[0], payload, user_ids)
        await emit(event, payload, user_ids)

    patch.deliveries(deliver)


@mutant("PRES-01", protocol="events")
def nobody_hears_of_arrivals(patch: Patch) -> None:
    """Only the end of a connection is announced."""
    told(patch, lambda chat, status, user_ids: () if status["isOnline"] else user_ids)


@mutant("PRES-01", protocol="events", subtle=True)
def only_the_first_arrival_is_told(patch: Patch) -> None:
    """Who was online once is not announced when they come back."""
    known = set()

    def audience(chat, status, user_ids):
        if not status["isOnline"]:
            return user_ids
        first = status["userId"] not in known
        known.add(status["userId"])
        return user_ids if first else ()

    told(patch, audience)


@mutant("PRES-01", protocol="events", subtle=True)
def one_side_of_a_friendship_is_told(patch: Patch) -> None:
    """A friendship stands with one of the two; the other one's arrival is not told."""

    def audience(chat, status, user_ids):
        return {id for id in user_ids if id > status["userId"]}

    told(patch, audience)


@mutant("PRES-02", protocol="events")
def nobody_hears_of_departures(patch: Patch) -> None:
    """The end of a connection is not announced."""
    told(patch, lambda chat, status, user_ids: user_ids if status["isOnline"] else ())


@mutant("PRES-02", protocol="events")
def departures_have_no_last_seen(patch: Patch) -> None:
    """`lastSeen` is null when a user goes."""
    patch.changed_deliveries(STATUS, lambda status: {**status, "lastSeen": None})


@mutant("PRES-02", protocol="events", subtle=True)
def last_seen_is_the_time_before(patch: Patch) -> None:
    """`lastSeen` is read before it is written: it names the end of the connection before."""
    before = {}

    def leave(presence, user_id, connection, now):
        earlier = presence.last_seen(user_id)
        last = original(presence, user_id, connection, now)
        if last:
            before[user_id] = earlier or now - timedelta(hours=1)
        return last

    def last_seen(presence, user_id):
        return before.get(user_id) or seen(presence, user_id)

    original = patch(Presence, leave)
    seen = patch(Presence, last_seen)


@mutant("PRES-02", protocol="events", subtle=True)
def last_seen_is_local_time(patch: Patch) -> None:
    """`lastSeen` is the server's local time with a Z behind it: hours off outside of UTC."""

    async def tell_friends(chat, user, *, is_online):
        chat_time = chats.show_time

        def local(time):
            return chat_time(time + timedelta(hours=5, minutes=30))

        if is_online:
            await original(chat, user, is_online=True)
            return
        status = {
            "userId": user.id,
            "isOnline": False,
            "lastSeen": local(chat.presence.last_seen(user.id)),
        }
        await chat.announcer.announce(STATUS, status, user.friends)

    original = patch(Chat, tell_friends)


@mutant("PRES-02", protocol="events", subtle=True)
def a_goodbye_over_polling_is_not_heard(patch: Patch) -> None:
    """Only the close event of a WebSocket is listened to."""

    async def _disconnect(router, sid, reason):
        environ = router._sockets.get_environ(sid) or {}
        if "transport=polling" in environ.get("QUERY_STRING", ""):
            router._users.pop(sid, None)
            return
        await original(router, sid, reason)

    original = patch(EventRouter, _disconnect)


def crowds_leave(patch, told):
    """Let `told(chat, user)` say what friends hear when the last of four or more sockets goes."""
    crowded = set()

    async def joined(chat, user, connection):
        await original_joined(chat, user, connection)
        if len(chat.presence._connections.get(user.id, ())) > 3:
            crowded.add(user.id)

    async def left(chat, user, connection):
        if user.id not in crowded or len(chat.presence._connections.get(user.id, ())) > 1:
            await original_left(chat, user, connection)
            return
        crowded.discard(user.id)
        chat.presence.leave(user.id, connection, chats.utc_now())
        await told(chat, user)

    original_joined = patch(Chat, joined)
    original_left = patch(Chat, left)


@mutant("PRES-02", protocol="events", subtle=True)
def nobody_hears_of_the_last_of_four_devices(patch: Patch) -> None:
    """The row of a user has room for three sockets; what the fourth does is told to nobody."""

    async def nothing(chat, user):
        pass

    crowds_leave(patch, nothing)


@mutant("PRES-02", protocol="events", subtle=True)
def of_four_devices_the_first_to_come_is_told_last(patch: Patch) -> None:
    """News of a user is queued by socket, and that of an older one comes after the goodbye."""

    async def both(chat, user):
        await chat.tell_friends(user, is_online=False)
        await chat.tell_friends(user, is_online=True)

    crowds_leave(patch, both)


@mutant("PRES-03", protocol="events")
def everybody_hears_of_everybody(patch: Patch) -> None:
    """`io.emit`: userStatus goes to all."""
    told(patch, lambda chat, status, user_ids: None)


@mutant("PRES-03", protocol="events", subtle=True)
def friends_of_friends_hear(patch: Patch) -> None:
    """The look-up of friends goes one step too far."""

    def audience(chat, status, user_ids):
        further = (chat.users.by_id(id).friends for id in user_ids)
        return {*user_ids, *(id for ids in further for id in ids)} - {status["userId"]}

    told(patch, audience)


@mutant("PRES-03", protocol="events", subtle=True)
def everybody_hears_of_departures(patch: Patch) -> None:
    """Arrivals go to friends; departures are broadcast."""
    told(patch, lambda chat, status, user_ids: user_ids if status["isOnline"] else None)


@mutant("PRES-03", protocol="both", subtle=True)
def partners_of_a_conversation_hear(patch: Patch) -> None:
    """Whoever exchanged a message with the user is told, friend or not."""
    partners = {}

    async def send(chat, sender, recipient, text, attachment):
        shown = await original(chat, sender, recipient, text, attachment)
        partners.setdefault(sender.id, set()).add(recipient.id)
        partners.setdefault(recipient.id, set()).add(sender.id)
        return shown

    def audience(chat, status, user_ids):
        return {*user_ids, *partners.get(status["userId"], ())}

    original = patch(Chat, send)
    told(patch, audience)


@mutant("PRES-04", protocol="events", subtle=True)
def one_device_that_goes_is_offline(patch: Patch) -> None:
    """Presence is per socket: when the phone goes, the user is offline, the laptop still there."""

    def leave(presence, user_id, connection, now):
        original(presence, user_id, connection, now)
        presence._last_seen[user_id] = now
        return True

    original = patch(Presence, leave)


@mutant("PRES-05", protocol="events", subtle=True)
def dropped_sockets_stay_online(patch: Patch) -> None:
    """Only a goodbye counts: a connection that is cut leaves the user online."""

    async def _disconnect(router, sid, reason):
        if reason == router._sockets.reason.CLIENT_DISCONNECT:
            await original(router, sid, reason)
        else:
            router._users.pop(sid, None)

    original = patch(EventRouter, _disconnect)


@mutant("PRES-06", protocol="events", subtle=True)
def refused_clients_go_offline(patch: Patch) -> None:
    """The end of a refused connection is announced as the end of its user's."""
    made = patch.the(Chat)

    async def _connect(router, sid, environ, auth=None):
        try:
            await original(router, sid, environ, auth)
        except Exception:
            _, user = claimed(router, environ)
            if user is not None:
                made[0].presence._last_seen[user.id] = made[0].clock.now()
                await made[0].tell_friends(user, is_online=False)
            raise

    original = patch(EventRouter, _connect)


@mutant("PRES-06", protocol="events", subtle=True)
def refused_clients_come_online(patch: Patch) -> None:
    """The arrival is announced before the token is verified."""
    made = patch.the(Chat)

    async def _connect(router, sid, environ, auth=None):
        try:
            await original(router, sid, environ, auth)
        except Exception:
            _, user = claimed(router, environ)
            if user is not None:
                await made[0].tell_friends(user, is_online=True)
            raise

    original = patch(EventRouter, _connect)
