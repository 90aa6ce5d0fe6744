"""Findings of one requirement that say the same of many stimuli, told as one entry with its cases.

A summary names its stimulus in its middle: `A client with a token that is cut off is connected over
polling`. What is alike at both ends is the same said of another stimulus.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

MANY = 4
"""Findings that are told as one entry; fewer stand each for itself."""
SHORTEST_BEGINNING = 3
SHORTEST_END = 2
"""Words in which summaries have to be alike."""
_OVER = re.compile(r" over (?:websocket|polling)\b")

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Cases:
    """What many findings say together."""

    title: str
    """The summary that they share, with `…` for the stimulus, and their number."""
    kinds: tuple[str, ...]
    """The stimuli, each kind once: other transports and other capitals are repetitions of it, whose
    number it tells.
    """


def alike(one: str, other: str) -> bool:
    """Whether two summaries of one requirement say the same of different stimuli."""
    beginning, end = _ends([_words(one), _words(other)])
    return _words(one) == _words(other) or (beginning >= SHORTEST_BEGINNING and end >= SHORTEST_END)


def gathered(
    items: Sequence[Item], summary: Callable[[Item], str], of: Callable[[Item], object]
) -> list[list[Item]]:
    """The items, those together that say the same, if they are many, in the place of their first.

    `of` is what has to be equal in them, such as the requirement.
    """
    groups: list[list[Item]] = []
    for item in items:
        for group in groups:
            if of(group[0]) == of(item) and alike(summary(group[0]), summary(item)):
                group.append(item)
                break
        else:
            groups.append([item])
    first = {id(group[0]): group for group in groups if len(group) >= MANY}
    among = {id(item) for group in first.values() for item in group[1:]}
    return [first.get(id(item), [item]) for item in items if id(item) not in among]


def cases(summaries: Sequence[str]) -> Cases:
    """What the summaries of one such group say; of a single one, that itself without kinds."""
    if len(summaries) == 1:
        return Cases(summaries[0], ())
    every = [_words(summary) for summary in summaries]
    beginning, end = _ends(every)
    first = every[0]
    stimuli = [" ".join(words[beginning : len(words) - end]) for words in every]
    counts = Counter(map(str.casefold, stimuli))
    names = {stimulus.casefold(): stimulus for stimulus in reversed(stimuli)}
    kinds = tuple(
        names[kind] + (f" ×{count}" if count > 1 else "") for kind, count in counts.items()
    )
    title = " ".join([*first[:beginning], "…", *first[len(first) - end :]])
    return Cases(f"{title} ({len(summaries)} cases)", kinds)


def _words(summary: str) -> list[str]:
    return _OVER.sub("", summary).split()


def _ends(every: Sequence[Sequence[str]]) -> tuple[int, int]:
    """How many words all begin and end with; something is left between in each."""
    room = min(map(len, every)) - 1
    beginning = _same(every, room)
    return beginning, _same([words[::-1] for words in every], max(room - beginning, 0))


def _same(every: Sequence[Sequence[str]], most: int) -> int:
    columns = list(zip(*every, strict=False))[:most]
    return next((n for n, column in enumerate(columns) if len(set(column)) > 1), len(columns))
