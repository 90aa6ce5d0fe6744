"""What is told as one entry, and what stands for itself."""

import pytest

from conformance.reports.cases import Cases, alike, cases, gathered

TOKENS = [
    f"A client with {kind} is connected over {transport}"
    for kind in (
        "a token that is cut off",
        "an unsigned token of the algorithm none",
        "an unsigned token of the algorithm NONE",
    )
    for transport in ("websocket", "polling")
]
OTHER = "A client without a good token gets no answer over polling"


def groups(summaries: list[str]) -> list[list[str]]:
    return gathered(summaries, lambda it: it, lambda it: None)


def test_many_that_say_the_same_are_one_entry_where_the_first_stands():
    assert groups([OTHER, *TOKENS[:2], "Else", *TOKENS[2:]]) == [[OTHER], TOKENS, ["Else"]]


def test_few_stand_each_for_itself():
    assert groups(TOKENS[:3]) == [[each] for each in TOKENS[:3]]


def test_what_differs_in_what_it_is_of_is_never_one_entry():
    levels = dict(zip(TOKENS, ("must", "should") * 3, strict=True))
    assert all(len(group) == 1 for group in gathered(TOKENS, lambda it: it, levels.__getitem__))


def test_kinds_are_named_once_with_their_repetitions_counted():
    assert cases(TOKENS) == Cases(
        "A client with … is connected (6 cases)",
        ("a token that is cut off ×2", "an unsigned token of the algorithm none ×4"),
    )
    assert cases(TOKENS[:1]) == Cases(TOKENS[0], ())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("An older socket of a user does not get typingStatus", "Else"),
        ("POST /api/chat/send answers 500", "POST /api/messages/send answers 500"),
        ("A message with no text is not answered 400", "A message with no text is answered 500"),
        ("The envelope of one is odd", "The envelope of one is not there"),
        ("", "A"),
    ],
)
def test_what_says_something_else_is_not_alike(one: str, other: str):
    assert not alike(one, other)
    assert not alike(other, one)
