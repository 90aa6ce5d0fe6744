"""Random interleavings against a real server: a conforming one is accused of nothing, and what a
broken one does is told as the shortest story.
"""

import itertools
import json
import math
import re
from contextlib import contextmanager
from dataclasses import replace

import pytest

from conformance.backend.target import Target
from conformance.backend.tokens import TokenMint
from conformance.evidence.journal import Journal
from conformance.evidence.redaction import Redactor
from conformance.judging.findings import Ledger, Status
from conformance.model import search
from conformance.model.deeds import (
    Block,
    Calm,
    Cease,
    Connect,
    Goodbye,
    Post,
    Read,
    Say,
    Type,
    Unblock,
    Way,
)
from conformance.model.play import Players
from conformance.model.search import Effort, Search
from conformance.model.story import BEFORE, ONCE
from conformance.stage.accusing import Blocked
from conformance.stage.stage import Stage
from conformance.stage.world import World
from conformance.wire.pacing import Pace
from contract import load
from reference_server.chat import Chat
from reference_server.errors import Invalid
from reference_server.in_process import running
from reference_server.store import Store

EFFORT = Effort(plays=2, playing_s=20, shortening_s=8)
NAMES = ("Asha", "Ben", "Chitra", "Diego")


class Stand:
    """A stage in front of a server of this process, and what is found there."""

    def __init__(self, url, secret, users):
        target = Target.of({"target": {"url": url}, "auth": {"secret": secret}, "users": users})
        contract, journal = load(), Journal(lambda data: data)
        self.ledger = Ledger(contract.requirements)
        # Nothing here takes longer than some milliseconds.
        pace = Pace(patience=0.1)
        mint = TokenMint(target)
        self.world = World(contract, target, mint, self.ledger, journal, Redactor(), pace, 7)
        self.stage = Stage(self.world, "test")
        self.actors = list(self.world.actors)

    def findings(self, **effort):
        Search(self.stage, self.actors, replace(EFFORT, **effort)).run(1)
        self.stage.accuse()
        return self.outcome.findings

    @property
    def outcome(self):
        return next(it for it in self.ledger.outcomes() if it.requirement.id == "ALL-06")

    def close(self):
        self.stage.close()
        self.world.close()


@contextmanager
def standing(folder, names=NAMES):
    users = [
        {"_id": f"60d0fe4f5311236168a109c{number}", "userId": f"R2C00{number}", "name": name}
        for number, name in enumerate(names)
    ]
    file = folder / "users.yaml"
    file.write_text(json.dumps({"users": users}))
    with running(users=file) as server:
        stand = Stand(server.url, server.secret, users)
        yield stand
        stand.close()


@pytest.fixture
def stand(tmp_path):
    with standing(tmp_path) as stand:
        yield stand


def story_of(finding):
    first, *lines = finding.observed.splitlines()
    assert first == BEFORE
    return lines


LONG = (
    Connect(0, "websocket"),
    Connect(1, "polling"),
    Connect(2, "default"),
    Connect(1, "websocket"),
    Calm(),
    Goodbye(1),
    Calm(),
    Type(0, 1),
    Say(0, 2),
    Post(1, 0, Way.ALIAS),
    Read(2, 0),
    Cease(0, 1),
    Calm(),
    Block(0, 2),
    Say(3, 0),
    Post(0, 1, Way.REST),
    Unblock(0, 2),
    Read(1, 0),
    Calm(),
)
"""A script with something of everything. Asha is the hub, Ben has two devices."""


@pytest.fixture
def plays_long(monkeypatch):
    """What is drawn is always that one script, and a server of this process is fast."""
    monkeypatch.setattr(search, "LEAST", 0.1)
    monkeypatch.setattr(search, "scripts", lambda seats, salt: itertools.repeat(LONG))


def twice(monkeypatch, text):
    """Messages whose text begins like that are stored twice."""
    add = Store.add_message

    async def add_message(store, sender, recipient, said, *rest):
        if said.startswith(text):
            await add(store, sender, recipient, said, *rest)
        return await add(store, sender, recipient, said, *rest)

    monkeypatch.setattr(Store, "add_message", add_message)


def nobody_hears_of_typing(monkeypatch):
    async def typing(chat, typist, recipient, is_typing):
        pass

    monkeypatch.setattr(Chat, "typing", typing)


