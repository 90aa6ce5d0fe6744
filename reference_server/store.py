"""Where messages and settings are kept: MongoDB through pymongo's asynchronous interface.

Without an address it is kept in memory, by mongomock behind the same interface.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal

from bson import ObjectId
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError, PyMongoError

from reference_server.clock import Clock
from reference_server.errors import Conflict, StartError

Status = Literal["sent", "delivered", "read"]
PATIENCE_MS = 3000  # how long a MongoDB server may take to be found before a request fails
DEFAULT_DATABASE = "r2c"


@dataclass(frozen=True, slots=True)
class Message:
    """A stored message. Users are named by ObjectId; times are in UTC, whole milliseconds."""

    id: str
    conversation_id: str
    sender_id: str
    recipient_id: str
    text: str
    attachment: Mapping[str, str] | None
    status: Status
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Settings:
    """What `owner_id` has set for the conversation with `other_id` (notes, section 2.2)."""

    id: str
    owner_id: str
    other_id: str
    is_pinned: bool = False
    is_blocked: bool = False
    custom_ringtone: str | None = None
    is_favorite: bool = False


@dataclass(frozen=True, slots=True)
class Conversation:
    """The messages of two users, counted."""

    id: str
    users: tuple[str, str]
    messages: int


Kept = Mapping[str, Sequence[dict[str, Any]]]
"""The documents of each collection."""

_COLLECTIONS = ("messages", "conversations", "settings")
_SETTING_FIELDS = {
    "isPinned": "is_pinned",
    "isBlocked": "is_blocked",
    "customRingtone": "custom_ringtone",
    "isFavorite": "is_favorite",
}


def conversation_id(one: str, other: str) -> ObjectId:
    """The conversation of two users, the same from either side.

    It is computed from the pair and so agreed upon by any number of processes without asking:
    two first messages at the same moment cannot open two conversations.
    """
    return _derived("conversation", *sorted((one, other)))


def settings_id(owner: str, other: str) -> ObjectId:
    """The one entry of settings that `owner` has for `other`."""
    return _derived("settings", owner, other)


@lru_cache(maxsize=4096)  # most messages are of a pair that has written just before
def _derived(*parts: str) -> ObjectId:
    return ObjectId(hashlib.blake2b("/".join(parts).encode(), digest_size=12).digest())


class Store:
    """Messages, conversations and settings in one database."""

    def __init__(self, database: Any, clock: Clock, client: Any = None) -> None:
        """`database` is an AsyncDatabase of pymongo or an EmbeddedDatabase."""
        self.clock = clock
        self.database = database
        self._messages = database["messages"]
        self._conversations = database["conversations"]
        self._settings = database["settings"]
        self._client = client
        self._opened: set[ObjectId] = set()  # conversations known to stand in the database

    @classmethod
    def embedded(cls, clock: Clock | None = None) -> "Store":
        """A store in memory that ends with the process."""
        from reference_server.embedded import EmbeddedDatabase

        return cls(EmbeddedDatabase({"messages": "conversationId"}), clock or Clock())

    @classmethod
    def mongodb(cls, url: str, clock: Clock | None = None) -> "Store":
        """A store on a MongoDB server. Raises StartError for an address that is none."""
        from pymongo import AsyncMongoClient

        try:
            if not url.startswith(("mongodb://", "mongodb+srv://")):
                raise ValueError("pymongo would take it for the name of a host")
            client: Any = AsyncMongoClient(
                url, tz_aware=True, serverSelectionTimeoutMS=PATIENCE_MS, appname="r2c-server"
            )
            return cls(client.get_default_database(DEFAULT_DATABASE), clock or Clock(), client)
        except (PyMongoError, ValueError) as error:
            raise StartError(
                "--store is not the address of a MongoDB server, such as"
                " mongodb://127.0.0.1:27017/r2c."
            ) from error

    async def open(self) -> None:
        """Create the indexes. Raises StartError when the database does not answer."""
        try:
            await self._messages.create_index([("conversationId", 1), ("createdAt", 1)])
            await self._conversations.create_index([("pair", 1)], unique=True)
            await self._settings.create_index([("userId", 1), ("otherUserId", 1)], unique=True)
        except PyMongoError as error:
            raise StartError(
                "The MongoDB server of --store does not answer; is it running, and is the"
                " address right?"
            ) from error

    async def close(self) -> None:
        """Let go of the connections to the database."""
        if self._client is not None:
            await self._client.close()

    async def add_message(
        self,
        sender: str,
        recipient: str,
        text: str,
        attachment: Mapping[str, str] | None,
        status: Status,
    ) -> Message:
        """Keep a new message from `sender` to `recipient` and say what was kept."""
        conversation = conversation_id(sender, recipient)
        await self._open_conversation(conversation, sender, recipient)
        now = self.clock.now()
        document = {
            "_id": ObjectId(),
            "conversationId": conversation,
            "sender": ObjectId(sender),
            "recipient": ObjectId(recipient),
            "text": text,
            "attachment": dict(attachment) if attachment is not None else None,
            "status": status,
            "createdAt": now,
            "updatedAt": now,
        }
        await self._messages.insert_one(document)
        return _message(document)

    async def messages_between(self, one: str, other: str) -> list[Message]:
        """All messages of two users, oldest first."""
        query = {"conversationId": conversation_id(one, other)}
        documents = await self._messages.find(query).to_list()
        # Ids grow within a process and settle the order of messages of the same millisecond.
        documents.sort(key=lambda document: (document["createdAt"], document["_id"]))
        return [_message(document) for document in documents]

    async def mark_read(self, reader: str, other: str, now: datetime) -> None:
        """Set every message that `other` sent to `reader` to `read`."""
        await self._messages.update_many(
            {
                "conversationId": conversation_id(reader, other),
                "recipient": ObjectId(reader),
                "status": {"$ne": "read"},
            },
            {"$set": {"status": "read", "updatedAt": now}},
        )

    async def settings(self, owner: str, other: str) -> Settings:
        """What `owner` has set for `other`; what was never set has its default."""
        document = await self._settings.find_one({"_id": settings_id(owner, other)})
        return _settings(owner, other, document or {})

    async def change_settings(
        self, owner: str, other: str, changes: Mapping[str, bool | str | None]
    ) -> Settings:
        """Set the fields of `changes`, named as in the contract, and leave the others."""
        entry = settings_id(owner, other)
        owned = {"userId": ObjectId(owner), "otherUserId": ObjectId(other)}
        change: dict[str, Any] = {"$setOnInsert": owned}
        if changes:
            change["$set"] = dict(changes)
        return _settings(owner, other, await _upsert(self._settings, entry, change))

    async def conversations(self) -> list[Conversation]:
        """All conversations, in the order of their ids."""
        found = []
        for document in await self._conversations.find({}).to_list():
            count = await self._messages.count_documents({"conversationId": document["_id"]})
            one, _, other = document["pair"].partition("/")
            found.append(Conversation(str(document["_id"]), (one, other), count))
        return sorted(found, key=lambda each: each.id)

    async def all_settings(self) -> list[Settings]:
        """All settings that were ever made, in the order of their ids."""
        documents = await self._settings.find({}).to_list()
        found = [
            _settings(str(document["userId"]), str(document["otherUserId"]), document)
            for document in documents
        ]
        return sorted(found, key=lambda each: each.id)

    # The state as a whole

    def kept(self) -> Kept:
        """A copy of all that is kept. Raises Conflict for what a MongoDB server keeps."""
        self._require_own()
        return {name: self.database[name].documents() for name in _COLLECTIONS}

    def put(self, kept: Kept) -> None:
        """Keep this, as `kept` gave it, and nothing else. Raises Conflict as `kept` does."""
        self._require_own()
        for name in _COLLECTIONS:
            self.database[name].put(kept.get(name, ()))
        self._opened.clear()

    def _require_own(self) -> None:
        if self._client is not None:
            raise Conflict(
                "What a MongoDB server keeps is not taken back or thrown away from here; this needs"
                " a server without --store."
            )

    async def _open_conversation(self, conversation: ObjectId, one: str, other: str) -> None:
        if conversation in self._opened:
            return
        pair = "/".join(sorted((one, other)))
        await _upsert(
            self._conversations,
            conversation,
            {"$setOnInsert": {"pair": pair, "since": self.clock.now()}},
        )
        self._opened.add(conversation)


async def _upsert(collection: Any, key: ObjectId, change: Mapping[str, Any]) -> dict[str, Any]:
    """Insert or update the one document with this `_id`; returns it as it stands then.

    Of two processes that insert it at the same moment one is told that it is there already, or is
    shown nothing; for that one the document is there at the second attempt.
    """
    for _ in range(2):
        try:
            document: dict[str, Any] | None = await collection.find_one_and_update(
                {"_id": key}, change, upsert=True, return_document=ReturnDocument.AFTER
            )
        except DuplicateKeyError:
            continue
        if document is not None:
            return document
    return await collection.find_one({"_id": key}) or {}


def storable(text: str) -> bool:
    """Whether the text is Unicode; JSON can also spell lone surrogates, which are not."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _message(document: Mapping[str, Any]) -> Message:
    return Message(
        id=str(document["_id"]),
        conversation_id=str(document["conversationId"]),
        sender_id=str(document["sender"]),
        recipient_id=str(document["recipient"]),
        text=document["text"],
        attachment=document["attachment"],
        status=document["status"],
        created_at=document["createdAt"],
        updated_at=document["updatedAt"],
    )


def _settings(owner: str, other: str, document: Mapping[str, Any]) -> Settings:
    stored = {
        ours: document[theirs] for theirs, ours in _SETTING_FIELDS.items() if theirs in document
    }
    return replace(Settings(str(settings_id(owner, other)), owner, other), **stored)
