"""Watches who is told what, and under which ids, over a whole run.

What a scenario looks for among the users whom it has in hand is seen here of everyone who is there.
"""

from collections.abc import Callable, Iterator
from typing import Any

from conformance.judging.judgements import Judgement
from conformance.judging.messages import (
    content,
    conversation_id,
    member,
    message_id,
    moment,
    status_rank,
    user_id,
)

MORE_THAN_ONCE = "A message comes to one socket of its recipient more than once"
SAME_CONVERSATION = "Two pairs of users have the same conversation id"
NO_FRIEND_IS_TOLD = "Somebody who is no friend is told that a user comes or goes"
FOR_FRIENDS = "userStatus for friends and the user only"


class Identities:
    """Remembers between whom each message and each conversation is."""

    def __init__(self) -> None:
        self._messages: dict[str, frozenset[str]] = {}
        self._conversations: dict[str, frozenset[str]] = {}

    def forget(self) -> None:
        """Whoever was started anew may count from the beginning again."""
        self._messages.clear()
        self._conversations.clear()

    def judge(self, message: Any) -> Iterator[Judgement]:
        """Compares the ids of a message between two users with all before it (SEND-03, SEND-04)."""
        people = _people(message)
        if people is None or len(people) < 2:
            return
        for requirement, known, id, summary in (
            ("SEND-03", self._messages, message_id(message), "Two messages have the same id"),
            ("SEND-04", self._conversations, conversation_id(message), SAME_CONVERSATION),
        ):
            if id is not None and (before := known.setdefault(id, people)) != people:
                yield Judgement(
                    requirement,
                    False,
                    summary,
                    "an id of its own",
                    f"{id} is of {' and '.join(sorted(before))}, and of "
                    f"{' and '.join(sorted(people))}",
                )


class Copies:
    """Remembers which messages came to each connection of their recipients.

    Only the very same again is one too many: the sender may be told of a message once more, and
    anybody of another status of it.
    """

    def __init__(self) -> None:
        self._came: set[tuple[int, str, int]] = set()
        """Connection, message, and a hash of what was said of it."""

    def judge(self, message: Any, listener: str, connection: int) -> Iterator[Judgement]:
        """Compares a receiveMessage that came to a connection of `listener`, a user's id, with all
        before it on that connection (MSG-01).
        """
        id = message_id(message)
        said = sender, recipient, *_ = content(message)
        if id is None or sender == recipient or recipient != listener:
            return
        changed = moment(member(message, "updatedAt"))
        copy = (connection, id, hash((said, status_rank(message), changed)))
        if copy in self._came:
            yield _stray(
                "MSG-01",
                MORE_THAN_ONCE,
                f"{listener} gets message {id} again",
                "one receiveMessage",
            )
        self._came.add(copy)


def judge_audience(
    event: str,
    payload: Any,
    listener: str,
    *,
    company: frozenset[str],
    everyone: frozenset[str],
    friends: Callable[[str], frozenset[str]] | None,
) -> Iterator[Judgement]:
    """Whether a user may hear an event. Users are named by their ids: `listener` is who hears it,
    `company` are those with whom the listener plays, to whom nobody else among `everyone` writes.
    `friends` gives a user's friends, where they are known.
    """
    if event == "receiveMessage":
        people = _people(payload)
        if people is not None and people <= everyone and listener not in people:
            yield _stray(
                "MSG-03",
                "A message reaches somebody who is neither its sender nor its recipient",
                f"{listener} gets a message between {' and '.join(sorted(people))}",
            )
    elif event == "typingStatus":
        typist = user_id(member(payload, "senderId"))
        if typist in everyone - company:
            yield _stray(
                "TYPE-02",
                "Somebody else than the recipient is told that a user is typing",
                f"{listener} is told of {typist}, who has typed to others alone",
            )
    elif event == "userStatus" and friends is not None:
        user = user_id(member(payload, "userId"))
        if user in everyone - {listener} and user not in friends(listener):
            yield _stray(
                "PRES-03",
                NO_FRIEND_IS_TOLD,
                no_friends(listener, user),
                FOR_FRIENDS,
            )


def no_friends(listener: str, user: str) -> str:
    """Who was told of whom, and what to do where not the backend but the target file is wrong."""
    return (
        f"{listener} is told of {user}, and the target file calls them no friends; if they are, "
        "add them to [friends] pairs, which has to hold all there are"
    )


def _stray(
    requirement: str,
    summary: str,
    observed: str,
    expected: str = "an event for those whom it concerns",
) -> Judgement:
    return Judgement(requirement, False, summary, expected, observed)


def _people(message: Any) -> frozenset[str] | None:
    sender, recipient = (user_id(member(message, name)) for name in ("sender", "recipient"))
    return None if sender is None or recipient is None else frozenset((sender, recipient))
