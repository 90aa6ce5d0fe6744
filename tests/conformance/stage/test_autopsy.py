"""What a backend died of is found by doing it again: the reference server, said to be dead."""

from collections.abc import Callable, Iterator

import pytest

from conformance.backend.target import Target
from conformance.evidence.journal import Journal
from conformance.evidence.redaction import Redactor
from conformance.evidence.steps import Step
from conformance.judging.findings import Ledger
from conformance.stage.autopsy import Autopsy, Cause, in_short, kind_of
from conformance.stage.obstacles import Avoided
from conformance.stage.world import World
from conformance.wire.pieces import in_two
from contract import load
from reference_server import running


@pytest.fixture
def world() -> Iterator[World]:
    with running() as server:
        users = [
            {"_id": user.id, "userId": user.public_id, "name": user.name} for user in server.users
        ]
        target = Target.of(
            {"target": {"url": server.url}, "auth": {"secret": server.secret}, "users": users[:4]}
        )
        redactor = Redactor()
        world = World.of(load(), target, Ledger({}), Journal(redactor), redactor, patience=0.2)
        yield world
        world.close()


def cause(world: World, suspects: list[Step], deadly: Callable[[Step], bool]) -> Cause | None:
    """What is found where the backend is said to die of what is deadly."""
    done: list[Step] = []
    world.listen(done.append)

    def dies() -> bool:
        dead = any(map(deadly, done))
        done.clear()
        return dead

    return Autopsy(world, dies).cause(suspects)


def suspects(world: World) -> list[Step]:
    asha, ben, *_ = world.actors
    message = {"recipientId": ben.id, "text": "hello"}
    return [
        Step.of_exchange(asha.send(ben, text="hello")),
        Step.of_emit("Asha", "sendMessage", (message,)),
        Step.of_emit("Asha", "typing", (None,)),
        Step.of_raw("Asha", "42[{}]"),
        Step.of_exchange(world.call("sendChatMessage", token=asha.token, body=b"{")),
        Step.of_exchange(ben.read(asha)),  # a victim, which came afterwards
    ]


def test_a_plain_event_is_the_cause_though_odd_things_came_later(world: World) -> None:
    found = cause(world, suspects(world), lambda step: step.event == "sendMessage")
    assert found is not None
    assert (found.summary, found.plain) == (
        "The backend dies of a plain event sendMessage",
        "event sendMessage",
    )
    assert [step.kind for step in found.steps] == ["connect", "connect", "emit"]


def test_a_plain_request_is_the_cause(world: World) -> None:
    def deadly(step: Step) -> bool:
        return step.exchange is not None and step.exchange.operation == "sendMessage"

    found = cause(world, suspects(world), deadly)
    assert found is not None
    assert found.summary == "The backend dies of a plain POST /api/messages/send"
    assert [step.kind for step in found.steps] == ["exchange"]


@pytest.mark.parametrize(
    ("deadly", "summary"),
    [
        (
            lambda step: step.args == (None,),
            "The backend dies of one kind of event typing with null",
        ),
        (lambda step: step.packet == "42[{}]", "The backend dies of one kind of packet"),
        (
            lambda step: step.exchange is not None and step.exchange.request_body == b"{",
            "The backend dies of one kind of POST /api/chat/send with a body that is no JSON",
        ),
        (
            lambda step: step.kind == "connect",
            "The backend dies of a client that connects and leaves",
        ),
    ],
)
def test_of_the_odd_it_is_the_one_that_kills_alone(
    world: World, deadly: Callable[[Step], bool], summary: str
) -> None:
    found = cause(world, suspects(world), deadly)
    assert found is not None
    assert found.summary == summary
    assert sum(map(deadly, found.steps)) == 1


def test_what_kills_nobody_alone_is_not_accused(world: World) -> None:
    assert cause(world, suspects(world), lambda step: False) is None


