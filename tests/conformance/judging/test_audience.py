"""Who is told what is seen of everyone, and ids are compared over a whole run."""

import pytest

from conformance.judging.audience import Copies, Identities, judge_audience, no_friends

ASHA, BEN, CHITRA, DIEGO = (f"60d0fe4f5311236168a1{n:04x}" for n in range(4))


def message(id: str, conversation: str, sender: str = ASHA, recipient: str = BEN) -> dict:
    return {"_id": id, "conversationId": conversation, "sender": sender, "recipient": recipient}


def strays(event: str, payload: object, listener: str = CHITRA, friends: object = None) -> list:
    found = judge_audience(
        event,
        payload,
        listener,
        company=frozenset({ASHA, CHITRA}),
        everyone=frozenset({ASHA, BEN, CHITRA, DIEGO}),
        friends=friends,
    )
    return [one.requirement for one in found]


def test_ids_that_belong_to_one_pair_are_right_whoever_writes_and_however_they_are_spelt():
    known = Identities()
    mixed = {"_id": BEN.upper(), "name": "Ben"}
    for one in (message("a1", "c1"), message("a2", "C1", BEN, ASHA), message("A1", "c1", ASHA)):
        assert not list(known.judge({**one, "recipient": mixed} if one["sender"] == ASHA else one))


def test_a_conversation_of_two_pairs_is_found_though_they_have_nobody_in_common():
    known = Identities()
    assert not list(known.judge(message("a1", "c1")))
    (found,) = known.judge(message("a2", "c1", CHITRA, DIEGO))
    assert (found.requirement, found.holds) == ("SEND-04", False)


def test_an_id_of_two_messages_is_found():
    known = Identities()
    assert not list(known.judge(message("1", "c1")))
    (found,) = known.judge(message("1", "c2", CHITRA, DIEGO))
    assert (found.requirement, found.holds) == ("SEND-03", False)


def test_a_backend_that_was_started_again_may_count_from_the_beginning():
    known = Identities()
    assert not list(known.judge(message("1", "1")))
    known.forget()
    assert not list(known.judge(message("1", "1", CHITRA, DIEGO)))


@pytest.mark.parametrize(
    "odd", [None, [], "x", {}, {"_id": "1"}, message("1", "1", ASHA, ASHA), {"_id": 5, "sender": 1}]
)
def test_what_is_no_message_between_two_says_nothing(odd):
    known = Identities()
    assert not list(known.judge(message("1", "1")))
    assert not list(known.judge(odd))


def again(first: dict, second: dict, listener: str = BEN, connection: int = 1) -> list[str]:
    """What is said of a message that comes to Ben's first connection, and then to another."""
    known = Copies()
    assert not list(known.judge(first, BEN, 1))
    return [one.requirement for one in known.judge(second, listener, connection)]


def test_a_message_that_comes_to_one_socket_of_its_recipient_again_is_one_too_many():
    one = message("a1", "c1")
    assert again(one, one) == ["MSG-01"]
    in_full = {**one, "sender": {"_id": ASHA.upper(), "name": "Asha"}, "attachment": None}
    assert again(one, in_full) == ["MSG-01"]


def test_what_comes_again_with_news_or_elsewhere_is_no_copy():
    one = {**message("a1", "c1"), "status": "sent"}
    assert again(one, one, connection=2) == []
    assert again(one, {**one, "_id": "a2"}) == []
    assert again(one, {**one, "status": "read"}) == []
    assert again(one, {**one, "updatedAt": "2026-01-02T03:04:05Z"}) == []


def test_a_sender_may_be_told_of_a_message_more_than_once():
    own, to_oneself = message("a1", "c1", BEN, ASHA), message("a1", "c1", BEN, BEN)
    assert again(own, own) == again(to_oneself, to_oneself) == []


@pytest.mark.parametrize("odd", [None, [], "x", {}, {"_id": "1"}, {"_id": [], "recipient": BEN}])
def test_what_is_no_message_is_no_copy(odd):
    assert again(odd, odd) == []


def test_a_message_of_others_is_a_stray_and_an_own_one_is_none():
    assert strays("receiveMessage", message("1", "1")) == ["MSG-03"]
    assert strays("receiveMessage", message("1", "1", CHITRA, BEN)) == []
    assert strays("receiveMessage", message("1", "1", ASHA, CHITRA.upper())) == []
    assert strays("receiveMessage", {"sender": ASHA}) == []


def test_typing_of_one_who_plays_elsewhere_is_a_stray():
    assert strays("typingStatus", {"senderId": BEN, "isTyping": True}) == ["TYPE-02"]
    assert strays("typingStatus", {"senderId": ASHA, "isTyping": True}) == []
    assert strays("typingStatus", {"senderId": "nobody"}) == []


def test_presence_is_for_friends_and_oneself_where_friends_are_known():
    def friends(user: str) -> frozenset:
        return frozenset({ASHA}) if user == CHITRA else frozenset()

    assert strays("userStatus", {"userId": DIEGO}, friends=friends) == ["PRES-03"]
    assert strays("userStatus", {"userId": ASHA}, friends=friends) == []
    assert strays("userStatus", {"userId": CHITRA}, friends=friends) == []
    assert strays("userStatus", {"userId": DIEGO}) == []


def test_a_list_of_friends_that_lacks_some_is_said_to_be_what_may_be_wrong():
    said = no_friends("Chitra", "Diego")
    assert said.startswith("Chitra is told of Diego, and the target file calls them no friends")
    assert "if they are, add them to [friends] pairs" in said


def test_other_events_are_nobodys_business():
    assert strays("welcome", message("1", "1")) == []
