"""A reproducer holds the steps that lead to what was observed, and no others."""

import json

from conformance.evidence.leading import LONGEST_EVIDENCE, causing, leading_to
from conformance.evidence.steps import Step
from conformance.wire.http import Exchange
from conformance.wire.sockets import Received

READING, SETTINGS = "/api/messages/b", "/api/conversations/b/metadata"


def asked(method: str, path: str, body: object = None, status: int = 201) -> Step:
    content = None if body is None else json.dumps(body).encode()
    url = f"http://h{path}"
    return Step.of_exchange(
        Exchange(None, "Asha", method, url, {}, content, status, {}, b"", None, 0.0, 0.0)
    )


def sent(text: str) -> Step:
    return asked("POST", "/api/messages/send", {"text": text})


def answer(step: Step) -> Exchange:
    assert step.exchange is not None
    return step.exchange


JOINS = Step.of_connect("Ben", "websocket")
ONE, OTHER, THIRD = sent("one"), sent("caf\u00e9"), sent("third")
EMITTED = Step.of_emit("Asha", "sendMessage", [{"text": "emitted"}])
READ = asked("GET", READING, status=200)
STEPS = [READ, JOINS, ONE, OTHER, EMITTED, THIRD, READ]


def test_an_answer_to_a_send_stands_for_itself():
    assert leading_to(STEPS, answer(OTHER)) == [OTHER]


def test_a_message_is_led_to_by_what_said_it():
    assert leading_to(STEPS, {"text": "caf\u00e9"}) == [JOINS, OTHER, READ]
    assert leading_to(STEPS, [{"text": "one"}, {"text": "third"}]) == [JOINS, ONE, THIRD, READ]
    came = Received("receiveMessage", ({"text": "emitted"},), 0.0, 0.0, 1)
    assert leading_to(STEPS, came) == [JOINS, EMITTED, READ]


def test_a_message_without_a_text_is_known_by_its_attachment():
    file = {"type": "image", "url": "https://cdn.example/a.png?Key=aB%2Fc"}
    step = asked("POST", "/api/messages/send", {"attachment": file})
    assert leading_to([*STEPS, step], {"text": "", "attachment": file}) == [JOINS, step]


def test_settings_are_led_to_by_those_before_of_the_same_conversation():
    first, second = (asked("PUT", SETTINGS, {"isPinned": it}, 200) for it in (True, False))
    elsewhere = asked("PUT", SETTINGS.replace("/b/", "/c/"), {}, 200)
    assert leading_to([first, elsewhere, second], answer(second)) == [first, second]


def test_a_history_is_led_to_by_what_was_said_last_and_a_refused_one_by_nothing():
    assert leading_to([ONE, OTHER, READ], answer(READ)) == [OTHER, READ]
    refused = asked("GET", READING, status=404)
    assert leading_to([ONE, refused], answer(refused)) == [refused]


def test_of_what_says_nothing_the_last_steps_stay():
    steps = [sent(str(number)) for number in range(30)]
    for seen in (None, "nothing within 5 s", 7, {"text": "never said"}, []):
        assert leading_to(steps, seen) == steps[-LONGEST_EVIDENCE:]


def joins(actor: str, number: int) -> Step:
    return Step.of_connect(actor, "websocket", connection=number)


def typed(actor: str, number: int, event: str = "typing") -> Step:
    return Step.of_emit(actor, event, [{"recipientId": "b"}], connection=number)


def test_whoever_was_there_is_there_again_and_whoever_had_left_is_not():
    hears, left, types = joins("Ben", 1), joins("Asha", 2), joins("Asha", 3)
    before = [hears, left, Step.of_close("Asha", connection=2), types]
    row = [typed("Asha", 3)] * LONGEST_EVIDENCE
    assert leading_to([*before, *row]) == [hears, types, *row]
    goes = [Step.of_close("Asha", connection=3)] * LONGEST_EVIDENCE
    seen = leading_to([hears, types, EMITTED, *goes], {"text": "emitted"})
    assert seen == [hears, types, *goes]


def came(event: str, payload: object) -> Step:
    return Step.of_received("Ines", Received(event, (payload,), 0.0, 0.0, 1))


def test_a_message_that_came_was_caused_by_what_said_it_or_was_said_last():
    steps = [JOINS, ONE, EMITTED, typed("Asha", 1), READ]
    assert causing(steps, came("receiveMessage", {"text": "one"}), None) == [ONE]
    assert causing(steps, came("receiveMessage", {"text": 7}), None) == [EMITTED]
    assert causing([JOINS, READ], came("receiveMessage", {"text": "one"}), None) == []


def test_a_typing_that_is_told_was_caused_by_the_typist():
    steps = [typed("Asha", 1), typed("Ben", 2), typed("Asha", 1, "stopTyping")]
    assert causing(steps, came("typingStatus", {"isTyping": True}), "Asha") == [steps[0]]
    assert causing(steps, came("typingStatus", {"isTyping": False}), "Asha") == [steps[2]]
    assert causing(steps, came("typingStatus", {"isTyping": True}), None) == [steps[1]]
    assert causing(steps, came("typingStatus", 7), "Ines") == []


def test_a_status_was_caused_by_who_came_or_went():
    steps = [joins("Asha", 1), joins("Ben", 2), joins("Asha", 3)]
    assert causing(steps, came("userStatus", {"isOnline": True}), "Asha") == [steps[2]]
    gone = Step.of_close("Ben", connection=2)
    assert causing(steps, came("userStatus", {"isOnline": False}), "Ben") == [steps[1], gone]
    assert causing(steps, came("userStatus", None), "Ines") == []
