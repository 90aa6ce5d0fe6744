"""A user's settings for another user, seen although the contract can only write them.

An update that names one field answers with the whole entry, where the backend takes partial bodies
and keeps the other fields (META-03). Where it does not, blocking can be seen by what is delivered
(META-10). Both are *should*; where neither is there, nothing can be seen.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Any

from conformance.judging.messages import member, unwrapped
from conformance.stage.accusing import Blocked
from conformance.stage.actor import Actor
from conformance.stage.stage import FENCE, Stage
from conformance.wire.http import Exchange

Body = dict[str, Any]
FIELDS = ("isPinned", "isBlocked", "isFavorite", "customRingtone")
PLAIN: Body = {"isPinned": False, "isBlocked": False, "isFavorite": False}
_MEANS = {True: ("true", "1"), False: ("false", "0")}
UNSEEN = (
    "the backend neither keeps the fields that a partial body leaves out nor holds back what a "
    "blocked user sends, so what an update changed cannot be seen"
)
"""Why a requirement about stored settings is untestable."""
STUCK = "a block cannot be taken back (META-02)"
"""Why nobody is blocked any more."""


def entry_of(answer: Exchange) -> Body:
    """The entry in an answer; empty where there is none."""
    entry = unwrapped(answer.json)
    return entry if answer.succeeded and isinstance(entry, dict) else {}


def differing(entry: Body, wanted: Body) -> list[str]:
    """The fields of `wanted` that the entry does not hold as wanted."""
    return [name for name, value in wanted.items() if not same(entry.get(name), value)]


def same(one: Any, other: Any) -> bool:
    """Whether two values of a field are equal; true is no number here.

    A flag in another form than the contract's is taken for what it means: that its form is wrong is
    judged by the schema (ALL-01), and says nothing of what is stored.
    """
    if isinstance(other, bool):
        return one is other or (type(one) in (str, int) and str(one).lower() in _MEANS[other])
    return type(one) is type(other) and bool(one == other)


def acquainted(stage: Stage, count: int = 2) -> list[Actor]:
    """A cast whose first user has written to all others, so that there are conversations that can
    be set: whether there is one before the first message is left open.
    """
    first, *others = stage.cast(count)
    for other in others:
        first.send(other, text=stage.text("hello"))
    return [first, *others]


class Settings:
    """What `owner` has set for `other`. Messages are only ever sent to the owner."""

    def __init__(self, stage: Stage, owner: Actor, other: Actor) -> None:
        self._stage = stage
        self._owner = owner
        self._other = other
        self._blocking_seen: bool | None = None
        self._may_block = False

    def put(self, body: Any) -> Exchange:
        """Sends any body."""
        blocks = member(body, "isBlocked")
        if blocks is True and self._stage.world.stuck:
            raise Blocked(STUCK)
        self._may_block = self._may_block or blocks not in (None, False)
        return self._owner.set(self._other, body)

    def store(self, **fields: Any) -> Body:
        """Sets all fields, those not named to false, and returns the entry. Ends the scenario
        where a complete body is not answered 200.
        """
        answer = self.put(PLAIN | fields)
        entry = entry_of(answer)
        self._stage.need(
            "META-01",
            bool(entry),
            "A complete body of settings is not answered 200 with the settings",
            '200 {"success": true, "data": {"_id": …}}',
            answer,
        )
        if not fields.get("isBlocked") and self._may_block and self._shows_a_block(answer, fields):
            self._set_aside()
            raise Blocked(STUCK)
        return entry

    def reset(self) -> None:
        """Leaves nothing set, whatever went wrong before. Where a block cannot be taken back, that
        is judged once, and the two are set aside for the rest of the run.
        """
        answer = self.put(PLAIN)
        if self._may_block and self._is_stuck(answer):
            self._set_aside()

    def _is_stuck(self, answer: Exchange) -> bool:
        """Whether the other is blocked still: by what the entry says, or by what a message is
        answered that was taken without a block.
        """
        if self._shows_a_block(answer, {}):
            return True
        sent = self._other.send(self._owner, text=self._stage.text(FENCE))
        if sent.status not in (403, 404):
            return False
        return self._owner.send(self._other, text=self._stage.text(FENCE)).succeeded

    def _shows_a_block(self, answer: Exchange, fields: Body) -> bool:
        """Whether an entry says that the other is blocked, and says so again: some show how it was
        before they change it, which is a fault of another kind (META-02).
        """
        if entry_of(answer).get("isBlocked") is not True:
            return False
        return entry_of(self.put(PLAIN | fields)).get("isBlocked") is True

    def _set_aside(self) -> None:
        stage, pair = self._stage, frozenset((self._owner.id, self._other.id))
        first = not stage.world.stuck
        stage.world.stuck.add(pair)
        stage.world.blocked.add(pair)
        known = any("isBlocked" in one.judgement.summary for one in stage.accusations)
        if first and not known:
            stage.check(
                "META-02", False, "A block cannot be taken back", "isBlocked false", "still blocked"
            )

    @cached_property
    def readable(self) -> bool:
        """Whether a body with one field leaves the others as they were. Changes the settings."""
        self.store(isPinned=True, isFavorite=True, customRingtone="probe")
        entry = entry_of(self.put({"isBlocked": False}))
        # One field that was kept is enough: a backend that starts from nothing keeps none.
        return (
            same(entry.get("isPinned"), True)
            or same(entry.get("isFavorite"), True)
            or entry.get("customRingtone") == "probe"
        )

    def read(self, **known: Any) -> Body:
        """The entry, by setting one field to the value it has; only where `readable`."""
        entry = entry_of(self.put(known))
        if not entry:
            raise Blocked("a partial body that was accepted before is now refused")
        return entry

    def changed_by(self, deed: Callable[[Body], object], third: Actor) -> set[str] | None:
        """Calls `deed` with a complete body that would change the settings, and returns the fields
        that it did change; None where this backend lets nobody see.

        `third` is another user, whose messages to the owner show that messages do arrive.
        """
        if self.readable:
            self.store(isPinned=True, isFavorite=True, customRingtone="before")
            # Compared is what was read, so that a field that is not stored at all is no change.
            before = self.read(isBlocked=False)
            deed(PLAIN | {"customRingtone": "after"})
            after = self.read(isBlocked=False)
            return set(differing(after, {name: before.get(name) for name in FIELDS}))
        if not self.shows_blocking(third):
            return None
        self.store()
        deed(PLAIN | {"isBlocked": True})
        return set() if self.arrives(third) else {"isBlocked"}

    def shows_blocking(self, third: Actor) -> bool:
        """Whether what is set for isBlocked can be seen by what is delivered. `third` is another
        user, as in `changed_by`. Leaves nothing set where it was not known before.
        """
        if self._blocking_seen is None:
            try:
                self.store(isBlocked=True)
                hidden = not self.arrives(third)
            finally:
                self.store()
            self._blocking_seen = hidden and self.arrives(third)
        return self._blocking_seen

    def arrives(self, third: Actor) -> bool:
        """Whether the owner's socket gets a message of the other's, behind which one of the third
        user's arrives.
        """
        stage = self._stage
        (socket,) = stage.connect(self._owner)
        text, fence = stage.text(), stage.text(FENCE)
        self._other.send(self._owner, text=text)
        stage.created(third.send(self._owner, text=fence))
        if stage.await_message(socket, text=fence) is None:
            raise Blocked(f"a message from {third.name} to {self._owner.name} did not arrive")
        stage.settle(socket)
        came = any(
            member(one.args[0], "text") == text
            for one in socket.received("receiveMessage")
            if one.args
        )
        socket.close()
        return came
