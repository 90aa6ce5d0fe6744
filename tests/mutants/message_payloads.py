"""Mutants of what sendMessage takes as a payload, and of what a bad one leaves behind."""

import json
import os
from fnmatch import fnmatchcase

from reference_server import events
from reference_server.chat import Chat
from reference_server.errors import Invalid, NotFound
from reference_server.events import EventRouter
from tests.mutants.patching import Patch
from tests.mutants.refusing import FILE
from tests.mutants.registry import mutant
from tests.mutants.sending import attached

SEND = "sendMessage"


def mended(patch, mend):
    """Let `mend(payload)` repair what a client sends as sendMessage; None leaves it."""

    def change(event, arguments):
        if event != SEND:
            return arguments
        payload = mend(arguments[0] if arguments else None)
        return arguments if payload is None else (payload,)

    patch.payloads(change)


def by_glob(patch, *names):
    """Look for the recipient of these events as a glob over the ids of all users."""
    chats = patch.the(Chat)

    def change(event, arguments):
        payload = arguments[0] if arguments else None
        pattern = payload.get("recipientId") if isinstance(payload, dict) else None
        if event not in names or not isinstance(pattern, str):
            return arguments
        for user in chats[0].users if "?" in pattern else ():
            if fnmatchcase(user.id, pattern):
                return ({**payload, "recipientId": user.id},)
        return arguments

    patch.payloads(change)


def refused(patch, condition):
    """Refuse valid payloads of sendMessage for which `condition(payload)` holds."""

    async def on_send(chat, user, payload, original):
        if condition(payload):
            raise Invalid("The payload is not valid.")
        return await original(user, payload)

    patch.receiver("onSendMessage", on_send)


def after_a_bad_payload(patch, happens):
    """Let `happens(user, event)` come after each refused event."""

    def _receiver(router, event, handler):
        receive = original(router, event, handler)

        async def watched(sid, *arguments):
            user = router._users.get(sid)
            answer = await receive(sid, *arguments)
            if not answer.get("success"):
                happens(user, event.name)
            return answer

        return watched

    original = patch(EventRouter, _receiver)


@mutant("MSG-06", protocol="events", subtle=True)
def events_take_a_wildcard(patch: Patch) -> None:
    """recipientId is looked for as a glob: `?` stands for any digit."""
    by_glob(patch, SEND)


@mutant("MSG-05", protocol="events")
def events_carry_no_video(patch: Patch) -> None:
    """Over the socket the type `video` is unknown; over REST it is not."""
    refused(patch, lambda payload: attached(payload).get("type") == "video")


@mutant("MSG-05", protocol="events")
def events_need_a_text(patch: Patch) -> None:
    """Over the socket an attachment without text is refused."""
    refused(patch, lambda payload: "text" not in payload)


@mutant("MSG-05", protocol="events", subtle=True)
def events_take_no_empty_text(patch: Patch) -> None:
    """Over the socket an empty text beside an attachment is refused."""
    refused(patch, lambda payload: payload.get("text") == "")


@mutant("MSG-05", protocol="events")
def attachments_of_events_are_dropped(patch: Patch) -> None:
    """The event handler reads recipientId and text only."""

    async def on_send(chat, user, payload, original):
        payload = {k: v for k, v in payload.items() if k != "attachment"}
        return await original(user, {"text": "(attachment)", **payload})

    patch.receiver("onSendMessage", on_send)


@mutant("MSG-06", protocol="events")
def an_empty_event_is_a_message(patch: Patch) -> None:
    """Neither text nor attachment is needed over the socket."""

    def mend(payload):
        if isinstance(payload, dict) and not payload.get("text") and not attached(payload):
            return {"recipientId": payload.get("recipientId"), "text": "(empty)"}
        return None

    mended(patch, mend)


@mutant("MSG-06", protocol="events", subtle=True)
def numbers_are_texts_in_events(patch: Patch) -> None:
    """A text that is a number is cast over the socket."""

    def mend(payload):
        if isinstance(payload, dict) and isinstance(payload.get("text"), int | float):
            return {**payload, "text": str(payload["text"])}
        return None

    mended(patch, mend)


@mutant("MSG-06", protocol="events", subtle=True)
def a_payload_may_be_json_in_a_string(patch: Patch) -> None:
    """A string is parsed as JSON, as older clients send it."""

    def mend(payload):
        if not isinstance(payload, str):
            return None
        try:
            return json.loads(payload)
        except ValueError:
            return None

    mended(patch, mend)


