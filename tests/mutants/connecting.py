"""Mutants of the Socket.IO handshake, of connections and of devices."""

import asyncio
import time
from urllib.parse import parse_qs

from socketio import packet

from reference_server.engine import Engine
from reference_server.errors import Unauthorized
from reference_server.events import EventRouter, Refused, _room
from reference_server.sockets import SocketServer
from reference_server.users import User
from tests.mutants.authentication import _algorithm, claims_of
from tests.mutants.patching import Patch
from tests.mutants.registry import mutant


def claimed(router, environ):
    """The token of a handshake's query and the user it claims to be of, verified or not."""
    token = parse_qs(environ.get("QUERY_STRING", "")).get("token", [""])[0]
    claims = claims_of(token) or {}
    return token, router._tokens._users.by_id(str(claims.get("id")))


def sockets_believe(patch, believes):
    """Connect refused clients for whose `(environ, token, user)` the function says a user."""

    async def _connect(router, sid, environ, auth=None):
        token, user = claimed(router, environ)
        found = believes(router, environ, token, user)
        if found is None:
            await original(router, sid, environ, auth)
        else:
            router._users[sid] = found

    original = patch(EventRouter, _connect)


@mutant("CONN-01", protocol="events")
def sockets_take_websockets_only(patch: Patch) -> None:
    """`transports: ["websocket"]` on the server: a client that begins with polling is refused."""

    def handshake_error(engine, query, upgrade):
        if not upgrade:
            return "Transport unknown"
        return original(engine, query, upgrade)

    original = patch(Engine, handshake_error)


@mutant("CONN-01", protocol="events")
def sockets_take_polling_only(patch: Patch) -> None:
    """The proxy in front lets no WebSocket through, and upgrades are offered all the same."""

    def handshake_error(engine, query, upgrade):
        if upgrade:
            return "Upgrade failed"
        return original(engine, query, upgrade)

    original = patch(Engine, handshake_error)


@mutant("CONN-01", protocol="events")
def the_query_is_not_read(patch: Patch) -> None:
    """Only `auth.token` is looked at, as in newer examples of Socket.IO."""

    def credential(router, environ, auth):
        if isinstance(auth, dict) and isinstance(auth.get("token"), str):
            return auth["token"]
        raise Unauthorized("Authentication error")

    patch(EventRouter, credential)


@mutant("CONN-01", protocol="events", subtle=True)
def a_few_may_connect_at_a_time(patch: Patch) -> None:
    """Each handshake takes one of five database connections, and nobody waits for a free one."""
    busy = []

    async def _connect(router, sid, environ, auth=None):
        if len(busy) >= 5:
            raise Refused("too many connections")
        busy.append(sid)
        try:
            await asyncio.sleep(0.03)
            await original(router, sid, environ, auth)
        finally:
            busy.remove(sid)

    original = patch(EventRouter, _connect)


@mutant("CONN-04", protocol="events", level="should", subtle=True)
def devices_that_come_at_once_forget_each_other(patch: Patch) -> None:
    """A user's sockets are read, and written back with the new one after an await."""
    sockets = {}

    async def _opened(router, sid):
        user = router._users[sid]
        known = sockets.get(user.id, ())
        await asyncio.sleep(0.01)
        for forgotten in set(sockets.get(user.id, ())) - set(known):
            await router._sockets.leave_room(forgotten, _room(user.id))
        sockets[user.id] = (*known, sid)
        await original(router, sid)

    original = patch(EventRouter, _opened)


@mutant("CONN-01", protocol="events", subtle=True)
def polling_sessions_are_lost(patch: Patch) -> None:
    """Behind a load balancer without sticky sessions the second poll finds no session."""

    def handshake_error(engine, query, upgrade):
        if not upgrade and "sid" in query:
            return "Session ID unknown"
        return original(engine, query, upgrade)

    original = patch(Engine, handshake_error)


@mutant("CONN-02", protocol="events")
def sockets_need_no_token(patch: Patch) -> None:
    """Clients without a token connect as guests."""

    def guest(router, environ, token, user):
        return User("0" * 24, "GUEST", "Guest") if not token else None

    sockets_believe(patch, guest)


