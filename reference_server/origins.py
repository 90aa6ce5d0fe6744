"""Which web pages may call the server: those of this machine, on any port, or those one names."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

from starlette.middleware.cors import CORSMiddleware

from reference_server.errors import StartError

EVERY = "*"
OPAQUE = "null"
"""The origin of a page from a file or a sandbox (HTML, section 7.1.1)."""
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_USUAL_PORTS = {"http": 80, "https": 443}
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:\d{1,5})?")
# Names below .localhost are this machine's, whoever is asked (RFC 6761, section 6.3).
_LOCAL = re.compile(
    r"https?://(([a-z0-9-]+\.)*localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])(:\d{1,5})?"
)


@dataclass(frozen=True, slots=True)
class Origins:
    """The origins of pages that may call the server."""

    named: frozenset[str] | None = None
    """Exact origins, or `*` for all; None for every page of this machine."""

    @classmethod
    def of(cls, texts: Iterable[str]) -> Self:
        """The origins that a command line names; without any, all of this machine.

        Raises StartError, one sentence, for a text that is no origin.
        """
        return cls(frozenset(map(_origin, texts)) or None)

    def allow(self, origin: str) -> bool:
        """Whether an `Origin` header names a page that may call the server."""
        if self.named is None:
            return _LOCAL.fullmatch(origin) is not None
        return EVERY in self.named or origin in self.named

    def headers(self, origin: str | None) -> dict[str, str]:
        """What an answer needs so that a page of this origin may read it (Fetch, section 3.3)."""
        if origin is None:
            return {}
        if not self.allow(origin):
            return {"Vary": "Origin"}
        return {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Credentials": "true",
            "Vary": "Origin",
        }


LOCAL = Origins()
"""Every page of this machine."""


class CrossOrigin(CORSMiddleware):
    """Lets pages of these origins call the REST operations, with any header.

    Clients that are told to send credentials may: there are no cookies here to be abused.
    """

    def __init__(self, app: Any, origins: Origins) -> None:
        super().__init__(
            app,
            allow_methods=METHODS,
            allow_headers=("*",),
            allow_credentials=True,
            expose_headers=("*", "Allow", "Preference-Applied", "Retry-After", "WWW-Authenticate"),
        )
        self._origins = origins

    def is_allowed_origin(self, origin: str) -> bool:
        """What Starlette asks."""
        return self._origins.allow(origin)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        # Only browsers send an origin; nothing has to be added to an answer for others.
        if scope["type"] == "http" and any(name == b"origin" for name, _ in scope["headers"]):
            await super().__call__(scope, receive, send)
        else:
            await self.app(scope, receive, send)


def _origin(text: str) -> str:
    """An origin as browsers write it: in lower case, without the scheme's usual port."""
    if text in (EVERY, OPAQUE):
        return text
    origin = text.lower()
    if not _ORIGIN.fullmatch(origin):
        raise StartError(
            f"--allow-origin {text} is no origin, which is a scheme, a host and a port, such as"
            " https://app.example:8443, with nothing after them; * means every page."
        )
    scheme = origin.partition(":")[0]
    return origin.removesuffix(f":{_USUAL_PORTS.get(scheme)}")
