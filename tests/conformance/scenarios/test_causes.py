"""One defect is found under its own name, and nothing else is accused of what follows from it."""

from collections.abc import Callable
from typing import Any

import pytest

from conformance.backend.target import Target
from conformance.backend.tokens import TokenMint
from conformance.evidence.journal import Journal
from conformance.evidence.redaction import Redactor
from conformance.judging.findings import Finding, Ledger
from conformance.judging.messages import user_id
from conformance.scenarios import FOLDER
from conformance.stage.collecting import collected
from conformance.stage.performing import LocalTroupe
from conformance.stage.world import World
from conformance.wire.pacing import Pace
from contract import load
from reference_server.errors import NotFound
from reference_server.in_process import running
from tests.mutants.history import histories
from tests.mutants.patching import Answer, Patch
from tests.mutants.sending import attached, refused

SCENARIOS = {scenario.name: scenario for scenario in collected(FOLDER)}
SENDS = ("sendMessage", "sendChatMessage")


def answers(patch: Patch, change: Callable[[Any], Answer], *operations: str) -> None:
    """Let `change` see the answers of these operations that are right."""

    async def around(request, proceed):
        answer = await proceed(request)
        right = request.operation in operations and answer.status in (200, 201)
        return change(answer) if right else answer

    patch.wire(around)


def found(defect: Callable[[Patch], None], *scenarios: str) -> list[Finding]:
    """What these scenarios find in a server with the defect."""
    with Patch() as patch:
        defect(patch)
        with running() as server:
            users = [
                {"_id": user.id, "userId": user.public_id, "name": user.name}
                for user in list(server.users)[:5]
            ]
            target = Target.of(
                {"target": {"url": server.url}, "auth": {"secret": server.secret}, "users": users}
            )
            contract = load()
            ledger = Ledger(contract.requirements)
            journal = Journal(lambda data: data)
            mint = TokenMint(target)
            world = World(contract, target, mint, ledger, journal, Redactor(), Pace(0.5), 7)
            for name in scenarios:
                LocalTroupe(world).perform(SCENARIOS[name]).conclude(survived=True)
            world.close()
    return [finding for outcome in ledger.outcomes() for finding in outcome.findings]


def accused(defect: Callable[[Patch], None], *scenarios: str) -> set[str]:
    return {finding.requirement for finding in found(defect, *scenarios)}


def test_a_wrong_status_of_success_breaks_what_asks_for_it_alone():
    def defect(patch: Patch) -> None:
        answers(patch, lambda answer: Answer(200, answer.body), *SENDS)

    findings = found(
        defect,
        "test_a_message_is_what_was_sent_and_stands_in_both_histories",
        "test_any_text_comes_back_as_it_was_sent",
        "test_the_first_messages_of_two_users_cross",
        "test_a_chat_message_is_a_message_like_any_other",
        "test_a_charset_in_the_media_type_changes_nothing",
    )
    assert [finding.requirement for finding in findings] == ["SEND-01", "CHAT-01"]
    assert {finding.cause for finding in findings} == {"200 and not 201 is the status of success"}
    assert "answers 200 where it succeeds" in findings[0].summary


def test_flags_as_words_break_the_schema_alone():
    def words(answer: Answer) -> Answer:
        data = answer.json["data"]
        shown = {k: str(v).lower() if isinstance(v, bool) else v for k, v in data.items()}
        return Answer.of(200, {"success": True, "data": shown})

    assert accused(
        lambda patch: answers(patch, words, "updateConversationMetadata"),
        "test_settings_are_answered_as_they_were_sent",
        "test_settings_are_stored",
        "test_a_partial_body_changes_what_it_names",
        "test_settings_belong_to_one_user_and_one_conversation",
    ) == {"ALL-01"}