@mutant("CONN-02", protocol="events")
def sockets_take_expired_tokens(patch: Patch) -> None:
    """The handshake decodes the token without looking at `exp`."""

    def believes(router, environ, token, user):
        expired = (claims_of(token) or {}).get("exp", time.time() + 1) < time.time()
        return user if expired else None

    sockets_believe(patch, believes)


@mutant("CONN-02", protocol="events", subtle=True)
def sockets_take_unsigned_tokens(patch: Patch) -> None:
    """The handshake takes the algorithm from the token, `none` included."""

    def believes(router, environ, token, user):
        return user if _algorithm(token).lower() == "none" else None

    sockets_believe(patch, believes)


@mutant("CONN-02", protocol="events", subtle=True)
def sockets_take_any_signature(patch: Patch) -> None:
    """The handshake decodes the token without verifying it."""

    def believes(router, environ, token, user):
        return user if _algorithm(token) == "HS256" else None

    sockets_believe(patch, believes)


@mutant("CONN-02", protocol="events", subtle=True)
def polling_is_not_authenticated(patch: Patch) -> None:
    """The token is verified in the WebSocket handler only; long polling takes any claims."""

    def believes(router, environ, token, user):
        return user if "transport=polling" in environ.get("QUERY_STRING", "") else None

    sockets_believe(patch, believes)


@mutant("CONN-02", protocol="events", subtle=True)
def who_is_there_is_told_before_the_token_is_read(patch: Patch) -> None:
    """Every new socket hears who is online, and only then is a wrong token's disconnected."""

    async def _connect(router, sid, environ, auth=None):
        try:
            await connect(router, sid, environ, auth)
        except Refused:
            strangers.add(sid)

    async def _opened(router, sid):
        if sid not in strangers:
            await opened(router, sid)
            return
        strangers.remove(sid)
        status = {"userId": "60d0fe4f5311236168a109ca", "isOnline": True}
        await router._sockets.emit("userStatus", status, room=sid, namespace="/")
        await router._sockets.disconnect(sid)

    strangers: set[str] = set()
    connect, opened = patch(EventRouter, _connect), patch(EventRouter, _opened)


@mutant("CONN-03", protocol="events")
def sockets_take_tokens_of_nobody(patch: Patch) -> None:
    """Who a valid token names is not looked up at the handshake."""

    async def _connect(router, sid, environ, auth=None):
        token, user = claimed(router, environ)
        if token and user is None:
            try:
                claims = router._tokens._verify(token)
            except Unauthorized:
                claims = {}
            if "id" in claims:
                router._users[sid] = User(str(claims["id"]).lower(), "R2C0", "Unknown")
                return
        await original(router, sid, environ, auth)

    original = patch(EventRouter, _connect)


def _only_one_socket(patch, choose):
    """Events of a user go to one of the sockets, which `choose` picks of all in their order."""
    order = {}

    async def _opened(router, sid):
        user = router._users[sid]
        order.setdefault(user.id, []).append(sid)
        await original(router, sid)

    async def announce(router, event, payload, user_ids):
        for user_id in user_ids:
            present = [sid for sid in order.get(user_id, ()) if sid in router._users]
            if present:
                await router._sockets.emit(event, payload, room=choose(present), namespace="/")

    original = patch(EventRouter, _opened)
    patch(EventRouter, announce)


@mutant("CONN-04", protocol="events", subtle=True)
def only_the_newest_socket_hears(patch: Patch) -> None:
    """A map from user to socket: the second device takes the place of the first."""
    _only_one_socket(patch, lambda present: present[-1])


@mutant("CONN-04", protocol="events", level="must", subtle=True)
def only_the_oldest_socket_hears(patch: Patch) -> None:
    """`map.putIfAbsent(user, socket)`: as long as the first device is there the newest is deaf."""
    _only_one_socket(patch, lambda present: present[0])


