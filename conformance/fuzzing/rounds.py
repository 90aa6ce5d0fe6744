"""What event fuzzing sees of a group of payloads: pure functions over what the sockets heard."""

from collections.abc import Iterable, Sequence
from typing import Any

from conformance.fuzzing.judgement import quoted
from conformance.fuzzing.party import NOTICES, Heard
from conformance.fuzzing.stimulus import ABSENT, Stimulus
from conformance.judging.messages import content, member

Content = tuple[str | None, str | None, str, tuple[str, str] | None]


def meant(sender: str, stimulus: Stimulus) -> Content:
    """What a `sendMessage` payload says, as `messages.content` reads a message."""
    payload = stimulus.body
    return content(
        {
            "sender": sender,
            "recipient": member(payload, "recipientId"),
            "text": member(payload, "text"),
            "attachment": member(payload, "attachment"),
        }
    )


def arguments(stimulus: Stimulus) -> tuple[Any, ...]:
    """The arguments with which a stimulus is emitted."""
    return () if stimulus.body is ABSENT else (stimulus.body, *stimulus.extra)


def strays(event: str, heard: Iterable[Heard]) -> list[Heard]:
    """What was delivered while nothing that was emitted may be.

    Of the typing statuses those that the event itself would give: fences and backends that end the
    typing by themselves give others.
    """
    typing = NOTICES.get(event)
    return [
        each
        for each in heard
        if each.event == "receiveMessage"
        or (typing is not None and member(each.payload, "isTyping") is typing)
    ]


def told(heard: Sequence[Heard]) -> str:
    """What was heard, for a report; empty where it is nothing."""
    if not heard:
        return ""
    first = heard[0]
    more = f", and {len(heard) - 1} more" if len(heard) > 1 else ""
    return f"{first.listener.name} got {first.event} {quoted(first.payload)}{more}"
