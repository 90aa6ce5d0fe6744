"""What the fuzzing sends: one request body or one event payload, and where it came from."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from conformance.wire.http import ABSENT

__all__ = ["ABSENT", "Stimulus", "spelt"]


@dataclass(frozen=True, slots=True)
class Stimulus:
    """One generated case, free of Schemathesis' types.

    `path` holds decoded path parameters. `body` is a JSON value, raw `bytes`, or `ABSENT`.
    `extra` are further event arguments after the payload. `origin` says in words which phase made
    the case and what it breaks.
    """

    operation: str
    body: object = ABSENT
    path: Mapping[str, str] = field(default_factory=dict)
    content_type: str | None = None
    extra: tuple[object, ...] = ()
    origin: str = ""

    @property
    def fingerprint(self) -> str:
        """Equal for stimuli that put the same on the wire."""
        text = "\x1f".join(
            (
                self.operation,
                spelt(self.body),
                json.dumps(dict(self.path), sort_keys=True),
                self.content_type or "",
                repr(self.extra),
            )
        )
        return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:16]


def spelt(value: object) -> str:
    """`value` as one line of text: JSON where it is JSON, else Python's notation."""
    if value is ABSENT:
        return "nothing"
    if isinstance(value, bytes):
        return repr(value)
    return json.dumps(value, ensure_ascii=True, sort_keys=True, default=repr)
