import json
from dataclasses import dataclass
from html import escape
from urllib.parse import quote

import jwt
import pytest

from conformance.evidence.redaction import Redactor
from conformance.wire.http import Exchange

ASHA = jwt.encode({"id": "60d0fe4f5311236168a109ca"}, "k" * 32, "HS256")
BEN = jwt.encode({"id": "60d0fe4f5311236168a109cb"}, "k" * 32, "HS256")
SECRET = 'p@ss "word"/\n&ü=%'


@pytest.fixture
def redactor() -> Redactor:
    return Redactor({"TOKEN_ASHA": ASHA, "SECRET": SECRET})


def test_known_tokens_get_their_names_and_unknown_ones_none(redactor):
    assert redactor.text(f"Bearer {ASHA}") == "Bearer $TOKEN_ASHA"
    assert redactor.text(f"<{BEN}>") == "<<jwt>>"
    assert redactor.data(b"\xff" + ASHA.encode() + b"\x00" + BEN.encode()) == (
        b"\xff$TOKEN_ASHA\x00<jwt>"
    )


@pytest.mark.parametrize(
    "written",
    [
        SECRET,
        quote(SECRET),
        quote(SECRET, safe=""),
        quote(SECRET, safe="").lower(),
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        json.dumps(SECRET)[1:-1].replace("/", r"\/"),
        json.dumps(SECRET)[1:-1].replace("&", r"\u0026"),
        json.dumps(SECRET)[1:-1].replace("/", r"\u002F"),
        escape(SECRET),
    ],
)
def test_a_secret_is_found_however_it_is_written(redactor, written):
    assert redactor.text(f"a={written};") == "a=$SECRET;"


def test_tokens_in_urls_and_nested_data_are_found(redactor):
    url = f"http://h/socket.io/?token={ASHA}&EIO=4"
    assert redactor.text(url) == "http://h/socket.io/?token=$TOKEN_ASHA&EIO=4"
    nested = {"headers": {"Authorization": f"Bearer {ASHA}"}, "l": [(ASHA, b"x" + BEN.encode(), 1)]}
    assert redactor({**nested, ASHA: None}) == {
        "headers": {"Authorization": "Bearer $TOKEN_ASHA"},
        "l": [("$TOKEN_ASHA", b"x<jwt>", 1)],
        "$TOKEN_ASHA": None,
    }


def test_a_token_inside_a_token_does_not_leave_its_rest():
    redactor = Redactor({"TOKEN": ASHA})
    redactor.register("CHANGED_TOKEN", f"{ASHA}x")
    assert redactor.text(f"{ASHA}x") == "$CHANGED_TOKEN"


def test_cut_off_unknown_tokens_are_hidden_too(redactor):
    for length in range(len(BEN.split(".")[0]) + 1, len(BEN)):
        assert redactor.text(f"'{BEN[:length]}'") == "'<jwt>'"
    assert redactor.text(BEN.replace(".", "%2E")) == "<jwt>"


def test_honest_text_stays_as_it_is(redactor):
    for text in ["eyJ", "say eyJoe. Hi", "a.b.c", "$TOKEN_ASHA", "{}", "été \ud800"]:
        assert redactor.text(text) == text
    assert redactor.data(bytes(range(256))) == bytes(range(256))


def test_a_short_secret_hides_only_where_it_stands_alone():
    redactor = Redactor({"SECRET": "dev"})
    assert redactor.text("secret=dev; devices, dev-mode, 'dev'") == (
        "secret=$SECRET; devices, dev-mode, '$SECRET'"
    )


def test_an_empty_secret_and_bare_dots_replace_nothing():
    redactor = Redactor({"TWO_DOTS": ".."})
    assert redactor.text("and so on...") == "and so on..."
    assert redactor.register("EMPTY_TOKEN", "") == "$EMPTY_TOKEN"
    assert redactor.text("abc") == "abc"


def test_names_become_those_of_shell_variables_and_stay_apart():
    redactor = Redactor()
    assert redactor.register("token Ásha", "first-secret") == "$TOKEN_ASHA"
    assert redactor.register("token Äsha", "other-secret") == "$TOKEN_ASHA_2"
    assert redactor.register("token Äsha", "other-secret") == "$TOKEN_ASHA_2"
    assert redactor.register("1st", "third-secret") == "$_1ST"


def test_dataclasses_come_back_as_themselves(redactor):
    exchange = Exchange(
        operation="sendMessage", actor="Asha", method="GET", url=f"http://h/?t={ASHA}",
        request_headers={"Authorization": f"Bearer {ASHA}"}, request_body=ASHA.encode(),
        status=200, headers={"X-Echo": BEN}, body=BEN.encode(), error=None,
        started=1.0, elapsed=0.1,
    )  # fmt: skip
    clean = redactor(exchange)
    assert isinstance(clean, Exchange)
    assert (clean.url, clean.body, clean.status) == ("http://h/?t=$TOKEN_ASHA", b"<jwt>", 200)
    assert ASHA not in repr(clean) and BEN not in repr(clean)


def test_types_that_hold_nothing_pass_unchanged(redactor):
    @dataclass
    class Holder:
        kind: type

    for value in (None, True, 3, 2.5, Holder):
        assert redactor(value) is value
    assert redactor(Holder(Exchange)) == Holder(Exchange)
