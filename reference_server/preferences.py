"""What a request prefers as its answer: the header `Prefer` (RFC 7240) in the vocabulary of Prism.

`code=404`, `example=NAME` and `dynamic=true` choose an answer of the document in the place of what
the operation would do; `delay=800` lets the answer wait. A request is judged before: what is wrong
with its token, parameters or body is answered as always.
"""

import asyncio
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email.message import Message
from typing import Any
from urllib.request import parse_http_list

from contract import Operation
from reference_server.documented import DocumentedAnswer, choose
from reference_server.errors import Invalid
from reference_server.rest import Endpoint, respond

LONGEST_DELAY = 60_000  # milliseconds; what waits longer has been forgotten by its client
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, section 5.6.2


@dataclass(frozen=True, slots=True)
class Preferences:
    """What is preferred of the answer; what is not asked for is None, or 0 for the delay."""

    code: int | None = None
    example: str | None = None
    dynamic: bool | None = None
    delay: int = 0
    """Milliseconds."""

    @classmethod
    def of(cls, headers: Sequence[tuple[bytes, bytes]]) -> "Preferences":
        """Reads the Prefer lines of a request. Preferences that are none of these are ignored, and
        so is one that stands for the second time (RFC 7240, section 2). Raises Invalid.
        """
        given: dict[str, str] = {}
        for name, value in headers:
            if name == b"prefer":
                for preference, word in _read(value.decode("latin-1")):
                    given.setdefault(preference, word)
        return cls(
            code=_number("code", given["code"], 999) if "code" in given else None,
            example=given.get("example"),
            dynamic=_flag(given["dynamic"]) if "dynamic" in given else None,
            delay=_number("delay", given["delay"], LONGEST_DELAY) if "delay" in given else 0,
        )

    @property
    def chooses(self) -> bool:
        """Whether an answer of the document is asked for."""
        return self.code is not None or self.example is not None or self.dynamic is True

    def applied(self, answer: DocumentedAnswer | None) -> str:
        """The value of Preference-Applied (RFC 7240, section 3); empty where nothing was done."""
        honoured: list[str] = []
        if self.code is not None:
            honoured.append(f"code={self.code}")
        if self.example is not None and answer is not None and answer.example == self.example:
            honoured.append(f"example={_quoted(self.example)}")
        elif self.dynamic and answer is not None and answer.generated:
            honoured.append("dynamic=true")
        if self.delay:
            honoured.append(f"delay={self.delay}")
        return ", ".join(honoured)


class Preferring:
    """An endpoint that answers as the request prefers. To be put around one (`rest.Around`)."""

    def __init__(self, operation: Operation, endpoint: Endpoint) -> None:
        self._operation = operation
        self._endpoint = endpoint

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        for name, _ in scope["headers"]:
            if name == b"prefer":
                await self._prefer(scope, receive, send)
                return
        await self._endpoint(scope, receive, send)

    async def _prefer(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        preferences = Preferences.of(scope["headers"])
        answer = None
        if preferences.chooses:
            answer = await choose(
                self._operation,
                preferences.code,
                preferences.example,
                seed_of=scope if preferences.dynamic else None,
            )
        await asyncio.sleep(preferences.delay / 1000)
        applied = [(b"preference-applied", preferences.applied(answer).encode("latin-1"))]
        if not applied[0][1]:
            applied = []
        if answer is not None:
            await respond(send, answer.status, answer.body, [*answer.headers, *applied])
            return

        async def send_applied(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *applied]
            await send(message)

        await self._endpoint(scope, receive, send_applied)


def _read(line: str) -> Iterator[tuple[str, str]]:
    """The preferences of one line, names in lower case, words without quotes or parameters."""
    for part in parse_http_list(line):
        item = Message()
        item["Prefer"] = part
        for name, word in item.get_params([], "Prefer")[:1]:
            yield name.strip().lower(), word


def _number(name: str, word: str, largest: int) -> int:
    if not (word.isascii() and word.isdecimal() and len(word) < 10 and int(word) <= largest):
        kind = "a status" if name == "code" else f"milliseconds, {largest} at most"
        raise Invalid(f"The preference {name} has to be {kind}, such as {name}=404.")
    return int(word)


def _flag(word: str) -> bool:
    if word.lower() not in ("true", "false"):
        raise Invalid("The preference dynamic has to be true or false, as in dynamic=true.")
    return word.lower() == "true"


def _quoted(word: str) -> str:
    if _TOKEN.fullmatch(word):
        return word
    return '"' + re.sub(r'(["\\])', r"\\\1", word) + '"'
