"""The state of a server and what it goes by, as JSON."""

from typing import Any

from contract import Contract
from reference_server.chat import Chat, show_settings, show_time
from reference_server.control.events import ControlledEvents
from reference_server.presence import Presence
from reference_server.users import User

Json = dict[str, Any]


async def show_conversations(chat: Chat) -> Json:
    """Conversations and settings, and how many messages there are."""
    conversations = await chat.store.conversations()
    return {
        "conversations": [
            {
                "conversationId": each.id,
                "users": [chat.reference(user) for user in each.users],
                "messages": each.messages,
            }
            for each in conversations
        ],
        "messages": sum(each.messages for each in conversations),
        "settings": [show_settings(each) for each in await chat.store.all_settings()],
    }


def show_person(user: User, presence: Presence, events: ControlledEvents) -> Json:
    """A user with friends, presence and devices."""
    seen = presence.last_seen(user.id)
    return {
        "_id": user.id,
        "userId": user.public_id,
        "name": user.name,
        "friends": sorted(user.friends),
        "online": presence.is_online(user.id),
        "lastSeen": show_time(seen) if seen is not None else None,
        "devices": [
            {"name": each.name, "virtual": each.virtual, "since": show_time(each.since)}
            for each in events.devices(user)
        ],
    }


def show_contract(contract: Contract) -> Json:
    """The operations and events, as far as one has to know them to choose one."""
    return {
        "operations": [
            {
                "id": each.id,
                "method": each.method,
                "path": each.path,
                "statuses": sorted(each.responses),
            }
            for each in contract.operations.values()
        ],
        "events": [
            {"name": each.name, "by": "client" if each.action == "receive" else "server"}
            for each in contract.events.values()
        ],
    }
