"""What several processes of the server share through Redis: events, and who is there.

Each process announces an event to its own sockets and tells it to the others (Redis Pub/Sub). In
Redis stand, per user, the processes that have sockets of theirs. A process says every BEAT seconds
that it lives; the users of one that has said nothing for SILENCE seconds are taken away by
whichever process sees it first.
"""

import asyncio
import json
import logging
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from redis.asyncio import Redis
from redis.exceptions import RedisError
from socketio.async_pubsub_manager import AsyncPubSubManager

from reference_server.errors import StartError
from reference_server.presence import Presence
from reference_server.sockets import Manager

log = logging.getLogger("reference_server.bus")

BEAT = 2.0
SILENCE = 7.0
PATIENCE = 3.0  # seconds for an answer of Redis
TRY_AGAIN = 0.5  # seconds until a lost connection to Redis is made anew
CHANNEL = "r2c:events"

# A user's hash says 1 for each process at which friends have been told of the user, and 0 for one
# at which a socket is about to open. KEYS: the hash, the process's set of users. ARGV: the process,
# the user.
_EXPECTED = """
redis.call('HSETNX', KEYS[1], ARGV[1], '0')
redis.call('SADD', KEYS[2], ARGV[2])
"""
_CAME = """
local is_first = 1
for _, told in ipairs(redis.call('HVALS', KEYS[1])) do
  if told == '1' then is_first = 0 end
end
redis.call('HSET', KEYS[1], ARGV[1], '1')
redis.call('SADD', KEYS[2], ARGV[2])
return is_first
"""
# Where the process that leaves was the one that told, another one takes that over, so that friends
# hear neither twice of one who came nor of one who is still there.
_LEAVE = """
local function leave(hash, process)
  local told = redis.call('HGET', hash, process)
  redis.call('HDEL', hash, process)
  if told ~= '1' then return 0 end
  local others = redis.call('HKEYS', hash)
  if #others == 0 then return 1 end
  for _, other in ipairs(others) do redis.call('HSET', hash, other, '1') end
  return 0
end
"""
_WENT = f"""{_LEAVE}
redis.call('SREM', KEYS[2], ARGV[2])
return leave(KEYS[1], ARGV[1])
"""
# KEYS: that it lives, its set of users, all processes. ARGV: the process, how a user's key begins.
_BURY = f"""{_LEAVE}
if redis.call('EXISTS', KEYS[1]) == 1 then return {{}} end
local gone = {{}}
for _, user in ipairs(redis.call('SMEMBERS', KEYS[2])) do
  if leave(ARGV[2] .. user, ARGV[1]) == 1 then gone[#gone + 1] = user end
end
redis.call('DEL', KEYS[2])
redis.call('SREM', KEYS[3], ARGV[1])
return gone
"""

Changed = Callable[[str, bool], Awaitable[None]]
"""Called with a user's id and whether the user, who was somewhere or nowhere, has come or gone."""
Lost = Callable[[str], Awaitable[None]]
"""Called with the id of a user whose last sockets were at a process that is dead."""


