"""What each operation of the documents does, by operation id."""

from collections.abc import Mapping

from reference_server import events, rest
from reference_server.chat import Chat, Json
from reference_server.users import User


def rest_handlers(chat: Chat) -> Mapping[str, rest.Handler]:
    """The handlers of the OpenAPI document's operations."""

    async def list_messages(call: rest.Call) -> rest.Answer:
        other = chat.user_with_id(call.parameters["otherUserId"])
        return rest.Answer(200, await chat.history(call.user, other))

    async def send_message(call: rest.Call) -> rest.Answer:
        return rest.Answer(201, await _send(chat, call.user, call.body))

    async def send_chat_message(call: rest.Call) -> rest.Answer:
        recipient = chat.user_with_public_id(call.body["to"])
        return rest.Answer(201, await chat.send(call.user, recipient, call.body["message"], None))

    async def update_conversation_metadata(call: rest.Call) -> rest.Answer:
        other = chat.user_with_id(call.parameters["otherUserId"])
        return rest.Answer(200, await chat.change_settings(call.user, other, call.body))

    return {
        "listMessages": list_messages,
        "sendMessage": send_message,
        "sendChatMessage": send_chat_message,
        "updateConversationMetadata": update_conversation_metadata,
    }


def event_handlers(chat: Chat) -> Mapping[str, events.Handler]:
    """The handlers of the AsyncAPI document's `receive` operations."""

    async def on_send_message(user: User, payload: Json) -> Json:
        return {"success": True, "data": await _send(chat, user, payload)}

    async def on_typing(user: User, payload: Json) -> Json:
        await chat.typing(user, chat.user_with_id(payload["recipientId"]), True)
        return {"success": True}

    async def on_stop_typing(user: User, payload: Json) -> Json:
        await chat.typing(user, chat.user_with_id(payload["recipientId"]), False)
        return {"success": True}

    return {
        "onSendMessage": on_send_message,
        "onTyping": on_typing,
        "onStopTyping": on_stop_typing,
    }


async def _send(chat: Chat, sender: User, body: Json) -> Json:
    recipient = chat.user_with_id(body["recipientId"])
    return await chat.send(sender, recipient, body.get("text"), body.get("attachment"))
