"""Text from outside, made fit for a terminal: a backend or a file must not steer it."""

import json
from typing import Any

TOO_DEEP = "… nested too deep to be shown"
"""What stands for what no report can hold, and nobody would read."""


def as_json(value: Any) -> str:
    """A value of an answer or an event as JSON, binary parts as words; TOO_DEEP where no JSON can
    be made of it.
    """
    try:
        return json.dumps(value, ensure_ascii=False, default=_in_words)
    except RecursionError:
        return TOO_DEEP


def _in_words(part: object) -> str:
    if isinstance(part, bytes | bytearray):
        return f"binary {part[:16].hex(' ')}{' …' if len(part) > 16 else ''}"
    return type(part).__name__


def printable(text: str) -> str:
    """The text with control characters, line breaks excepted, spelt out."""
    return "".join(
        character if character.isprintable() or character == "\n" else ascii(character)[1:-1]
        for character in text
    )


def one_line(text: str) -> str:
    """The text on a single line, with control characters spelt out."""
    return printable(" ".join(text.split()))


def abridged(text: str, longest: int) -> str:
    """The text, or its beginning and its end where it is longer: what came last may matter most."""
    if len(text) <= longest:
        return text
    half = longest // 2
    return f"{text[:half]} … {text[-half:]}"
