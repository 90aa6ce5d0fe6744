"""Draws scripts with Hypothesis: a state machine whose rules are the deeds that the model allows.

Nothing is performed while it draws, so what is drawn follows from the seed alone, whatever a
backend does, and no failure of a backend can look like one of the drawing.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from hypothesis import HealthCheck, Phase, Verbosity, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from conformance.model.deeds import (
    Block,
    Calm,
    Cease,
    Connect,
    Deed,
    Drop,
    Goodbye,
    Post,
    Read,
    Say,
    Script,
    Seat,
    Type,
    Unblock,
)
from conformance.model.model import MOST_DEVICES, TRANSPORTS, Model

STEPS = 25
"""Times that a rule is chosen for one script; some 65 deeds come of it."""
BATCH = 2
"""Scripts that are drawn at a time. Of ten and more, Hypothesis makes the first ones small."""


def scripts(seats: int, salt: int) -> Iterator[Script]:
    """Scripts without end for so many users, the hub among them. The same salt gives the same."""
    for batch in itertools.count():
        yield from _drawn(seats, salt + batch)


def _drawn(seats: int, salt: int) -> list[Script]:
    scripts: list[Script] = []

    @seed(salt)
    def machine() -> _Machine:
        return _Machine(Model(seats), scripts)

    # One more, as the first that Hypothesis draws is the simplest there is.
    run_state_machine_as_test(
        machine,  # type: ignore[arg-type]  # a function will do, says its documentation
        settings=settings(
            max_examples=BATCH + 1,
            stateful_step_count=STEPS,
            backend="hypothesis",
            database=None,
            deadline=None,
            derandomize=False,
            phases=(Phase.generate,),
            verbosity=Verbosity.quiet,
            suppress_health_check=list(HealthCheck),
        ),
    )
    return scripts[1:]


def _somebody() -> st.SearchStrategy[Any]:
    return st.runner().flatmap(lambda machine: st.sampled_from(range(machine.model.seats)))


def _some_of(kinds: Sequence[type[Deed]], most: int) -> st.SearchStrategy[Any]:
    """Up to so many deeds of these kinds, each of which the model allows now."""
    return st.runner().flatmap(
        lambda machine: st.lists(
            st.sampled_from([deed for kind in kinds for deed in machine.model.legal(kind)]),
            min_size=1,
            max_size=most,
        )
    )


def _rule(*kinds: type[Deed], most: int = 1, then: Sequence[Deed] = ()) -> Any:
    """A rule that does up to `most` deeds of these kinds, as long as there are any.

    Hypothesis switches rules off by their names, for the whole of a script. Few scripts are played
    and each has to hold something of everything, so all rules have one name.
    """

    def step(machine: "_Machine", deeds: Sequence[Deed]) -> None:
        machine.do(*deeds, *then)

    def possible(machine: "_Machine") -> bool:
        return any(machine.model.legal(kind) for kind in kinds)

    ruled: Callable[..., None] = rule(deeds=_some_of(kinds, most))(step)
    return precondition(possible)(ruled)


class _Machine(RuleBasedStateMachine):
    def __init__(self, model: Model, scripts: list[Script]) -> None:
        super().__init__()
        self.model = model
        self._script: list[Deed] = []
        self._scripts = scripts

    def do(self, *deeds: Deed) -> None:
        """Adds deeds, of which one may have made another impossible."""
        for deed in deeds:
            if deed in self.model.legal(type(deed)):
                self.model.do(deed)
                self._script.append(deed)

    @initialize(
        devices=st.runner().flatmap(
            lambda machine: st.lists(
                st.tuples(st.sampled_from(range(machine.model.seats)), st.sampled_from(TRANSPORTS)),
                min_size=machine.model.seats,
                max_size=2 * machine.model.seats,
            )
        )
    )
    def gather(self, devices: Any) -> None:
        self.do(*(Connect(who, transport) for who, transport in devices), Calm())

    say = _rule(Say, most=6)
    post = _rule(Post, most=6)
    send = _rule(Say, Post, most=6)
    type = _rule(Type, most=2)
    cease = _rule(Cease)
    read = _rule(Read, most=2)
    come = _rule(Connect, most=2, then=[Calm()])
    leave = _rule(Goodbye, Drop, most=2, then=[Calm()])
    shift = _rule(Connect, Goodbye, Drop)
    block = _rule(Block)
    unblock = _rule(Unblock)
    calm = _rule(Calm)

    @rule(who=_somebody(), how=st.sampled_from(["comes back", "was typing", "changes devices"]))
    def step(self, who: Any, how: str) -> None:
        """Somebody leaves with every device, perhaps while typing, and comes back; or opens as many
        as there may be and leaves with all but the newest. Then somebody writes to that one.
        """
        comes = Connect(who, TRANSPORTS[0])
        if how == "was typing":
            self._begin_to_type(who)
        self.do(Calm())
        if how == "changes devices":
            self.do(*[comes] * MOST_DEVICES, Calm())
        for device in self.model.devices_of(who)[how == "changes devices" :]:
            self.do(Goodbye(device.number))
        self.do(Calm())
        if how != "changes devices":
            self.do(comes, Calm())
        if how == "was typing":
            self._begin_to_type(who)
        writers = (deed for deed in self.model.legal(Post) if deed.whom == who)
        self.do(next(writers), Calm())

    def _begin_to_type(self, who: Seat) -> None:
        """To somebody who hears of it, if there is one."""
        devices = {device.number for device in self.model.devices_of(who)}
        ways = [deed for deed in self.model.legal(Type) if deed.device in devices]
        ways.sort(key=lambda deed: self.model.newest(deed.whom) is None)
        self.do(*ways[:1])

    def teardown(self) -> None:
        self._scripts.append(tuple(self._script))
