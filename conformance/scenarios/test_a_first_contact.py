"""What can be seen only before two users have written to each other, so it runs first (files run
in the order of their names).
"""

from functools import partial

from conformance.judging.messages import member, unwrapped, user_id
from conformance.scenarios import requirement, undisturbed
from conformance.scenarios.props.settings import PLAIN, Settings, acquainted, entry_of
from conformance.scenarios.props.simultaneous import Crossing
from conformance.stage.accusing import Blocked
from conformance.stage.actor import Actor
from conformance.stage.stage import NO_EMPTY_HISTORY, Stage
from conformance.wire.http import Exchange


@requirement("HIST-08")
def test_two_who_never_wrote_read_an_empty_history(stage: Stage) -> None:
    one, other = stage.untouched()
    for reader, read in ((one, other), (other, one)):
        answer = reader.read(read)
        messages = unwrapped(answer.json)
        if not stage.check(
            "HIST-08",
            answer.succeeded and isinstance(messages, list),
            NO_EMPTY_HISTORY,
            '200 {"success": true, "data": []}',
            answer,
        ):
            continue
        theirs = [m for m in messages if _people(m) == {one.id, other.id}]
        if theirs:
            stage.untestable(
                "HIST-08",
                f"{one.name} and {other.name}, the last two users, have written to each other; "
                "put two users last who never did",
            )
            continue
        stage.check(
            "HIST-08",
            not messages,
            "Two users who never wrote to each other read messages",
            '{"success": true, "data": []}',
            messages[:1],
        )


@undisturbed
@requirement("META-04")
def test_the_very_first_settings_may_come_at_the_same_moment(stage: Stage) -> None:
    """Backends that look for an entry and create one if there is none may create several."""
    owner, other = stage.untouched()
    answers = _set_at_once(stage, owner, other)
    if all(answer.status == 404 for answer in answers):
        # Users who never wrote may have no conversation that could be set; these two have one.
        owner, other = acquainted(stage)[:2]
        answers = _set_at_once(stage, owner, other)
    for answer in answers:
        summary = "A complete body of settings is not answered 200"
        stage.check("META-01", answer.succeeded, summary, "200", answer)
    settings = Settings(stage, owner, other)
    later = [settings.store(), settings.store(isFavorite=True), settings.store()]
    ids = {
        user_id(entry) for entry in [*map(entry_of, answers), *later] if user_id(entry) is not None
    }
    stage.check(
        "META-04",
        len(ids) == 1,
        "Settings sent at the same moment make several entries",
        "one _id",
        sorted(ids),
    )


def _set_at_once(stage: Stage, owner: Actor, other: Actor) -> list[Exchange]:
    bodies = [PLAIN | {"isPinned": number % 2 == 0} for number in range(8)]
    return stage.together(
        *(partial(owner.set, other, body) for body in bodies), before=partial(owner.read, other)
    )


@undisturbed
@requirement("SEND-15")
def test_the_first_messages_of_two_users_cross(stage: Stage) -> None:
    """Both write at once, every way there is, and no conversation exists yet."""
    one, other = stage.fresh_pair()
    try:
        sockets = stage.connect(one, other)
    except Blocked:
        sockets = []  # which is judged by then (CONN-01); the other ways can cross all the same
    crossing = Crossing(stage, one, other)
    for sender, recipient in ((one, other), (other, one)):
        for _ in range(3):
            crossing.send(sender, recipient)
        crossing.chat(sender, recipient)
    if sockets:
        crossing.emit((sockets[0], sockets[1], one, other), (sockets[1], sockets[0], other, one))
    crossing.happen("when they are a pair's first")


def _people(message: object) -> set[str | None]:
    return {user_id(member(message, "sender")), user_id(member(message, "recipient"))}