@mutant("CONN-05", protocol="events", subtle=True)
def refused_clients_can_send(patch: Patch) -> None:
    """The handshake is refused, and events of the open connection are handled all the same."""
    claims = {}

    async def _connect(router, sid, environ, auth=None):
        _, user = claimed(router, environ)
        if user is not None:
            claims[router._sockets.manager.eio_sid_from_sid(sid, "/")] = (router, user)
        await original(router, sid, environ, auth)

    async def _handle_event(sockets, eio_sid, namespace, id, data):
        known = sockets.manager.sid_from_eio_sid(eio_sid, "/")
        if known is None and eio_sid in claims and data[0] == "sendMessage":
            router, user = claims[eio_sid]
            router._users[eio_sid] = user
            handlers = sockets.handlers["/"]
            await handlers["sendMessage"](eio_sid, *data[1:])
            del router._users[eio_sid]
            return
        await handle(sockets, eio_sid, namespace, id, data)

    original = patch(EventRouter, _connect)
    handle = patch(SocketServer, _handle_event)


@mutant("CONN-05", protocol="events", subtle=True)
def refused_clients_hear_everything(patch: Patch) -> None:
    """The connection joins its user's room before the token is judged, and stays in it."""
    refused = {}

    async def _connect(router, sid, environ, auth=None):
        _, user = claimed(router, environ)
        try:
            await original(router, sid, environ, auth)
        except Exception:
            if user is not None:
                eio_sid = router._sockets.manager.eio_sid_from_sid(sid, "/")
                refused.setdefault(user.id, []).append(eio_sid)
            raise

    async def announce(router, event, payload, user_ids):
        await announced(router, event, payload, user_ids)
        for user_id in user_ids:
            for eio_sid in refused.get(user_id, ()):
                await router._sockets._send_packet(
                    eio_sid, packet.Packet(packet.EVENT, data=[event, payload], namespace="/")
                )

    original = patch(EventRouter, _connect)
    announced = patch(EventRouter, announce)


@mutant("CONN-06", protocol="events", subtle=True)
def a_late_goodbye_deafens_the_next_connection(patch: Patch) -> None:
    """The end of a connection takes the user out of the map for good; a later one is deaf."""
    gone = set()

    async def _disconnect(router, sid, reason):
        if (user := router._users.get(sid)) is not None:
            gone.add(user.id)
        await original(router, sid, reason)

    async def announce(router, event, payload, user_ids):
        await announced(router, event, payload, set(user_ids) - gone)

    original = patch(EventRouter, _disconnect)
    announced = patch(EventRouter, announce)


@mutant("CONN-06", protocol="events", subtle=True)
def typing_is_dead_after_a_reconnect(patch: Patch) -> None:
    """The handlers of typing are attached at a user's first connection only."""
    left = set()

    async def _disconnect(router, sid, reason):
        if (user := router._users.get(sid)) is not None:
            left.add(user.id)
        await original(router, sid, reason)

    async def typing(chat, user, payload, original):
        return {"success": True} if user.id in left else await original(user, payload)

    original = patch(EventRouter, _disconnect)
    patch.receiver("onTyping", typing)


@mutant("CONN-06", protocol="both", subtle=True)
def a_reconnected_user_cannot_send(patch: Patch) -> None:
    """Rate limits count connections: the second one's sendMessage is dropped."""
    left = set()

    async def _disconnect(router, sid, reason):
        if (user := router._users.get(sid)) is not None:
            left.add(user.id)
        await original(router, sid, reason)

    async def on_send(chat, user, payload, original):
        if user.id in left:
            return {"success": False, "message": "Too many connections."}
        return await original(user, payload)

    original = patch(EventRouter, _disconnect)
    patch.receiver("onSendMessage", on_send)


@mutant("CONN-07", protocol="events", subtle=True)
def handlers_are_attached_a_moment_later(patch: Patch) -> None:
    """The user is loaded before the handlers are attached: events of the first 40 ms are lost."""
    since = {}

    async def _opened(router, sid):
        since[sid] = time.monotonic()
        await original(router, sid)

    def _receiver(router, event, handler):
        receive = receiver(router, event, handler)

        async def late(sid, *arguments):
            if time.monotonic() - since.get(sid, 0) < 0.04:
                return None
            return await receive(sid, *arguments)

        return late

    original = patch(EventRouter, _opened)
    receiver = patch(EventRouter, _receiver)