class Bus:
    """One process's end of what all share."""

    def __init__(self, url: str) -> None:
        """Raises StartError for an address that is none."""
        self.name = uuid.uuid4().hex
        try:
            if urlsplit(url).scheme not in ("redis", "rediss", "unix"):
                raise ValueError("redis-py would say the same at more length")
            self._redis: Any = Redis.from_url(
                url, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE, decode_responses=True
            )
        except ValueError as error:
            raise StartError(
                "--bus is not the address of a Redis server, such as redis://127.0.0.1:6379/0."
            ) from error
        self.manager = SharedManager(self._redis)
        self._local: Presence
        self._changed: Changed
        self._lost: Lost
        self._beating: asyncio.Task[None] | None = None
        self._one_by_one = asyncio.Lock()
        self._agreed = False
        """Whether Redis is known to say of this process's users what this process knows."""

    async def open(self, local: Presence, changed: Changed, lost: Lost) -> None:
        """Take part. `local` is who has sockets at this process.

        Raises StartError where Redis does not answer.
        """
        self._local, self._changed, self._lost = local, changed, lost
        try:
            await self._agree()
            await self.manager.open()
            self.manager.told = await self._all_there()
        except (RedisError, OSError, TimeoutError) as error:
            await self._redis.aclose()
            raise StartError(
                "The Redis server of --bus does not answer; is it running, and is the address"
                " right?"
            ) from error
        self._beating = asyncio.create_task(self._beat())

    async def close(self) -> None:
        """Take no part any more. Whoever still has a socket here is gone with it."""
        if self._beating is None:
            return
        for task in (self._beating, self.manager.thread):
            task.cancel()
        await asyncio.wait((self._beating, self.manager.thread), timeout=PATIENCE)
        with suppress(RedisError, OSError):
            await self._redis.delete(_life(self.name))
            await self._bury(self.name)
        await self._redis.aclose()

    async def expect(self, user_id: str) -> None:
        """Say that a socket of the user is about to open here, so that it is known at every process
        before its client is told that it is connected. Raises RedisError, OSError.
        """
        await self._asked(_EXPECTED, user_id)

    async def settle(self, user_id: str) -> None:
        """Say in Redis whether the user has a socket at this process, and call `changed` where it
        is the first or was the last of all.

        Raises RedisError or OSError where Redis cannot be told of one who came; one who went is
        missed later.
        """
        async with self._one_by_one:
            here = self._local.is_online(user_id)
            try:
                is_change = await self._asked(_CAME if here else _WENT, user_id)
            except (RedisError, OSError):
                self._agreed = False
                if here:
                    raise
                return
            if is_change:
                await self._changed(user_id, here)

    async def is_there(self, user_id: str) -> bool:
        """Whether any process has a socket of the user. Raises RedisError, OSError."""
        return bool(await self._redis.exists(_here(user_id)))

    async def _asked(self, script: str, user_id: str) -> Any:
        keys = (_here(user_id), _users(self.name))
        return await self._redis.eval(script, len(keys), *keys, self.name, user_id)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT)
            try:
                if not (self._agreed and await self._is_known()):
                    self.manager.may_have_missed = True
                    await self._agree()
                elif self.manager.may_have_missed and self.manager.listens.is_set():
                    await self._catch_up()
                for each in await self._redis.smembers(_PROCESSES):
                    await self._bury(each)
            except (RedisError, OSError) as error:
                self._agreed = False
                log.warning("Redis does not answer: %s", error)
            except Exception:
                log.exception("presence was not told")

    async def _is_known(self) -> bool:
        """Say that this process lives; False where it is taken for dead, or Redis began anew."""
        await self._redis.set(_life(self.name), 1, px=int(SILENCE * 1000))
        return bool(await self._redis.sismember(_PROCESSES, self.name))

    async def _agree(self) -> None:
        """Bring what Redis says of this process's users to what this process knows."""
        await self._is_known()
        await self._redis.sadd(_PROCESSES, self.name)
        self._agreed = True
        for user_id in {*await self._redis.smembers(_users(self.name)), *self._local}:
            await self.settle(user_id)

    async def _catch_up(self) -> None:
        """Tell who has come and gone while Redis, or the way to it, was away: a beat after it is
        back, for if it began anew, all processes have said by now who is with them.
        """
        self.manager.may_have_missed = False
        there = await self._all_there()
        for user_id in self.manager.told - there:
            await self._lost(user_id)
        for user_id in there - self.manager.told:
            await self._changed(user_id, True)

    async def _all_there(self) -> set[str]:
        processes = await self._redis.smembers(_PROCESSES)
        users = await self._redis.sunion([_users(each) for each in processes])
        return {each for each in users if "1" in await self._redis.hvals(_here(each))}

    async def _bury(self, process: str) -> None:
        keys = (_life(process), _users(process), _PROCESSES)
        for user_id in await self._redis.eval(_BURY, len(keys), *keys, process, _here("")):
            await self._lost(user_id)


class SharedManager(Manager, AsyncPubSubManager):  # type: ignore[misc]
    """Emits to the sockets of this process and, through Redis, to those of the others."""

    def __init__(self, redis: Any) -> None:
        super().__init__(channel=CHANNEL)
        self._redis = redis
        self.listens = asyncio.Event()
        self.may_have_missed = False
        """Whether others may have told what did not arrive."""
        self.told: set[str] = set()
        """The users of whom the sockets of this process have heard last that they are there."""

    async def open(self) -> None:
        """Listen to the others. Raises TimeoutError where that does not come about."""
        self.server.manager_initialized = True
        self.initialize()
        try:
            await asyncio.wait_for(self.listens.wait(), PATIENCE)
        except TimeoutError:
            self.thread.cancel()
            raise

    async def emit(self, event: str, data: Any, namespace: str, room: Any = None, **_: Any) -> None:
        """Queue an event for every socket of the rooms, at whichever process."""
        await self._emit_here(event, data, namespace, room)
        message = {"method": "emit", "event": event, "data": data, "namespace": namespace}
        await self._publish(message | {"room": list(room), "host_id": self.host_id})

    async def _publish(self, data: dict[str, Any]) -> None:
        try:
            await self._redis.publish(CHANNEL, json.dumps(data))
        except (RedisError, OSError) as error:
            # What it tells of is kept already; clients elsewhere find it when they ask.
            log.error("an event did not reach the other processes: %s", error)

    async def _handle_emit(self, message: dict[str, Any]) -> None:
        here = (message[each] for each in ("event", "data", "namespace", "room"))
        await self._emit_here(*here)

    async def _emit_here(self, event: str, data: Any, namespace: str, room: Any) -> None:
        if event == "userStatus":
            note = self.told.add if data["isOnline"] else self.told.discard
            note(data["userId"])
        await super().emit(event, data, namespace, room)

    async def _listen(self) -> AsyncIterator[str]:
        while True:
            try:
                async with self._redis.pubsub() as listener:
                    await listener.subscribe(CHANNEL)
                    async for message in listener.listen():
                        if message["type"] == "message":
                            yield message["data"]
                        else:
                            self.listens.set()
            except (RedisError, OSError) as error:
                log.warning("Redis does not answer: %s", error)
            self.listens.clear()
            self.may_have_missed = True
            await asyncio.sleep(TRY_AGAIN)


_PROCESSES = "r2c:processes"


def _life(process: str) -> str:
    return f"r2c:lives:{process}"


def _users(process: str) -> str:
    return f"r2c:users:{process}"


def _here(user_id: str) -> str:
    return f"r2c:here:{user_id}"
