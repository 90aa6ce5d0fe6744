import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from contract import DocumentError
from contract.parsing import LARGEST_FILE, line_of, read_file

Write = Callable[..., Path]


def problem(file: Path) -> tuple[str, str]:
    """Place and problem of the error that reading a file raises; its text is one line."""
    with pytest.raises(DocumentError) as caught:
        read_file(file)
    assert str(caught.value).startswith(str(file))
    assert len(str(caught.value).splitlines()) == 1
    return caught.value.place, caught.value.problem


def test_a_time_stays_a_text(written: Write) -> None:
    assert read_file(written("at: 2025-11-09T17:31:14Z\non_day: 2025-11-09")) == {
        "at": "2025-11-09T17:31:14Z",
        "on_day": "2025-11-09",
    }


def test_every_key_is_a_text_as_in_json(written: Write) -> None:
    assert read_file(written("200: ok\nnull: nothing\ntrue: yes indeed")) == {
        "200": "ok",
        "null": "nothing",
        "true": "yes indeed",
    }


def test_an_equals_sign_is_a_text(written: Write) -> None:
    assert read_file(written("sign: =")) == {"sign": "="}


def test_a_byte_order_mark_is_no_part_of_the_document(written: Write) -> None:
    assert read_file(written(b"\xef\xbb\xbfa: 1")) == {"a": 1}
    assert read_file(written(b'\xef\xbb\xbf{"a": 1}', "a.json")) == {"a": 1}


def test_a_merged_key_may_be_overridden(written: Write) -> None:
    text = "base: &base {a: 1, b: 2}\nmiddle: &middle {<<: *base, b: 3}\nlast: {<<: *middle, b: 4}"

    assert read_file(written(text)) == {
        "base": {"a": 1, "b": 2},
        "middle": {"a": 1, "b": 3},
        "last": {"a": 1, "b": 4},
    }


def test_json_may_spell_astral_characters_as_two_surrogates(written: Write) -> None:
    assert read_file(written(r'{"smile": "\ud83d\ude00"}', "a.json")) == {"smile": "\U0001f600"}


def test_an_empty_file_holds_nothing(written: Write) -> None:
    assert read_file(written("")) is None
    assert read_file(written("# only a comment\n")) is None


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ("a: [1, 2\nb: 3", "line 2, column 2", "is not YAML"),
        ("a: 1\n b: 2", "line 2, column 3", "mapping values are not allowed"),
        ("a: 1\nb:\n  c: 1\n  c: 2", "line 4, column 3", "the key c stands twice"),
        ("200: a\n'200': b", "line 2, column 1", "the key 200 stands twice"),
        ("x: {a: 1, a: 2}", "line 1, column 11", "the key a stands twice"),
        ("a: 1\n---\nb: 2", "line 2, column 1", "another document"),
        ("a: *nowhere", "line 1, column 4", "undefined alias"),
        ("a: &x [*x]", "line 1, column 4", "an alias stands inside what it repeats"),
        ("? [a]\n: b", "line 1, column 3", "a key has to be a text"),
        ("{[a]: b}", "line 1, column 2", "a key has to be a text"),
        ("a: !!set {b}", "line 1, column 4", "!!set is no JSON type"),
        ("a: !own b", "line 1, column 4", "!own is no JSON type"),
        ("a: !!binary aGk=", "line 1, column 4", "!!binary is no JSON type"),
        ("a: .nan", "line 1, column 4", ".nan is no JSON number"),
        ("a: -.inf", "line 1, column 4", "-.inf is no JSON number"),
        ("<<: 5", "line 1, column 5", "expected a mapping"),
        ("é: ü\nb: \x07", "line 2", "U+0007 is not allowed"),
        ("a: !!int many", "", "invalid literal"),
        (f"a: {'9' * 5000}", "", "4300"),
    ],
)
def test_broken_yaml_is_named_by_line_and_column(
    written: Write, text: str, place: str, says: str
) -> None:
    where, what = problem(written(text))

    assert where.startswith(place) if place else where == ""
    assert says in what


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ('{"a": 1,\n "b": }', "line 2, column 7", "is not JSON"),
        ("", "line 1, column 1", "is not JSON"),
        ('{"a": 1, "a": 2}', "", "the key a stands twice"),
        ('{"a": NaN}', "", "NaN is no JSON value"),
    ],
)
def test_broken_json_is_named_by_line_and_column(
    written: Write, text: str, place: str, says: str
) -> None:
    where, what = problem(written(text, "document.json"))

    assert where == place
    assert says in what


def test_text_that_is_not_utf_8_is_named_by_its_byte(written: Write) -> None:
    assert problem(written(b"a: caf\xe9")) == ("byte 6", "is not UTF-8")


def test_a_file_that_is_missing_or_a_folder_is_said_to_be_so(tmp_path: Path) -> None:
    assert problem(tmp_path / "none.yaml") == ("", "No such file or directory")
    assert problem(tmp_path) == ("", "Is a directory")


def test_only_a_regular_file_of_moderate_size_is_read(tmp_path: Path) -> None:
    fifo, endless = tmp_path / "fifo.yaml", tmp_path / "endless.yaml"
    os.mkfifo(fifo)
    endless.touch()
    os.truncate(endless, LARGEST_FILE + 1)

    assert problem(fifo) == ("", "Not a regular file")
    assert problem(endless) == ("", "Larger than 10,000,000 bytes")


@pytest.mark.parametrize("name", ["deep.yaml", "deep.json"])
def test_a_document_nested_beyond_measure_is_refused(written: Write, name: str) -> None:
    deep = "[" * 20_000 + "]" * 20_000

    # In our words, or in those of a PyYAML that has a limit of its own (6.0.4).
    assert re.search("nested too deeply|nesting depth", problem(written(deep, name))[1])


def test_aliases_that_multiply_are_looked_at_once(written: Write) -> None:
    lines = ["a0: &a0 [x]"]
    lines += [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 60)]

    assert len(read_file(written("\n".join(lines)))) == 60


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ((), 1),
        (("steps",), 2),
        (("steps", 0), 3),
        (("steps", 0, "send", "text"), 4),
        (("steps", 1), 5),
        (("steps", 1, "send", "text"), 5),
        (("steps", 7, "send"), 2),
        (("steps", 0, "absent"), 3),
        (("title", "deeper"), 1),
    ],
)
def test_the_line_of_a_place_is_found(
    written: Write, path: tuple[str | int, ...], line: int
) -> None:
    text = "title: Mine\nsteps:\n  - send:\n      text: one\n  - {send: {text: two}}\n"
    assert line_of(written(text), path) == line


def test_the_line_of_a_place_in_json_is_found(written: Write) -> None:
    assert line_of(written('{\n "a": [\n  1,\n  {"b": 2}]}', "document.json"), ("a", 1, "b")) == 4