@pytest.mark.parametrize("names", [NAMES, NAMES[:3]])
def test_a_conforming_server_is_accused_of_nothing(tmp_path, names):
    with standing(tmp_path, names) as stand:
        assert stand.findings() == ()
        assert (stand.outcome.status, stand.outcome.cases) == (Status.PASSED, EFFORT.plays)


@pytest.mark.usefixtures("plays_long")
def test_a_message_that_is_stored_twice_is_told_in_two_lines(stand, monkeypatch):
    twice(monkeypatch, "Ben to Asha")
    finding = stand.findings(plays=1)[0]
    assert finding.level == "must"
    assert finding.summary == (
        "In an interleaving a history read while others write shows a message twice"
    )
    assert story_of(finding) == [
        "1. Ben sends Asha “Ben to Asha 1” over REST.",
        "2. Ben reads Asha: “Ben to Asha 1” stands there twice.",
    ]
    assert finding.script is None
    assert sum("/api/messages/send" in line for line in finding.reproduce) >= 1


@pytest.mark.usefixtures("plays_long")
def test_what_takes_several_deeds_is_told_with_all_of_them_and_with_no_other(stand, monkeypatch):
    """Who has two devices and says goodbye with one of them gets nothing more."""
    left, joined, audience, gone = Chat.left, Chat.joined, Chat.audience, set()

    async def leave(chat, user, connection):
        await left(chat, user, connection)
        gone.add(user.id)

    async def join(chat, user, connection):
        await joined(chat, user, connection)
        gone.discard(user.id)

    monkeypatch.setattr(Chat, "left", leave)
    monkeypatch.setattr(Chat, "joined", join)
    monkeypatch.setattr(Chat, "audience", lambda chat, it: audience(chat, it) - gone)
    finding = stand.findings(plays=1)[0]
    *deeds, seen = story_of(finding)
    assert deeds == [
        "1. Ben (device 1) connects (websocket).",
        "2. Ben (device 2) connects (websocket).",
        "3. Ben (device 1) says goodbye.",
        "4. They wait until all of it has come.",
        "5. Asha sends Ben “Asha to Ben 1” over REST.",
    ]
    assert seen.startswith("6. “Asha to Ben 1” has not come to Ben (device 2) within")


@pytest.mark.usefixtures("plays_long")
def test_the_steps_name_the_devices_so_that_a_script_can_repeat_them(stand, monkeypatch):
    nobody_hears_of_typing(monkeypatch)
    (finding,) = stand.findings()
    assert finding.script.count("await open(") == 2
    assert re.search(r'asha_\d\.emit\("typing"', finding.script)
    heads = {(it.actor, it.head) for it in finding.trace if it.direction == "sent"}
    assert ("Asha (device 1)", "emit typing") in heads
    assert ("Ben (device 1)", "connect over websocket") in heads


@pytest.mark.usefixtures("plays_long")
def test_what_does_not_occur_again_says_so_and_is_no_less_a_finding(stand, monkeypatch):
    audience, lost = Chat.audience, []

    def once(chat, message):
        if not lost and message.text.startswith("Asha to Ben"):
            lost.append(message)
            return {message.sender_id}
        return audience(chat, message)

    monkeypatch.setattr(Chat, "audience", once)
    (finding,) = stand.findings()
    assert len(story_of(finding)) > 10
    assert story_of(finding)[-1] == ONCE
    assert stand.outcome.status is Status.FAILED


@pytest.mark.usefixtures("plays_long")
def test_deadlines_of_shorter_scripts_are_short_but_none_is_the_last_word(stand, monkeypatch):
    monkeypatch.setattr(search, "LEAST", 0.0)
    monkeypatch.setattr(search, "IMPATIENCE", 0.0)
    audience, lost = Chat.audience, []

    def once(chat, message):
        if not lost and message.text.startswith("Asha to Chitra"):
            lost.append(message)
            return {message.sender_id}
        return audience(chat, message)

    monkeypatch.setattr(Chat, "audience", once)
    # All that is sent comes too late for those, and nothing else is ever lost.
    (finding,) = stand.findings()
    assert "“Asha to Chitra 1” has not come" in finding.observed
    assert "within 0.5 s" in finding.observed
    assert story_of(finding)[-1] == ONCE


