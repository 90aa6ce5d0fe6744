"""Which of the steps of a scenario led to what was observed: a reproducer needs no others."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from conformance.evidence.steps import Step
from conformance.judging.messages import attachment, member, text
from conformance.wire.http import Exchange
from conformance.wire.sockets import Received

LONGEST_EVIDENCE = 12
"""Steps kept for the reproducer of a finding; a scenario that needs more names its own."""


def leading_to(steps: Sequence[Step], seen: Any = None) -> Sequence[Step]:
    """The last steps; of an answer or a message, those without which it would not have been seen.

    `seen` is an `Exchange`, a `Received`, a message, a list with some, or anything else, which
    says nothing of the steps. Before them stand the connections that were open then: who heard, or
    should have heard, has to be there.
    """
    if isinstance(seen, Exchange):
        return _leading_to_answer(steps, seen)
    marks = set(_marks(seen))
    said = [number for number, step in enumerate(steps) if _mentions(step, marks)]
    if not said:
        return _with_those_there(steps, range(len(steps))[-LONGEST_EVIDENCE:])
    kept = [
        number
        for number, step in enumerate(steps)
        if number in said or _matters(step, before=number < said[0])
    ]
    return _with_those_there(steps, kept[-LONGEST_EVIDENCE:])


def _with_those_there(steps: Sequence[Step], kept: Sequence[int]) -> Sequence[Step]:
    """The steps of these numbers, after the openings of the connections that were open before."""
    there: dict[int, Step] = {}
    for step in steps[: kept[0]] if kept else ():
        if step.connection is not None and step.kind == "connect":
            there[step.connection] = step
        elif step.connection is not None and step.kind in ("close", "drop"):
            there.pop(step.connection, None)
    return [*there.values(), *(steps[number] for number in kept)]


def causing(steps: Sequence[Step], came: Step, user: str | None) -> Sequence[Step]:
    """The last step without which the backend would not have sent an event, where one is known.

    `user` is the name of the typist or of who comes or goes. Whoever comes or goes did so with the
    connection opened last; that it ends is seldom a step, so it is one here.
    """
    event, payload = came.event, came.args[0] if came.args else None
    if event == "userStatus":
        opened = [step for step in steps if step.kind == "connect" and user in (None, step.actor)]
        if not opened:
            return []
        last = opened[-1]
        gone = Step.of_close(last.actor or "", connection=last.connection)
        return [last, gone] if member(payload, "isOnline") is False else [last]
    if event == "typingStatus":
        said = [
            step
            for step in steps
            if step.kind == "emit"
            and step.event in ("typing", "stopTyping")
            and user in (None, step.actor)
        ]
        named = "stopTyping" if member(payload, "isTyping") is False else "typing"
        return [step for step in said if step.event == named][-1:] or said[-1:]
    marks = set(_marks(payload))
    said = [step for step in steps if _says_something(step) and step.event in ("", "sendMessage")]
    return [step for step in said if _mentions(step, marks)][-1:] or said[-1:]


def _leading_to_answer(steps: Sequence[Step], answer: Exchange) -> Sequence[Step]:
    """A send is answered for itself; settings depend on the last ones, a history on messages."""
    own = Step.of_exchange(answer)
    if answer.method not in ("GET", "PUT"):
        return [own]
    number = next((n for n, step in enumerate(steps) if step.exchange is answer), len(steps))
    before = steps[:number]
    if answer.method == "PUT":
        alike = [step for step in before if _same_place(step, answer)]
        return [*alike[-1:], own]
    said = [step for step in before if _says_something(step)]
    return [*said[-1:], own] if answer.succeeded else [own]


def _same_place(step: Step, answer: Exchange) -> bool:
    other = step.exchange
    return other is not None and (other.method, other.url, other.actor) == (
        answer.method,
        answer.url,
        answer.actor,
    )


def _says_something(step: Step) -> bool:
    """Whether a step sends a message, or tries to."""
    return step.kind == "emit" or (step.exchange is not None and step.exchange.method == "POST")


def _matters(step: Step, *, before: bool) -> bool:
    """Whether a step that does not say what was seen may have a part in it; `before` it was."""
    if _says_something(step):
        return False
    return step.exchange is None or step.exchange.method == "PUT" or not before


def _mentions(step: Step, marks: set[str]) -> bool:
    if not marks or not _says_something(step):
        return False
    if step.exchange is not None:
        said = (step.exchange.request_body or b"").decode("utf-8", "replace")
    else:
        said = json.dumps(step.args, ensure_ascii=False, default=repr)
    return any(
        json.dumps(mark, ensure_ascii=pure)[1:-1] in said
        for mark in marks
        for pure in (True, False)
    )


def _marks(seen: Any) -> Iterator[str]:
    """The texts and addresses by which the messages in what was seen are known."""
    if isinstance(seen, Received):
        seen = list(seen.args)
    for message in seen if isinstance(seen, list | tuple) else [seen]:
        if words := text(message):
            yield words
        if file := attachment(message):
            yield file[1]
