"""What of a backend's inside an error body gives away (ERR-04).

A pattern accuses only where the client cannot have brought the words along: what stands in the
request as well is an echo. Patterns keep away from plain prose ("select a user from the list").
"""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import unquote, unquote_plus

from conformance.wire.http import NOT_JSON, Exchange

LARGEST_SEARCHED = 100_000
"""Characters of a body that are searched; more of them say nothing new."""

_PATTERNS = (
    # JavaScript: "at fn (file.js:3:9)", "at new Promise (<anonymous>)".
    (r"^[ \t]*at (?:\S.*)?(?:[\w>]:\d+:\d+|\(<anonymous>\)|\(native\))", "a stack trace"),
    (r"Traceback \(most recent call last\)|File \"[^\"\n]+\", line \d+", "a stack trace"),
    (r"\bat [\w.$<>]+\([\w$]+\.(?:java|kt|scala):\d+\)", "a stack trace"),
    (r"^[ \t]*at [\w.`<>]+\([^)\n]*\) in \S[^)\n]*:line \d+", "a stack trace"),
    (r"\bgoroutine \d+ \[|^#\d+ \S+\.php\(\d+\)", "a stack trace"),
    (
        r"(?<![\w/.:-])/(?:usr|home|app|var|opt|srv|root|Users)/(?:[\w.@-]+/)+[\w.@-]+",
        "a file path",
    ),
    (r"(?<!\w)[A-Z]:\\[^\\\s\"<>|:*?]+\\[^\\\s\"<>|:*?]+", "a file path"),
    (r"\bnode_modules/|\bsite-packages/", "a file path"),
    (r"\bCast to \w+ failed for value|\b(?:Mongo(?:Server)?|BSON(?:Type)?)Error\b", "a library"),
    (r"\b\w+ validation failed: \w+:|\b(?:Sequelize|Prisma)\w*Error\b", "a library"),
    (r"\bE11000\b|\bduplicate key error\b|\bSQLSTATE\b", "a library"),
    (r"\bE(?:CONNREFUSED|NOENT|PIPE|TIMEDOUT)\b", "a library"),
    (r"\bCannot read propert(?:y|ies) (?:\S+ )?of (?:undefined|null)\b", "a library"),
    (r"[\w$)\]]\.[\w$]+ is not a function\b|\bis not iterable \(cannot read", "a library"),
    (r"'NoneType' object|\bNullPointerException\b|\bnil pointer dereference\b", "a library"),
    (r"\b(?:Type|Reference|Key|Attribute|Value|Validation)Error: ", "a library"),
    (r"\bSELECT\s[^;]{1,400}?\sFROM\s|\bINSERT INTO\s|\bUPDATE\s+\S+\s+SET\s", "a query"),
    (r"(?i:\bselect\s+(?:\*|[\w\"`]+\.[\w\"`*]+)[^;]{0,400}?\sfrom\s)", "a query"),
)
_WORDS = {"a library": "a library's internals"}
_COMPILED = tuple((re.compile(pattern, re.M), _WORDS.get(w, w)) for pattern, w in _PATTERNS)


def leak(exchange: Exchange) -> str | None:
    """What an answer gives away, in words such as `a stack trace`; None where nothing."""
    brought: str | None = None
    for text in _said(exchange.json, exchange.body):
        for pattern, what in _COMPILED:
            for match in pattern.finditer(text[:LARGEST_SEARCHED]):
                if brought is None:
                    brought = _brought_along(exchange)
                if _plain(match[0]) not in brought:
                    return what
    return None


def _said(value: Any, body: bytes) -> Iterator[str]:
    """All strings of an answer, decoded; the whole body where it is no JSON."""
    if value is NOT_JSON:
        yield body[: 4 * LARGEST_SEARCHED].decode("utf-8", "replace")
        return
    yield from _strings(value)


def _brought_along(exchange: Exchange) -> str:
    """Everything the client sent, in each of the forms in which it may come back."""
    body = (exchange.request_body or b"").decode("utf-8", "replace")
    forms = [body, unquote_plus(body), unquote(exchange.url), unquote_plus(exchange.url)]
    forms += [str(value) for value in exchange.request_headers.values()]
    with suppress(ValueError, RecursionError):
        forms += _strings(json.loads(body))
    return "\n".join(_plain(form) for form in forms)


def _plain(text: str) -> str:
    """The text without differences that an echo may add: letter case, white space, backslashes."""
    return "".join(text.casefold().split()).replace("\\", "")


def _strings(value: Any) -> Iterator[str]:
    """Every string in a JSON value, names of members too, without recursion."""
    waiting = [value]
    while waiting:
        match waiting.pop():
            case str(text):
                yield text
            case dict(members):
                waiting += [*members.keys(), *members.values()]
            case list(items):
                waiting += items
