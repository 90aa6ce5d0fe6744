"""What a backend died of: each thing it may have been, done once more and alone."""

import json
import math
import re
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from conformance.evidence.reproduction import SENT_ANYWAY
from conformance.evidence.steps import Step, origin_and_target
from conformance.stage.actor import Actor
from conformance.stage.naming import CONNECTING, event_named, named_in, operation_named
from conformance.stage.obstacles import Avoided
from conformance.stage.world import World
from conformance.wire.pieces import in_two
from conformance.wire.sockets import Closed, Connection, NotConnected, Throttled

LONGEST = 30.0
"""Seconds after which nothing further is tried."""
SETTINGS = {"isPinned": False, "isBlocked": False, "isFavorite": False}
_OBJECT_ID = re.compile(r"[0-9a-fA-F]{24}")


@dataclass(frozen=True, slots=True)
class Cause:
    """What kills a backend when nothing else is sent."""

    summary: str
    """What the backend does, without any value that changes from run to run."""
    steps: tuple[Step, ...]
    """All it takes."""
    plain: str | None
    """What `named_in` calls it, where its plainest valid form is enough."""
    kind: tuple[Any, ...]
    """What is alike in a step that kills the backend in the same way."""


@dataclass(frozen=True, slots=True)
class _Trial:
    summary: str
    deed: Callable[[], object]
    plain: str | None = None
    kind: tuple[Any, ...] = ()


class Autopsy:
    """Finds the cause of a death by dying again, so it needs a backend that can be started again
    and that nobody else makes use of meanwhile.
    """

    def __init__(self, world: World, dies: Callable[[], bool]) -> None:
        """`dies` tells whether the backend is dead by now, and starts it again then."""
        self._world = world
        self._dies = dies

    def cause(self, suspects: Sequence[Step], end: float = math.inf) -> Cause | None:
        """The first that kills the backend twice, each time alone; None where nothing does, or not
        before the `end`, in seconds of the monotonic clock.

        Plain things come first: who dies of those dies of odd ones too. Of the suspects, which were
        done one after the other, the last comes first. A death that comes late may seem to be of
        what was tried next.
        """
        end, before = min(end, time.monotonic() + LONGEST), None
        for trial in self._trials(list(reversed(suspects))):
            if time.monotonic() > end:
                break
            if self._done(trial) is not None:
                for each in filter(None, (trial, before)):
                    if (steps := self._done(each)) is not None:
                        return Cause(each.summary, steps, each.plain, each.kind)
            before = trial
        return None

    def _done(self, trial: _Trial) -> tuple[Step, ...] | None:
        """What was done for a trial of which the backend died; None where it did not."""
        done: list[Step] = []
        forget = self._world.listen(done.append)
        try:
            with suppress(NotConnected, Throttled, Closed, Avoided):
                trial.deed()
        finally:
            forget()
        return tuple(done) if done and self._dies() else None

    def _trials(self, suspects: Sequence[Step]) -> Iterator[_Trial]:
        tried: set[object] = {CONNECTING}
        if any(step.kind != "exchange" for step in suspects):
            who, _ = self._pair(suspects[0])
            summary = "The backend dies of a client that connects and leaves"
            yield _Trial(summary, lambda: self._over_sockets([who]), CONNECTING)
        for step in suspects:
            for name in sorted(named_in(self._world.contract, step) - tried):
                tried.add(name)
                if (deed := self._plain(name, *self._pair(step))) is not None:
                    yield _Trial(f"The backend dies of a plain {name}", deed, name)
        for step in suspects:
            kind = kind_of(step, self._world.ids)
            if kind not in tried and (deed := self._again(step)) is not None:
                tried.add(kind)
                summary = f"The backend dies of one kind of {self._called(step)}{self._form(step)}"
                yield _Trial(summary, deed, kind=kind)

    def _plain(self, name: str, sender: Actor, other: Actor) -> Callable[[], object] | None:
        """Does something as every client does it; None for what only a team's own contract has."""
        text = "r2c-verify looks what the backend died of"
        notice = {"recipientId": other.id}
        for event, payload in (
            ("sendMessage", notice | {"text": text}),
            ("typing", notice),
            ("stopTyping", notice),
        ):
            if name == event_named(event):
                step = Step.of_emit(sender.name, event, (payload,))
                return lambda: self._over_sockets([other, sender], step)
        requests: dict[str, Callable[[], object]] = {
            "listMessages": lambda: sender.read(other),
            "sendMessage": lambda: sender.send(other, text=text),
            "sendChatMessage": lambda: sender.chat(other, text),
            "updateConversationMetadata": lambda: sender.set(other, SETTINGS),
        }
        for operation in self._world.contract.operations.values():
            if name == operation_named(operation):
                return requests.get(operation.id)
        return None

    def _again(self, step: Step) -> Callable[[], object] | None:
        """Does a step once more; None for one that is part of every other."""
        sender, other = self._pair(step)
        match step.kind:
            case "emit" | "raw":
                return lambda: self._over_sockets([other, sender], step)
            case "exchange":
                return lambda: self._send(step)
        return None

    def _over_sockets(self, actors: Sequence[Actor], step: Step | None = None) -> None:
        """Connects some users; does the step, which is one of the last of them."""
        opened: list[Connection] = []
        pace = self._world.pace
        try:
            for actor in actors:
                opened.append(actor.connect())
            opened[-1].rest(pace.breath)
            if step is not None:
                self._world.step(step)
                if step.kind == "raw":
                    opened[-1].send_raw(step.packet)
                else:
                    opened[-1].emit(step.event, *step.args, acknowledge=step.acknowledge)
                opened[-1].rest(pace.settle)
        finally:
            for connection in opened:
                connection.close()

    def _send(self, step: Step) -> None:
        exchange = step.exchange
        assert exchange is not None  # noqa: S101  of every step of this kind
        pause = partial(threading.Event().wait, self._world.pace.settle)
        with in_two(exchange.cut, pause) if exchange.cut else nullcontext():
            self._world.http.send(
                exchange.method,
                origin_and_target(exchange.url)[1],
                headers={
                    name: value
                    for name, value in exchange.request_headers.items()
                    if name.lower() not in SENT_ANYWAY
                },
                body=exchange.request_body,
                operation=exchange.operation,
                actor=exchange.actor,
            )

    def _pair(self, step: Step) -> tuple[Actor, Actor]:
        """Who does a step, and whom it is for: they have something to do with each other then."""
        actors = self._world.actors
        sender = next((each for each in actors if each.name == step.actor), actors[0])
        words = json.dumps(step.args, default=repr) if step.kind == "emit" else str(step.packet)
        if step.exchange is not None:
            body = (step.exchange.request_body or b"").decode("utf-8", "replace")
            words = f"{step.exchange.url} {body}"
        named = (
            actor
            for actor in actors
            if actor is not sender and (actor.id in words.lower() or actor.user.public_id in words)
        )
        return sender, next(named, next(actor for actor in actors if actor is not sender))

    def _called(self, step: Step) -> str:
        if step.kind == "raw":
            return "packet"
        return next(iter(sorted(named_in(self._world.contract, step))), step.event or "request")

    def _form(self, step: Step) -> str:
        """What is sent, in short and without what changes from run to run; empty where the name
        has to do.
        """
        contract, exchange = self._world.contract, step.exchange
        if step.kind == "emit":
            if not step.args:
                return " without a payload"
            payload = step.args[0]
            event = contract.events.get(step.event)
            request = event.payload if event is not None else None
        elif exchange is not None and exchange.request_body:
            operation = contract.operations.get(exchange.operation or "")
            request = operation.request if operation is not None else None
            try:
                payload = json.loads(exchange.request_body)
            except (ValueError, RecursionError):
                return " with a body that is no JSON"
        else:
            return ""
        known = request.schema.get("properties", {}) if request is not None else {}
        pieces = " in two pieces" if exchange is not None and exchange.cut else ""
        return f" with {in_short(payload, self._world.ids, known)}{pieces}"


