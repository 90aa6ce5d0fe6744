import json

import pytest

from conformance.fuzzing.shrinking import shrink


def never() -> bool:
    return False


def test_fields_that_do_not_matter_are_dropped():
    value = {"text": 5, "recipientId": "x", "attachment": {"type": "image"}, "more": [1, 2]}
    assert shrink(value, lambda body: isinstance(body.get("text"), int), never) == {"text": 0}


def test_what_has_to_stay_stays():
    value = {"keep": [1, 2, {"deep": "long text"}], "drop": {"a": 1}}

    def fails(body):
        keep = body.get("keep")
        return isinstance(keep, list) and any(
            isinstance(item, dict) and "deep" in item for item in keep
        )

    assert shrink(value, fails, never) == {"keep": [{"deep": ""}]}


def test_a_text_shrinks_to_the_character_that_matters():
    value = "a long text with one \U0001f3b5 in the middle of it"
    assert shrink(value, lambda text: "\U0001f3b5" in text, never) == "\U0001f3b5"


def test_bytes_shrink_too():
    assert shrink(b"xxxx\xffyyyy", lambda body: b"\xff" in body, never) == b"\xff"


def test_a_number_becomes_zero_or_one():
    assert shrink([-4.5e300], lambda body: isinstance(body, list) and body != [], never) == [0]


@pytest.mark.parametrize("value", [None, True, False, "", [], {}, 0, b""])
def test_nothing_is_simpler_than_these(value):
    asked = []
    assert shrink(value, lambda other: asked.append(other) or True, never) == value
    assert asked == []


def test_a_value_that_never_fails_again_stays_as_it_is():
    value = {"a": [1, 2, 3], "b": "text"}
    assert shrink(value, lambda body: False, never) == value


def test_shrinking_ends_when_time_is_up_with_the_smallest_so_far():
    asked = 0

    def fails(body):
        nonlocal asked
        asked += 1
        return True

    large = {str(number): "x" * 50 for number in range(20)}
    result = shrink(large, fails, lambda: asked >= 1)
    assert result == {}
    assert asked == 1


def test_no_time_at_all_asks_nothing():
    assert shrink([1, 2], lambda body: pytest.fail("asked"), lambda: True) == [1, 2]


def test_every_accepted_candidate_is_smaller_so_it_ends_even_if_all_fail():
    seen = []

    def fails(body):
        seen.append(len(json.dumps(body)))
        return True

    shrink({"a": [[["x" * 30]]], "b": {"c": {"d": 1234}}}, fails, never)
    assert seen == sorted(seen, reverse=True)
