"""Which web pages may call the server: those of this machine, on any port."""

import re
from typing import Any

from starlette.middleware.cors import CORSMiddleware

_LOCAL = r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?"
_local = re.compile(_LOCAL)


def is_local(origin: str) -> bool:
    """Whether an `Origin` header names a page served from this machine."""
    return _local.fullmatch(origin) is not None


class CrossOrigin(CORSMiddleware):
    """Lets local pages call the REST operations."""

    def __init__(self, app: Any) -> None:
        super().__init__(
            app,
            allow_origin_regex=_LOCAL,
            allow_methods=("GET", "POST", "PUT", "PATCH", "DELETE"),
            allow_headers=("Authorization", "Content-Type", "Prefer"),
            expose_headers=("Allow", "Preference-Applied", "Retry-After", "WWW-Authenticate"),
        )

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        # Only browsers send an origin; nothing has to be added to an answer for others.
        if scope["type"] == "http" and any(name == b"origin" for name, _ in scope["headers"]):
            await super().__call__(scope, receive, send)
        else:
            await self.app(scope, receive, send)
