"""The rules of the chat, once, for requests and events alike.

Each rule is a small method, so that it can be read, tested and replaced alone.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Protocol

from reference_server.errors import Forbidden, Invalid, NotFound
from reference_server.presence import Presence
from reference_server.store import Message, Settings, Status, Store, storable
from reference_server.users import Directory, User

Json = dict[str, Any]
SETTING_FIELDS = ("isPinned", "isBlocked", "customRingtone", "isFavorite")


class Announcer(Protocol):
    """Brings events to the sockets of users."""

    async def announce(self, event: str, payload: Json, user_ids: Collection[str]) -> None:
        """Emit the event once to every connected socket of these users."""


class Neighbours(Protocol):
    """The other processes that serve the same users."""

    async def expect(self, user_id: str) -> None:
        """Say that a connection of the user is about to be one."""

    async def settle(self, user_id: str) -> None:
        """Say whether this process has a connection of the user, and see to it that `Chat.told` is
        called, at every process, where it is the first or was the last of all.
        """

    async def is_there(self, user_id: str) -> bool:
        """Whether any process has a connection of the user."""


class Chat:
    """Who may do what, what is kept of it, and who hears of it."""

    def __init__(
        self,
        users: Directory,
        store: Store,
        announcer: Announcer,
        presence: Presence,
        neighbours: Neighbours | None = None,
    ) -> None:
        """`presence` counts the connections of this process."""
        self.users = users
        self.store = store
        self.clock = store.clock
        self.announcer = announcer
        self.presence = presence
        self.neighbours = neighbours

    # Naming users

    def user_with_id(self, object_id: str) -> User:
        """The user with this ObjectId. Raises NotFound."""
        user = self.users.by_id(object_id)
        if user is None:
            raise NotFound(f"No user has the id {object_id}.")
        return user

    def user_with_public_id(self, public_id: str) -> User:
        """The user with this public id. Raises NotFound."""
        user = self.users.by_public_id(public_id)
        if user is None:
            raise NotFound("No user has this public id.")
        return user

    # Messages

    async def send(
        self, sender: User, recipient: User, text: str | None, attachment: Json | None
    ) -> Json:
        """Keep a message, deliver it, and return it as the contract shows it.

        Raises Forbidden when the recipient has blocked the sender, Invalid when the text or the
        attachment's address is not Unicode.
        """
        await self.require_not_blocked(sender, recipient)
        kept = self.attachment_to_keep(attachment)
        for value in (text or "", *(kept or {}).values()):
            self.require_unicode(value)
        message = await self.store.add_message(
            sender.id, recipient.id, text or "", kept, await self.first_status(recipient)
        )
        shown = self.show(message)
        await self.announcer.announce("receiveMessage", shown, self.audience(message))
        return shown

    async def history(self, reader: User, other: User) -> list[Json]:
        """All messages of the two, oldest first. What the reader received is read from now on."""
        messages = await self.store.messages_between(reader.id, other.id)
        return [self.show(message) for message in await self.read(reader, other, messages)]

    async def read(self, reader: User, other: User, messages: list[Message]) -> list[Message]:
        """The messages with those to the reader marked `read`, here and in the store."""

        def unread(message: Message) -> bool:
            return message.recipient_id == reader.id and message.status != "read"

        if not any(map(unread, messages)):
            return messages
        now = self.clock.now()
        await self.store.mark_read(reader.id, other.id, now)
        return [
            replace(message, status="read", updated_at=now) if unread(message) else message
            for message in messages
        ]

    def audience(self, message: Message) -> set[str]:
        """Who gets `receiveMessage`: the recipient, and the sender for confirmation."""
        return {message.recipient_id, message.sender_id}

    async def first_status(self, recipient: User) -> Status:
        """A message is `delivered` at once to someone who is there."""
        there = self.presence.is_online(recipient.id)
        if not there and self.neighbours is not None:
            there = await self.neighbours.is_there(recipient.id)
        return "delivered" if there else "sent"

    def attachment_to_keep(self, attachment: Json | None) -> Mapping[str, str] | None:
        """The fields of the contract; others are ignored."""
        if attachment is None:
            return None
        return {"type": attachment["type"], "url": attachment["url"]}

    def require_unicode(self, text: str) -> None:
        """Raises Invalid for a text with lone surrogates, which no database keeps."""
        if not storable(text):
            raise Invalid("The text is not valid Unicode.")

    async def require_not_blocked(self, sender: User, recipient: User) -> None:
        """Raises Forbidden while the recipient blocks the sender; the other way is open."""
        if (await self.store.settings(recipient.id, sender.id)).is_blocked:
            raise Forbidden("You cannot write to this user.")

    # Settings of a conversation

    async def change_settings(self, owner: User, other: User, body: Json) -> Json:
        """Set what the body names and return all settings as the contract shows them."""
        changes = {field: body[field] for field in SETTING_FIELDS if field in body}
        if isinstance(ringtone := changes.get("customRingtone"), str):
            self.require_unicode(ringtone)
        return show_settings(await self.store.change_settings(owner.id, other.id, changes))

    # Typing

    async def typing(self, typist: User, recipient: User, is_typing: bool) -> None:
        """Tell the recipient, and nobody else, whether the typist is writing."""
        await self.require_not_blocked(typist, recipient)
        status = {"senderId": typist.id, "isTyping": is_typing}
        await self.announcer.announce("typingStatus", status, {recipient.id})

    # Presence

    async def expected(self, user: User) -> None:
        """A client of the user is about to be told that it is connected, or has `left` without."""
        if self.neighbours is not None:
            await self.neighbours.expect(user.id)

    async def joined(self, user: User, connection: str) -> None:
        """A socket of the user has connected; friends hear of the first one."""
        if self.presence.join(user.id, connection):
            await self._settle(user, is_online=True)

    async def left(self, user: User, connection: str) -> None:
        """A socket of the user is gone; friends hear of the last one."""
        if self.presence.leave(user.id, connection, self.clock.now()):
            await self._settle(user, is_online=False)
        elif self.neighbours is not None and not self.presence.is_online(user.id):
            await self.neighbours.settle(user.id)  # of one that was expected and never joined

    async def _settle(self, user: User, *, is_online: bool) -> None:
        if self.neighbours is None:
            await self.tell_friends(user, is_online=is_online)
        else:
            await self.neighbours.settle(user.id)

    async def told(self, user_id: str, is_online: bool, seen: datetime | None) -> None:
        """A user has come or gone, wherever that was; one who has gone was last there at `seen`,
        or just now.
        """
        if not is_online:
            self.presence.lose(user_id, seen or self.clock.now())
        if (user := self.users.by_id(user_id)) is not None:
            await self.tell_friends(user, is_online=is_online)

    async def tell_friends(self, user: User, *, is_online: bool) -> None:
        """Announce the user's presence to friends only."""
        seen = None if is_online else self.presence.last_seen(user.id)
        status = {
            "userId": user.id,
            "isOnline": is_online,
            "lastSeen": show_time(seen) if seen is not None else None,
        }
        await self.announcer.announce("userStatus", status, user.friends)

    # Showing

    def show(self, message: Message) -> Json:
        """The message as the contract has it, with user references (notes, section 3.1)."""
        return {
            "_id": message.id,
            "conversationId": message.conversation_id,
            "sender": self.reference(message.sender_id),
            "recipient": self.reference(message.recipient_id),
            "text": message.text,
            "attachment": message.attachment,
            "status": message.status,
            "createdAt": show_time(message.created_at),
            "updatedAt": show_time(message.updated_at),
        }

    def reference(self, user_id: str) -> Json:
        """A user reference; one whom the file of users no longer names keeps the id."""
        user = self.users.by_id(user_id)
        return {"_id": user_id, "name": user.name if user else "Unknown user"}


def show_settings(settings: Settings) -> Json:
    """Settings as the contract has them (notes, section 2.2)."""
    return {
        "_id": settings.id,
        "userId": settings.owner_id,
        "otherUserId": settings.other_id,
        "isPinned": settings.is_pinned,
        "isBlocked": settings.is_blocked,
        "customRingtone": settings.custom_ringtone,
        "isFavorite": settings.is_favorite,
    }


def show_time(time: datetime) -> str:
    """RFC 3339 in UTC with milliseconds: `2025-11-09T17:31:14.204Z`."""
    naive = time.astimezone(UTC).replace(tzinfo=None) if time.tzinfo else time
    return naive.isoformat(timespec="milliseconds") + "Z"