@pytest.mark.usefixtures("plays_long")
def test_every_kind_of_failure_is_told_once_and_the_search_goes_on(stand, monkeypatch):
    twice(monkeypatch, "Ben to Asha")
    nobody_hears_of_typing(monkeypatch)
    # However long a script takes on a busy machine: nothing is made short, and time is never over.
    found = stand.findings(plays=3, playing_s=math.inf, shortening_s=0)
    summaries = [it.summary for it in found]
    assert len(summaries) == len(set(summaries)) == 3


@pytest.mark.usefixtures("plays_long")
def test_when_the_time_for_it_is_over_the_story_is_as_short_as_it_got(stand, monkeypatch):
    nobody_hears_of_typing(monkeypatch)
    (finding,) = stand.findings(shortening_s=0)
    assert story_of(finding)[0] == "1. Asha connects (websocket)."
    assert story_of(finding)[2] == "3. Chitra connects (default)."
    assert ONCE not in finding.observed


@pytest.mark.usefixtures("plays_long")
def test_what_was_seen_is_told_even_where_the_suite_fails_meanwhile(stand, monkeypatch):
    def fail(*_):
        raise KeyError("x")

    nobody_hears_of_typing(monkeypatch)
    monkeypatch.setattr(search, "shorten", fail)
    with pytest.raises(KeyError):
        stand.findings()
    (accusation,) = stand.stage.accusations
    assert "typing does not reach" in accusation.judgement.summary


def test_no_script_begins_when_time_is_over(stand):
    assert stand.findings(plays=50, playing_s=0) == ()
    assert stand.outcome.cases == 1


@pytest.mark.usefixtures("plays_long")
def test_a_server_that_refuses_messages_ends_it_and_is_accused_of_that(stand, monkeypatch):
    async def send(chat, *message):
        raise Invalid("No.")

    monkeypatch.setattr(Chat, "send", send)
    with pytest.raises(Blocked):
        stand.findings()
    assert stand.stage.accusations[0].judgement.requirement == "CHAT-01"


# What a script leaves behind


def play(stand, *script):
    return Players(stand.stage, stand.actors).perform(script, 0.5, lambda fault: True)


def test_blocks_are_taken_back_typing_ends_and_nobody_stays(stand, monkeypatch):
    told, chats = [], []
    typing, init = Chat.typing, Chat.joined

    async def listen(chat, typist, recipient, is_typing):
        told.append((typist.name, is_typing))
        await typing(chat, typist, recipient, is_typing)

    async def joined(chat, user, connection):
        chats.append(chat)
        await init(chat, user, connection)

    monkeypatch.setattr(Chat, "typing", listen)
    monkeypatch.setattr(Chat, "joined", joined)
    script = (Connect(0, "websocket"), Connect(1, "polling"), Calm(), Type(1, 0), Block(0, 2))
    assert play(stand, *script) is None
    asha, _, chitra, _ = stand.actors
    assert told == [("Ben", True), ("Ben", False)]
    assert chitra.send(asha, text="hello").status == 201
    assert not any(chats[0].presence.is_online(actor.id) for actor in stand.actors)


def test_between_two_with_a_block_any_answer_is_fair(stand):
    """This server refuses, and stores nothing."""
    script = (
        Connect(0, "websocket"),
        Connect(1, "websocket"),
        Calm(),
        Say(1, 0),
        Block(0, 1),
        Post(1, 0, Way.REST),
        Post(0, 1, Way.ALIAS),
        Say(1, 0),
        Read(2, 0),
    )
    assert play(stand, *script) is None


def test_two_who_never_hear_of_each_other_again_after_a_block_are_not_judged(stand, monkeypatch):
    """Whether they do is a should, and judged elsewhere (META-10)."""
    change = Store.change_settings

    async def change_settings(store, owner, other, changes):
        return await change(store, owner, other, {**changes, "isBlocked": True})

    monkeypatch.setattr(Store, "change_settings", change_settings)
    players = Players(stand.stage, stand.actors)
    for _ in range(2):
        script = (Block(0, 1), Calm(), Post(1, 0, Way.REST), Post(2, 0, Way.REST))
        assert players.perform(script, 0.5, lambda fault: True) is None
    assert players.estranged == {frozenset((0, 1))}


def test_two_with_a_new_block_are_not_taken_for_two_who_stay_blocked(stand):
    players = Players(stand.stage, stand.actors)
    there = (Connect(0, "websocket"), Calm())
    script = (*there, Block(0, 1), Unblock(0, 1), Block(0, 1), Calm())
    assert players.perform(script, 0.5, lambda fault: True) is None
    assert players.estranged == set()