def kind_of(step: Step, users: Collection[str]) -> tuple[Any, ...]:
    """What stays the same when a step is done again with other texts and users, whose ids these
    are: what is for nobody is of another kind.
    """
    if step.exchange is None:
        return (step.kind, step.event, _shape(list(step.args), users), step.packet)
    try:
        body = _shape(json.loads(step.exchange.request_body or b"null"), users)
    except (ValueError, RecursionError):
        body = "no JSON"
    _, target = origin_and_target(step.exchange.url)
    path = tuple(_whose(part, users) or part for part in target.decode("latin-1").split("/"))
    cut = step.exchange.cut > 0
    return (step.kind, step.exchange.operation, step.exchange.method, path, body, cut)


def in_short(value: Any, users: Collection[str], known: Collection[str] = ()) -> str:
    """The form of a payload on a line. Texts and numbers are told by what they are, and of an
    object the fields that are `known`: what is generated has other names in every run.
    """
    match value:
        case None | bool():
            return json.dumps(value)
        case int() | float():
            return "a number"
        case str():
            blank = "" if value else "an empty text"
            return _whose(value, users) or ("a text" if value.strip() else blank or "a blank text")
        case dict():
            fields = [
                f"{name}: {in_short(value[name], users)}" for name in sorted(known) if name in value
            ]
            others = ["…"] if len(fields) < len(value) else []
            return f"{{{', '.join([*fields, *others])}}}"
        case list() | tuple():
            return "[…]" if value else "[]"
        case _:
            return "binary data"


def _whose(text: str, users: Collection[str]) -> str | None:
    """Whether an id is that of a user; None for what is no id."""
    if _OBJECT_ID.fullmatch(text) is None:
        return None
    return "the id of a user" if text.lower() in users else "the id of nobody"


def _shape(value: Any, users: Collection[str], depth: int = 4) -> Any:
    match value:
        case dict() if depth:
            fields = ((str(key), _shape(item, users, depth - 1)) for key, item in value.items())
            return tuple(sorted(fields, key=repr))
        case list() | tuple() if depth:
            return ("list", *dict.fromkeys(_shape(item, users, depth - 1) for item in value))
        case str():
            return _whose(value, users) or ("text" if value.strip() else value)
        case _:
            return type(value).__name__
