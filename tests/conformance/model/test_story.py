"""A script and what came of it, in sentences."""

from conformance.model.deeds import (
    Block,
    Calm,
    Cease,
    Connect,
    Drop,
    Goodbye,
    Post,
    Read,
    Say,
    Type,
    Unblock,
    Way,
)
from conformance.model.story import BEFORE, LONGEST, ONCE, Names, story

NAMES = Names(("Asha", "Ben", "José María"))
TWICE = "Asha reads Ben: “Ben to Asha 1” stands there twice"


def lines(script, seen="all went wrong", **how):
    first, *rest = story(tuple(script), NAMES, seen, **how).splitlines()
    assert first == BEFORE
    return rest


def test_what_is_seen_in_the_last_reading_stands_beside_it():
    script = [Connect(0, "websocket"), Post(1, 0, Way.REST), Read(0, 1)]
    assert lines(script, TWICE) == [
        "1. Asha connects (websocket).",
        "2. Ben sends Asha “Ben to Asha 1” over REST.",
        "3. Asha reads Ben: “Ben to Asha 1” stands there twice.",
    ]


def test_what_is_seen_otherwise_comes_after_all_deeds():
    script = [Read(0, 2), Post(1, 0, Way.ALIAS)]
    assert lines(script, TWICE) == [
        "1. Asha reads José María.",
        "2. Ben sends Asha “Ben to Asha 1” through the alias.",
        f"3. {TWICE}.",
    ]


def test_every_deed_has_a_sentence():
    script = [
        Connect(0, "polling"),
        Calm(),
        Type(0, 1),
        Say(0, 1),
        Cease(0, 1),
        Calm(),
        Goodbye(0),
        Connect(1, "websocket"),
        Drop(1),
        Block(0, 1),
        Unblock(0, 1),
    ]
    assert lines(script) == [
        "1. Asha connects (polling).",
        "2. They wait until all of it has come.",
        "3. Asha begins to type to Ben.",
        "4. Asha sends Ben “Asha to Ben 1” as an event.",
        "5. Asha stops typing to Ben.",
        "6. They wait until all of it has come; Asha reads Ben.",
        "7. Asha says goodbye.",
        "8. Ben connects (websocket).",
        "9. Ben drops off without a goodbye.",
        "10. Asha blocks Ben.",
        "11. Asha unblocks Ben.",
        "12. all went wrong.",
    ]


def test_devices_have_numbers_where_their_user_has_several():
    script = [
        Connect(0, "websocket"),
        Connect(1, "websocket"),
        Connect(0, "default"),
        Calm(),
        Say(2, 1),
    ]
    told = lines(script)
    assert told[0] == "1. Asha (device 1) connects (websocket)."
    assert told[1] == "2. Ben connects (websocket)."
    assert told[4] == "5. Asha (device 2) sends Ben “Asha to Ben 1” as an event."


def test_a_failure_that_did_not_occur_again_says_so():
    assert lines([Post(0, 1, Way.REST)], again=False)[-1] == ONCE


def test_of_a_story_that_nobody_could_make_shorter_the_end_is_told():
    told = lines([Post(0, 1, Way.REST)] * 100)
    assert told[0] == f"({101 - LONGEST} deeds before these)"
    assert told[1].startswith(f"{102 - LONGEST}. ")
    assert told[-1] == "101. all went wrong."
