import re

import pytest

from conformance.fuzzing.people import Named, Naming, addressed, nobody
from conformance.fuzzing.stimulus import ABSENT, Stimulus

from .conftest import ASHA, BEN, CHITRA

OBJECT_ID, PUBLIC_ID = Naming.OBJECT_ID, Naming.PUBLIC_ID


@pytest.mark.parametrize(
    ("naming", "value", "named"),
    [
        (OBJECT_ID, BEN.id, Named.OTHER),
        (OBJECT_ID, BEN.id.upper(), Named.OTHER),
        (OBJECT_ID, ASHA.id, Named.SELF),
        (OBJECT_ID, ASHA.id.upper(), Named.SELF),
        (OBJECT_ID, "e" * 24, Named.NOBODY),
        (OBJECT_ID, BEN.public_id, Named.EITHER_WAY),
        (OBJECT_ID, ASHA.public_id, Named.EITHER_WAY),
        (OBJECT_ID, "123456789012", Named.MALFORMED),
        (OBJECT_ID, BEN.id + "*", Named.MALFORMED),
        (OBJECT_ID, BEN.id[:23], Named.MALFORMED),
        (OBJECT_ID, BEN.id + "\n", Named.MALFORMED),
        (OBJECT_ID, "", Named.MALFORMED),
        (OBJECT_ID, None, Named.MALFORMED),
        (OBJECT_ID, 5, Named.MALFORMED),
        (OBJECT_ID, {"$ne": None}, Named.MALFORMED),
        (PUBLIC_ID, CHITRA.public_id, Named.OTHER),
        (PUBLIC_ID, CHITRA.public_id.lower(), Named.OTHER),
        (PUBLIC_ID, ASHA.public_id, Named.SELF),
        (PUBLIC_ID, CHITRA.id, Named.EITHER_WAY),
        (PUBLIC_ID, "somebody", Named.NOBODY),
        (PUBLIC_ID, " ", Named.NOBODY),
        (PUBLIC_ID, "", Named.MALFORMED),
        (PUBLIC_ID, ["x"], Named.MALFORMED),
    ],
)
def test_a_value_names_somebody_nobody_or_is_no_id(people, naming, value, named):
    assert people.named(naming, value) is named


def sent(people, turn, **body):
    return addressed(Stimulus("sendMessage", body), people, turn).body


def test_well_formed_ids_become_those_of_other_users_most_of_the_time(people):
    recipients = [sent(people, turn, recipientId="0" * 24)["recipientId"] for turn in range(80)]
    known = [id for id in recipients if id.lower() in (BEN.id, CHITRA.id)]
    assert len(known) == 70
    assert {BEN.id, CHITRA.id} <= set(known)


def test_some_known_ids_are_written_in_capitals(people):
    recipients = {sent(people, turn, recipientId="0" * 24)["recipientId"] for turn in range(8)}
    assert recipients & {BEN.id.upper(), CHITRA.id.upper()}


def test_a_generated_id_never_stays_as_one_of_zeros_may_be_somebodys(people):
    for turn in range(80):
        assert sent(people, turn, recipientId="0" * 24)["recipientId"] != "0" * 24


def test_nobody_ever_gets_the_callers_own_id(people):
    for turn in range(80):
        assert sent(people, turn, recipientId=ASHA.id)["recipientId"].lower() != ASHA.id


@pytest.mark.parametrize("value", ["60d0fe", 5, None, ["x"], {"$ne": None}, "", "0" * 24 + "*"])
def test_malformed_ids_stay_as_they_are(people, value):
    for turn in range(8):
        assert sent(people, turn, recipientId=value)["recipientId"] == value


def test_the_other_fields_stay_as_they_are(people):
    assert sent(people, 0, recipientId="0" * 24, text=5, more=[1]) == {
        "recipientId": BEN.id,
        "text": 5,
        "more": [1],
    }


def test_public_ids_and_path_parameters_are_replaced_too(people):
    chat = addressed(Stimulus("sendChatMessage", {"to": "x", "message": "m"}), people, 0)
    assert chat.body == {"to": BEN.public_id, "message": "m"}
    history = addressed(Stimulus("listMessages", ABSENT, {"otherUserId": "0" * 24}), people, 1)
    assert history.path == {"otherUserId": CHITRA.id}


@pytest.mark.parametrize("body", [ABSENT, None, [1], "text", 5, b"\x00"])
def test_bodies_that_are_no_objects_stay_as_they_are(people, body):
    assert addressed(Stimulus("sendMessage", body), people, 0).body is body


def test_the_same_turn_gives_the_same_ids(people):
    one = [sent(people, turn, recipientId="0" * 24) for turn in range(20)]
    assert one == [sent(people, turn, recipientId="0" * 24) for turn in range(20)]


def test_the_id_of_nobody_is_well_formed_and_lies_in_the_future(people):
    ids = {nobody(OBJECT_ID, people, turn) for turn in range(50)}
    assert len(ids) == 50
    for id in ids:
        assert re.fullmatch("[0-9a-f]{24}", id)
        assert int(id[:8], 16) > 0xE0000000  # seconds since 1970: after the year 2089
        assert people.named(OBJECT_ID, id) is Named.NOBODY
    assert people.named(PUBLIC_ID, nobody(PUBLIC_ID, people, 1)) is Named.NOBODY