def test_an_empty_history_that_is_not_found_says_nothing_about_tokens_or_other_histories():
    def missing(chat, reader, other, messages):
        if not messages:
            raise NotFound("There is no such conversation.")
        return messages

    assert accused(
        lambda patch: histories(patch, missing),
        "test_a_token_of_many_kilobytes_is_refused",
        "test_both_read_the_same_history",
        "test_the_first_messages_of_two_users_cross",
    ) == {"HIST-08"}


def test_a_history_with_messages_that_is_not_found_is_no_empty_one():
    def missing(chat, reader, other, messages):
        raise NotFound("There is no such conversation.")

    name = "test_what_was_said_twice_stands_there_twice"
    assert accused(lambda patch: histories(patch, missing), name) == {"HIST-01"}


def test_an_unknown_status_is_not_taken_from_the_request_and_has_one_cause():
    def pending(answer: Answer) -> Answer:
        data = answer.json["data"] | {"status": "pending"}
        return Answer.of(201, {"success": True, "data": data})

    findings = found(
        lambda patch: answers(patch, pending, *SENDS),
        "test_a_message_says_nothing_about_its_sender_id_time_or_status",
        "test_a_message_is_what_was_sent_and_stands_in_both_histories",
        "test_a_chat_message_is_a_message_like_any_other",
    )
    assert {finding.requirement for finding in findings} == {"SEND-02", "CHAT-02", "ALL-01"}
    assert {finding.cause for finding in findings} == {"the form of status"}


def test_a_lone_attachment_that_is_refused_says_nothing_about_people_who_do_not_exist():
    def lone(body) -> bool:
        return bool(attached(body)) and not body.get("text")

    findings = found(
        lambda patch: refused(patch, lone),
        "test_a_message_to_nobody_is_not_found",
        "test_a_message_is_what_was_sent_and_stands_in_both_histories",
        "test_a_message_reaches_the_sockets_of_both",
    )
    assert {finding.requirement for finding in findings} == {"SEND-06"}
    assert {finding.cause for finding in findings} == {"an attachment without a text"}
    assert findings[0].summary.startswith("An attachment without a text is not answered 201")


def test_ids_of_another_form_break_the_schema_alone():
    def numbered(value):
        if isinstance(value, list):
            return [numbered(one) for one in value]
        if not isinstance(value, dict):
            return value
        ids = {name: int(value[name], 16) for name in ("_id", "conversationId") if name in value}
        return value | (ids if "text" in value else {})

    def numbers(answer: Answer) -> Answer:
        body = {"success": True, "data": numbered(answer.json["data"])}
        return Answer.of(answer.status, body)

    findings = found(
        lambda patch: answers(patch, numbers, *SENDS, "listMessages"),
        "test_a_message_is_what_was_sent_and_stands_in_both_histories",
        "test_both_read_the_same_history",
        "test_a_pair_has_one_conversation_and_no_other_pair_has_it",
    )
    assert {finding.requirement for finding in findings} == {"ALL-01"}
    assert {finding.cause for finding in findings} == {"the form of _id"}


@pytest.mark.parametrize(
    ("scenario", "requirement"),
    [
        ("test_a_message_reaches_the_sockets_of_both", "SEND-14"),
        ("test_a_chat_message_reaches_the_sockets_of_both", "CHAT-05"),
    ],
)
def test_a_copy_with_another_id_is_found_as_such_and_not_as_missing(scenario, requirement):
    def defect(patch: Patch) -> None:
        async def deliver(emit, event, payload, user_ids):
            for id in user_ids:
                theirs = event == "receiveMessage" and user_id(payload["sender"]) == id
                mine = payload | ({"_id": f"f{payload['_id'][1:]}"} if theirs else {})
                await emit(event, mine, [id])

        patch.deliveries(deliver)

    findings = found(defect, scenario)
    assert [(f.requirement, f.level) for f in findings] == [(requirement, "should")]
    assert "copy" in findings[0].summary
    assert "has another _id than the answer" in findings[0].summary
