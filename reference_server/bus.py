"""What several processes of the server share through Redis: events, and who is there.

Each process announces an event to its own sockets and tells it to the others (Redis Pub/Sub). In
Redis stand, per user, the processes that have sockets of theirs. A process says every BEAT seconds
that it lives; the users of one that has said nothing for SILENCE seconds are taken away by
whichever process sees it first.

Who has come or gone is published by the script that changes it, so that all processes hear it in
the order it happened; each tells its own sockets, and what it did not hear it reads later.
"""

import asyncio
import json
import logging
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from datetime import datetime
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
PRESENCE_CHANNEL = "r2c:presence"
PRESENCE_EVENT = "userStatus"

# A user's hash says 1 for each process at which friends have been told of the user, and 0 for one
# at which a socket is about to open. KEYS: the hash, the process's set of users. ARGV: the process,
# the user, the channel, and what is published there: `[user, is there, last seen or null]`.
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
if is_first == 1 then redis.call('PUBLISH', ARGV[3], ARGV[4]) end
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
if leave(KEYS[1], ARGV[1]) == 1 then redis.call('PUBLISH', ARGV[3], ARGV[4]) end
"""
# KEYS: that it lives, its set of users, all processes. ARGV: the process, how a user's key begins,
# the channel.
_BURY = f"""{_LEAVE}
if redis.call('EXISTS', KEYS[1]) == 1 then return end
for _, user in ipairs(redis.call('SMEMBERS', KEYS[2])) do
  if leave(ARGV[2] .. user, ARGV[1]) == 1 then
    redis.call('PUBLISH', ARGV[3], cjson.encode({{user, false, cjson.null}}))
  end
end
redis.call('DEL', KEYS[2])
redis.call('SREM', KEYS[3], ARGV[1])
"""
# KEYS: all processes. ARGV: how the key of a process's users begins, how a user's key begins.
_ALL_THERE = """
local there = {}
for _, process in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  for _, user in ipairs(redis.call('SMEMBERS', ARGV[1] .. process)) do
    if redis.call('HGET', ARGV[2] .. user, process) == '1' then there[#there + 1] = user end
  end
end
return there
"""

Told = Callable[[str, bool, datetime | None], Awaitable[None]]
"""Called with the id of a user who has come or gone, which of both, and when one who has gone was
last there, where that is known.
"""


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
        self.manager = SharedManager(self._redis, self._hear)
        self._local: Presence
        self._tell: Told
        self._beating: asyncio.Task[None] | None = None
        self._one_by_one = asyncio.Lock()
        self._agreed = False
        """Whether Redis is known to say of this process's users what this process knows."""
        self._unsaid: set[str] = set()
        """Users whose last socket here went while Redis did not answer."""
        self._there: set[str] = set()
        """Who is there, as the sockets of this process have been told."""
        self._heard = 0
        """How often another word of somebody has come."""

    async def open(self, local: Presence, tell: Told) -> None:
        """Take part. `local` is who has sockets at this process.

        Raises StartError where Redis does not answer.
        """
        self._local, self._tell = local, tell
        try:
            await self._agree()
            await self.manager.open()
            while (there := await self._all_there()) is None:
                pass
        except (RedisError, OSError, TimeoutError) as error:
            await self._redis.aclose()
            raise StartError(
                "The Redis server of --bus does not answer; is it running, and is the address"
                " right?"
            ) from error
        self._there = there
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
        await self._run(_EXPECTED, user_id)

    async def settle(self, user_id: str) -> None:
        """Say in Redis whether the user has a socket at this process. All processes hear of it
        where it is the first or was the last of all.

        Raises RedisError or OSError where Redis cannot be told of one who came; of one who went it
        is told later.
        """
        async with self._one_by_one:
            here = self._local.is_online(user_id)
            script, word = _CAME if here else _WENT, self._word(user_id)
            try:
                await self._run(script, user_id, PRESENCE_CHANNEL, word)
            except (RedisError, OSError):
                self._agreed = False
                if here:
                    raise
                self._unsaid.add(user_id)
            else:
                self._unsaid.discard(user_id)

    async def is_there(self, user_id: str) -> bool:
        """Whether any process has a socket of the user. Raises RedisError, OSError."""
        return bool(await self._redis.exists(_here(user_id)))

    def _word(self, user_id: str) -> str:
        here = self._local.is_online(user_id)
        seen = None if here else self._local.last_seen(user_id)
        return json.dumps([user_id, here, seen and seen.isoformat()])

    async def _run(self, script: str, user_id: str, *arguments: str) -> None:
        keys = (_here(user_id), _users(self.name))
        await self._redis.eval(script, len(keys), *keys, self.name, user_id, *arguments)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT)
            try:
                if not (self._agreed and await self._is_known()):
                    self.manager.missed()
                    await self._agree()
                elif self.manager.missed_at is not None and self.manager.listens.is_set():
                    await self._catch_up(self.manager.missed_at)
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

    async def _catch_up(self, missed_at: float) -> None:
        """Tell who has come and gone while Redis, or the way to it, was away.

        Redis may have begun anew. So who has gone is told only when all processes have had the time
        to say who is with them: first by the one that knows when, then by all for themselves.
        """
        heard, waited = self._heard, time.monotonic() - missed_at
        if (there := await self._all_there()) is None:
            return
        self._unsaid -= there
        if waited > SILENCE and self._unsaid:
            await self._say_who_went()
            return
        is_complete = waited > SILENCE + 2 * BEAT
        gone = self._there - there if is_complete else set()
        for user_id in (there - self._there) | gone:
            if self._heard != heard:
                return  # what was read may be old by now; the next beat reads again
            await self._note(user_id, user_id in there, None)
        if is_complete and self.manager.missed_at == missed_at:
            self.manager.missed_at = None

    async def _say_who_went(self) -> None:
        said = frozenset(self._unsaid)
        async with self._redis.pipeline() as words:  # at once, so that none is old by then
            for user_id in said:
                words.publish(PRESENCE_CHANNEL, self._word(user_id))
            await words.execute()
        self._unsaid -= said

    async def _all_there(self) -> set[str] | None:
        """Who is there; None where somebody came or went meanwhile."""
        heard = self._heard
        there = await self._redis.eval(_ALL_THERE, 1, _PROCESSES, _users(""), _here(""))
        return set(there) if self._heard == heard else None

    async def _hear(self, word: str) -> None:
        self._heard += 1
        try:
            user_id, is_there, seen = json.loads(word)
            await self._note(user_id, is_there, datetime.fromisoformat(seen) if seen else None)
        except Exception:
            log.exception("presence was not told")

    async def _note(self, user_id: str, is_there: bool, seen: datetime | None) -> None:
        if is_there == (user_id in self._there):
            return  # where Redis began anew, all are said to have come
        (self._there.add if is_there else self._there.discard)(user_id)
        await self._tell(user_id, is_there, seen)

    async def _bury(self, process: str) -> None:
        keys = (_life(process), _users(process), _PROCESSES)
        await self._redis.eval(_BURY, len(keys), *keys, process, _here(""), PRESENCE_CHANNEL)