@mutant("MSG-06", protocol="events", subtle=True)
def a_payload_may_be_a_list_of_one(patch: Patch) -> None:
    """An array is unpacked: its first item is the payload."""
    mended(patch, lambda payload: payload[0] if isinstance(payload, list) and payload else None)


@mutant("MSG-06", protocol="events", subtle=True)
def any_attachment_is_taken_in_events(patch: Patch) -> None:
    """Over the socket the type of an attachment is not judged."""

    def mend(payload):
        if isinstance(payload, dict) and isinstance(payload.get("attachment"), dict):
            attachment = payload["attachment"]
            if isinstance(attachment.get("type"), str) and isinstance(attachment.get("url"), str):
                return {**payload, "attachment": {**attachment, "type": "file"}}
        return None

    mended(patch, mend)


@mutant("MSG-06", protocol="events", subtle=True)
def an_attachment_of_events_needs_no_url(patch: Patch) -> None:
    """Over the socket an attachment without url is taken."""

    def mend(payload):
        if isinstance(payload, dict) and isinstance(payload.get("attachment"), dict):
            return {**payload, "attachment": {**FILE, **payload["attachment"]}}
        return None

    mended(patch, mend)


@mutant("MSG-06", protocol="events", subtle=True)
def a_recipient_in_a_list_is_taken_in_events(patch: Patch) -> None:
    """recipientId as a list with one id is taken, as template strings make of it."""

    def mend(payload):
        id = payload.get("recipientId") if isinstance(payload, dict) else None
        if isinstance(id, list) and id and isinstance(id[0], str):
            return {**payload, "recipientId": id[0]}
        return None

    mended(patch, mend)


@mutant("MSG-06", protocol="events", subtle=True)
def a_refused_event_is_delivered_first(patch: Patch) -> None:
    """The message is emitted before its attachment is judged; nothing is stored."""

    def require(request, value, whole):
        try:
            original(request, value, whole)
        except Invalid:
            if isinstance(value, dict) and isinstance(value.get("text"), str) and value["text"]:
                early.append(value)
            raise

    def _receiver(router, event, handler):
        receive = receiver(router, event, handler)

        async def watched(sid, *arguments):
            answer = await receive(sid, *arguments)
            while early:
                value = early.pop()
                id, user = value.get("recipientId"), router._users.get(sid)
                if isinstance(id, str) and router._tokens._users.by_id(id) and user:
                    payload = {
                        "_id": "6" * 24,
                        "conversationId": "7" * 24,
                        "sender": user.id,
                        "recipient": id.lower(),
                        "text": value["text"],
                        "createdAt": "2026-01-01T00:00:00.000Z",
                        "status": "sent",
                    }
                    await router.announce("receiveMessage", payload, {id.lower()})
            return answer

        return watched

    early = []
    original = patch(events, require)
    receiver = patch(EventRouter, _receiver)


@mutant("MSG-07", protocol="events", subtle=True)
def a_bad_payload_ends_the_process(patch: Patch) -> None:
    """An exception in the handler of sendMessage is caught nowhere: the process ends."""
    after_a_bad_payload(patch, lambda user, event: os._exit(1) if event == SEND else None)


@mutant("MSG-07", protocol="events", subtle=True)
def a_bad_payload_silences_its_sender(patch: Patch) -> None:
    """The sender's lock is never released after an exception: later messages are ignored."""
    locked = set()

    def lock(user, event):
        if event == SEND and user is not None:
            locked.add(user.id)

    async def on_send(chat, user, payload, original):
        if user.id in locked:
            return {"success": False, "message": "Try again later."}
        return await original(user, payload)

    patch.receiver("onSendMessage", on_send)
    after_a_bad_payload(patch, lock)


@mutant("MSG-07", protocol="events", subtle=True)
def a_bad_payload_stops_all_deliveries(patch: Patch) -> None:
    """The queue behind the events dies with the exception: nobody gets anything any more."""
    dead = []

    async def announce(router, event, payload, user_ids):
        if not dead:
            await original(router, event, payload, user_ids)

    original = patch(EventRouter, announce)
    after_a_bad_payload(patch, lambda user, event: dead.append(event) if event == SEND else None)


@mutant("MSG-08", protocol="events", subtle=True)
def a_message_to_nobody_ends_the_process(patch: Patch) -> None:
    """`user._id` of null: an unknown recipient ends the process."""

    async def on_send(chat, user, payload, original):
        try:
            return await original(user, payload)
        except NotFound:
            os._exit(1)

    patch.receiver("onSendMessage", on_send)
