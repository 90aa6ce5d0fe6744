"""Makes a script that fails short: the same failure with less to read.

This is delta debugging (Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input",
2002). Hypothesis, which draws the scripts, would shrink them too, but knows choices and not deeds:
it performs several times as many, most of which are no shorter, and stops before the shortest.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace

from conformance.model.deeds import (
    Cease,
    Connect,
    Deed,
    Drop,
    Goodbye,
    Post,
    Say,
    Script,
    Type,
    Way,
    people,
)
from conformance.model.model import Model

Fails = Callable[[Script], Script | None]
"""Performs a script and returns as much of it as it took to fail, None where it did not."""


def shorten(script: Script, seats: int, fails: Fails, until: Callable[[], bool]) -> Script:
    """The shortest script found that still `fails`, at worst the script itself.

    `fails` is asked about shorter or plainer scripts only, about none twice. `until` returns True
    when time is up; where it never does, no deed of the result can be left out.
    """
    search = _Search(script, seats, fails, until)
    while search.round():
        pass
    return search.best


class _Search:
    def __init__(self, script: Script, seats: int, fails: Fails, until: Callable[[], bool]) -> None:
        self.best = script
        self._seats = seats
        self._fails = fails
        self._until = until
        self._tried = {script}

    def round(self) -> bool:
        """Tries everything once; whether something helped and there is time for more."""
        before = self.best
        for seat in reversed(range(1, self._seats)):
            theirs = [place for place, they in enumerate(people(self.best)) if seat in they]
            self._accepts(without(self.best, theirs, self._seats))
        size = len(self.best) // 2
        while size:
            end = len(self.best)
            while end > 0:
                start = max(0, end - size)
                self._accepts(without(self.best, range(start, end), self._seats))
                end = min(start, len(self.best))
            size //= 2
        index = 0
        while index < len(self.best):  # which may become shorter
            for plainer in _plainer(self.best[index]):
                self._accepts((*self.best[:index], plainer, *self.best[index + 1 :]))
            index += 1
        return self.best != before and not self._until()

    def _accepts(self, candidate: Script) -> None:
        if not candidate or candidate in self._tried or self._until():
            return
        self._tried.add(candidate)
        failed = self._fails(candidate)
        if failed is not None:
            self.best = failed


def without(script: Script, omitted: Collection[int], seats: int) -> Script:
    """The script without the deeds at these places, and without those that are impossible then."""
    model, kept = Model(seats), []
    numbers: dict[int, int] = {}  # of devices: in the script, and now
    connected = 0
    for index, deed in enumerate(script):
        number, connected = connected, connected + isinstance(deed, Connect)
        if index in omitted:
            continue
        if isinstance(deed, Goodbye | Drop | Say | Type | Cease):
            if deed.device not in numbers:
                continue
            deed = replace(deed, device=numbers[deed.device])
        if deed not in model.legal(type(deed)):
            continue
        if isinstance(deed, Connect):
            numbers[number] = len(model.devices)
        model.do(deed)
        kept.append(deed)
    return tuple(kept)


def _plainer(deed: Deed) -> Iterator[Deed]:
    """Deeds that a reader has less to wonder about."""
    match deed:
        case Connect(who, transport) if transport != "websocket":
            yield Connect(who, "websocket")
        case Drop(device):
            yield Goodbye(device)
        case Post(who, whom, Way.ALIAS):
            yield Post(who, whom, Way.REST)
