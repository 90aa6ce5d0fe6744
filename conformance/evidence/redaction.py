"""Keeps secrets out of everything the suite writes: reports, journals, reproducers, terminal.

Known secrets give way to a name that a shell expands (`$TOKEN_ASHA`), so that a reproducer works
for whoever sets the variable. What looks like a JSON Web Token and is not known becomes `<jwt>`.
"""

import dataclasses
import json
import re
import threading
import unicodedata
from collections.abc import Mapping
from functools import partial
from html import escape
from typing import Any
from urllib.parse import quote, quote_plus

from conformance.evidence.printable import TOO_DEEP

JWT = re.compile(
    r"eyJ[A-Za-z0-9_-]{8,}(?:\.|%2[Ee])[A-Za-z0-9_=-]*(?:(?:\.|%2[Ee])[A-Za-z0-9_=-]*)*"
)
"""A header that begins with `{"`, a dot, and what follows: cut-off tokens too."""

DISTINCT = 8
"""Characters from which on a secret is replaced wherever it stands. A shorter one ("dev") is part
of too many honest words and is replaced only where it stands alone."""

DEEPEST = 100
"""Levels of a value that are copied: Python itself bears some hundreds."""


def variable(name: str) -> str:
    """A name as that of a shell variable: "token Ásha" to "TOKEN_ASHA"."""
    letters = "".join(
        c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c)
    )
    word = re.sub(r"[^A-Z0-9]", "_", letters.upper())
    return word if re.match(r"[A-Z_]", word) else f"_{word}"


def name_of_token(user: str) -> str:
    """The name under which a user's valid token is registered."""
    return f"token {user}"


class Redactor:
    """Replaces secrets in text, bytes and nested data. Safe from any thread."""

    def __init__(self, secrets: Mapping[str, str] | None = None) -> None:
        """`secrets`: name to secret, as for `register`."""
        self._lock = threading.Lock()
        self._placeholders: dict[str, str] = {}  # secret -> "$NAME"
        self._of_name: dict[str, str] = {}  # name as it was given -> "$NAME"
        self._makers: dict[str, str] = {}  # "$NAME" -> what prints the secret, in sh
        self._rules: tuple[tuple[str, re.Pattern[str] | None, str], ...] = ()
        for name, secret in (secrets or {}).items():
            self.register(name, secret)

    def register(self, name: str, secret: str, made_with: str = "") -> str:
        """Makes a secret known and returns its placeholder. `made_with` is what prints it in sh;
        empty where nothing is known to.

        The name becomes that of a `variable`; one taken by another secret gets a number. An empty
        secret is not replaced anywhere.
        """
        word = variable(name)
        with self._lock:
            if secret in self._placeholders:
                return self._of_name.setdefault(name, self._placeholders[secret])
            taken = set(self._placeholders.values())
            numbers = (f"${word}" if n == 1 else f"${word}_{n}" for n in range(1, len(taken) + 2))
            placeholder = next(one for one in numbers if one not in taken)
            if any(map(str.isalnum, secret)):
                # Two dots are a broken token of the suite, and no secret: they stand everywhere.
                self._placeholders[secret] = placeholder
                self._rules = self._all_rules()
                if made_with:
                    self._makers[placeholder] = made_with
            return self._of_name.setdefault(name, placeholder) if secret else placeholder

    def placeholder(self, name: str) -> str:
        """What stands for the first secret of this name; for an unknown name, its variable."""
        with self._lock:
            return self._of_name.get(name, f"${variable(name)}")

    @property
    def secrets(self) -> dict[str, str]:
        """What is known: secret to placeholder."""
        with self._lock:
            return dict(self._placeholders)

    @property
    def makers(self) -> dict[str, str]:
        """What prints a secret in sh, by its placeholder, where something is known to."""
        with self._lock:
            return dict(self._makers)

    def _all_rules(self) -> tuple[tuple[str, re.Pattern[str] | None, str], ...]:
        rules: dict[str, tuple[str, re.Pattern[str] | None, str]] = {}
        for secret, placeholder in self._placeholders.items():
            for form in _forms(secret):
                alone = re.compile(rf"(?<![\w-]){re.escape(form)}(?![\w-])")
                rule = (form, alone if len(secret) < DISTINCT else None, placeholder)
                rules.setdefault(form, rule)
        # The longest first: a token may contain another secret.
        return tuple(sorted(rules.values(), key=lambda rule: -len(rule[0])))

    def text(self, text: str) -> str:
        """Text (a URL, a header, a body, a sentence) without secrets."""
        for form, alone, placeholder in self._rules:
            if form in text:
                if alone is None:
                    text = text.replace(form, placeholder)
                else:
                    text = alone.sub(lambda _, known=placeholder: known, text)  # type: ignore[misc]
        return JWT.sub("<jwt>", text) if "eyJ" in text else text

    def data(self, data: bytes) -> bytes:
        """The same for bytes, whatever they are; all others stay as they are."""
        text = data.decode("utf-8", "surrogateescape")
        return self.text(text).encode("utf-8", "surrogateescape")

    def __call__(self, value: Any) -> Any:
        """A copy of a value (keys too, and fields of dataclasses) without secrets, and without what
        is nested deeper than DEEPEST.
        """
        return self._copy(value, DEEPEST)

    def _copy(self, value: Any, levels: int) -> Any:
        if not levels:
            return TOO_DEEP
        copy = partial(self._copy, levels=levels - 1)
        match value:
            case str():
                return self.text(value)
            case bytes() | bytearray() | memoryview():
                return self.data(bytes(value))
            case Mapping():
                return {copy(key): copy(item) for key, item in value.items()}
            case tuple():
                return tuple(map(copy, value))
            case list() | set() | frozenset():
                return [copy(item) for item in value]
            case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
                fields = (field.name for field in dataclasses.fields(value) if field.init)
                return dataclasses.replace(
                    value, **{name: copy(getattr(value, name)) for name in fields}
                )
            case _:
                return value


def _forms(secret: str) -> set[str]:
    """A secret as it may be written: plain, in a URL, in HTML, in JSON as the common encoders write
    it (PHP puts a backslash before a slash, Go and .NET spell out what HTML would escape).
    """
    coded = {quote(secret, safe="", errors="replace"), quote(secret, errors="replace")}
    coded.add(quote_plus(secret, errors="replace"))
    lower = {re.sub(r"%[0-9A-F]{2}", lambda code: code[0].lower(), form) for form in coded}
    quoted = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    spelt = {
        "".join(code.format(ord(one)) if one in signs else one for one in form)
        for form in quoted
        for signs in _SPELT
        for code in ("\\u{:04x}", "\\u{:04X}")
    }
    slashed = {form.replace("/", "\\/") for form in quoted}
    marked = {escape(secret), escape(secret, quote=False)}
    return {secret, *coded, *lower, *quoted, *spelt, *slashed, *marked}


_SPELT = ("&<>", "/", "&<>/", "&<>'+", "&<>'+/")
"""The signs that encoders of JSON spell out together, beside those that all do."""
