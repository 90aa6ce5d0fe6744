"""What a block keeps from whoever set it (META-10)."""

from typing import Any

from conformance.judging.messages import member, user_id
from conformance.scenarios import requirement
from conformance.scenarios.props.settings import STUCK, Settings, acquainted
from conformance.stage.accusing import Blocked
from conformance.stage.actor import Actor
from conformance.stage.stage import Stage
from conformance.wire.sockets import Connection, Received


@requirement("META-10", "META-05")
def test_a_blocked_user_is_not_heard(stage: Stage) -> None:
    """By no way of sending, and not when typing; a third user is, and the blocked one later."""
    owner, other, third = acquainted(stage, 3)
    settings, for_third = Settings(stage, owner, other), Settings(stage, owner, third)
    settings.reset()
    here, there, elsewhere = stage.connect(owner, other, third)
    # Nothing is said about a block where nothing arrives without one.
    for sender in (other, third):
        if not _hears(stage, here, owner, sender):
            raise Blocked(f"{owner.name} gets no messages of {sender.name} without a block either")
    typing_works = _hears_typing(stage, there, here, owner, other)
    try:
        settings.store(isBlocked=True)
        since, beyond = here.mark(), elsewhere.mark()
        silenced = [stage.text("blocked") for _ in range(3)]
        other.send(owner, text=silenced[0])
        other.chat(owner, silenced[1])
        stage.emit(there, "sendMessage", {"recipientId": owner.id, "text": silenced[2]})
        stage.emit(there, "typing", {"recipientId": owner.id})
        stage.emit(there, "stopTyping", {"recipientId": owner.id})
        # What the blocked user types for the third shows that the backend has come so far.
        stage.emit(there, "typing", {"recipientId": third.id})
        if typing_works:
            _await_typing(stage, elsewhere, other, beyond)
        stage.check(
            "META-05",
            _hears(stage, here, owner, third),
            "Who has blocked one user does not hear another",
            "receiveMessage from the user who is not blocked",
        )
        stage.settle(here, there, elsewhere)
        heard = [one for one in here.received("receiveMessage", since) if _text(one) in silenced]
        typing = [one for one in here.received("typingStatus", since) if _typist(one) == other.id]
        for events, what in ((heard, "receiveMessage"), (typing, "typingStatus")):
            stage.check(
                "META-10",
                not events,
                f"Who has blocked a user gets {what} from that user",
                f"no {what} from the blocked user",
                events[0] if events else "",
            )
        # What is unblocked now is one user of two.
        for_third.store(isBlocked=True)
        settings.reset()
        if not stage.world.are_free(owner, other):
            raise Blocked(STUCK)
        since, still = here.mark(), stage.text("still blocked")
        third.send(owner, text=still)
        stage.check(
            "META-10",
            _hears(stage, here, owner, other),
            "After unblocking a user no receiveMessage comes from that user",
            "receiveMessage",
        )
        stage.settle(here)
        heard = [one for one in here.received("receiveMessage", since) if _text(one) == still]
        stage.check(
            "META-10",
            not heard,
            "After unblocking one user receiveMessage comes from another who is still blocked",
            "no receiveMessage from the blocked user",
            heard[0] if heard else "",
        )
    finally:
        settings.reset()
        for_third.reset()
    if typing_works:
        stage.check(
            "META-10",
            _hears_typing(stage, there, here, owner, other),
            "After unblocking a user no typingStatus comes from that user",
            "typingStatus",
        )


def _hears(stage: Stage, socket: Connection, owner: Actor, sender: Actor) -> bool:
    """Whether a message to the owner is accepted and arrives at the owner's socket."""
    words, since = stage.text("heard"), socket.mark()
    answer = sender.send(owner, text=words)
    return answer.succeeded and stage.await_message(socket, text=words, since=since) is not None


def _hears_typing(
    stage: Stage, here: Connection, there: Connection, owner: Actor, typist: Actor
) -> bool:
    """Whether typing at one socket is seen at the owner's."""
    since = there.mark()
    stage.emit(here, "typing", {"recipientId": owner.id})
    seen = _await_typing(stage, there, typist, since) is not None
    stage.emit(here, "stopTyping", {"recipientId": owner.id})
    if seen:
        there.wait_for(
            "typingStatus",
            lambda args: bool(args) and member(args[0], "isTyping") is False,
            within=stage.pace.delivery,
            since=since,
        )
    return seen


def _await_typing(stage: Stage, socket: Connection, typist: Actor, since: int) -> Received | None:
    return socket.wait_for(
        "typingStatus",
        lambda args: bool(args) and user_id(member(args[0], "senderId")) == typist.id,
        within=stage.pace.delivery,
        since=since,
    )


def _text(received: Received) -> Any:
    return member(received.args[0], "text") if received.args else None


def _typist(received: Received) -> str | None:
    return user_id(member(received.args[0], "senderId")) if received.args else None