class SharedManager(Manager, AsyncPubSubManager):  # type: ignore[misc]
    """Emits to the sockets of this process and, through Redis, to those of the others."""

    def __init__(self, redis: Any, hear: Callable[[str], Awaitable[None]]) -> None:
        """`hear` is called with each word of who came or went."""
        super().__init__(channel=CHANNEL)
        self._redis = redis
        self._hear = hear
        self.listens = asyncio.Event()
        self.missed_at: float | None = None
        """When, by the monotonic clock, words may have passed last that were not heard."""

    def missed(self) -> None:
        """Words may have passed that were not heard."""
        self.missed_at = time.monotonic()

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
        """Queue an event for every socket of the rooms, at whichever process; who came and went
        each process tells its own sockets.
        """
        await super().emit(event, data, namespace, room)
        if event != PRESENCE_EVENT:
            message = {"method": "emit", "event": event, "data": data, "namespace": namespace}
            await self._publish(message | {"room": list(room), "host_id": self.host_id})

    async def _publish(self, data: dict[str, Any]) -> None:
        try:
            await self._redis.publish(CHANNEL, json.dumps(data))
        except (RedisError, OSError) as error:
            # What it tells of is kept already; clients elsewhere find it when they ask.
            log.error("an event did not reach the other processes: %s", error)

    async def _handle_emit(self, message: dict[str, Any]) -> None:
        await super().emit(message["event"], message["data"], message["namespace"], message["room"])

    async def _listen(self) -> AsyncIterator[str]:
        while True:
            try:
                async with self._redis.pubsub() as listener:
                    await listener.subscribe(CHANNEL, PRESENCE_CHANNEL)
                    async for message in listener.listen():
                        if message["type"] != "message":
                            self.listens.set()
                        elif message["channel"] == CHANNEL:
                            yield message["data"]
                        else:
                            await self._hear(message["data"])
            except (RedisError, OSError) as error:
                log.warning("Redis does not answer: %s", error)
            finally:
                self.listens.clear()
                self.missed()
            await asyncio.sleep(TRY_AGAIN)


_PROCESSES = "r2c:processes"


def _life(process: str) -> str:
    return f"r2c:lives:{process}"


def _users(process: str) -> str:
    return f"r2c:users:{process}"


def _here(user_id: str) -> str:
    return f"r2c:here:{user_id}"