def test_what_is_deadly_is_not_sent_any_more(world: World) -> None:
    asha, ben, *_ = world.actors
    world.avoided |= {"event typing", "POST /api/chat/send"}
    for deed in (
        lambda: world.step(Step.of_emit("Asha", "typing", ({"recipientId": ben.id},))),
        lambda: world.step(Step.of_raw("Asha", '42["typing"]')),
        lambda: asha.chat(ben, "hello"),
    ):
        with pytest.raises(Avoided, match=r"dies of a plain .* \(ALL-05\), so none is sent"):
            deed()
    world.step(Step.of_emit("Asha", "stopTyping", ({"recipientId": ben.id},)))
    assert asha.send(ben, text="hello").status == 201


def test_steps_are_of_one_kind_whatever_their_texts_and_users() -> None:
    def kind(text: object, id: str = "a" * 24) -> object:
        step = Step.of_emit("Asha", "sendMessage", ({"recipientId": id, "text": text},))
        return kind_of(step, {"a" * 24, "b" * 24})

    assert kind("one") == kind("two", "B" * 24)
    assert kind("one") != kind("")
    assert kind("one") != kind(1)
    assert kind("one") != kind("one", "nobody")
    assert kind("one") != kind("one", "c" * 24)


@pytest.mark.parametrize(
    ("payload", "shown"),
    [
        (None, "null"),
        (True, "true"),
        (1.5, "a number"),
        ("", "an empty text"),
        ("  ", "a blank text"),
        ("hello", "a text"),
        ("A" * 24, "the id of a user"),
        ([1, 2], "[…]"),
        ([], "[]"),
        ({}, "{}"),
        (b"\x00", "binary data"),
        (
            {"x1": 1, "text": None, "recipientId": "c" * 24},
            "{recipientId: the id of nobody, text: null, …}",
        ),
        ({"text": {"x": 1}}, "{text: {…}}"),
    ],
)
def test_a_payload_is_shown_shortly_without_what_changes_from_run_to_run(
    payload: object, shown: str
) -> None:
    assert in_short(payload, {"a" * 24}, ("text", "recipientId")) == shown


def test_what_is_for_nobody_is_the_cause_though_the_same_went_to_somebody_later(
    world: World,
) -> None:
    asha, ben, *_ = world.actors
    nobody = "e" * 24
    events = [
        Step.of_emit("Asha", "sendMessage", ({"recipientId": id, "text": "hello"},))
        for id in (nobody, ben.id)
    ]
    found = cause(world, events, lambda step: nobody in str(step.args))
    assert found is not None
    assert found.summary == (
        "The backend dies of one kind of event sendMessage "
        "with {recipientId: the id of nobody, text: a text}"
    )
    requests = [Step.of_exchange(asha.read(id)) for id in (nobody, ben.id)]
    found = cause(world, requests, lambda step: step.exchange and nobody in step.exchange.url)
    assert found is not None
    assert found.summary == "The backend dies of one kind of GET /api/messages/{otherUserId}"


def test_what_is_deadly_in_two_pieces_is_the_cause_though_it_came_whole_later(
    world: World,
) -> None:
    asha, ben, *_ = world.actors
    with in_two(10, lambda: None):
        parted = asha.send(ben, text="hello")
    steps = [Step.of_exchange(answer) for answer in (parted, asha.send(ben, text="hello"))]
    found = cause(world, steps, lambda step: step.exchange is not None and step.exchange.cut > 0)
    assert found is not None
    assert found.summary == (
        "The backend dies of one kind of POST /api/messages/send "
        "with {recipientId: the id of a user, text: a text} in two pieces"
    )
    assert [step.exchange and step.exchange.cut for step in found.steps] == [10]


def test_a_death_that_comes_late_is_not_laid_to_what_was_tried_next(world: World) -> None:
    done: list[Step] = []
    world.listen(done.append)
    late = iter([True])

    def dies() -> bool:
        """Of the packet, but the first time it takes until something else was tried."""
        dead = any(step.packet == "42[{}]" for step in done)
        if dead and next(late, False):
            return False
        done.clear()
        return dead

    found = Autopsy(world, dies).cause(suspects(world))
    assert found is not None
    assert found.summary == "The backend dies of one kind of packet"
