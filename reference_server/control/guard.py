"""Keeps the control interface from web pages that have no business with it.

A page of a foreign origin may make a browser send requests here, and by rebinding a name of its own
to this address it may even make them look like requests to itself. So a request has to name this
server as its host, and a page that sends one has to come from this machine or from this server.
"""

import ipaddress
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from reference_server.asgi import Application
from reference_server.errors import error_body
from reference_server.rest import respond


class Guard:
    """Lets requests pass to an application that are not a foreign page's."""

    def __init__(
        self, application: Application, own_host: str, allowed_origin: Callable[[str], bool]
    ) -> None:
        """`own_host` is the host that the server was told to listen on."""
        self._application = application
        self._own_host = own_host.lower()
        self._allowed_origin = allowed_origin

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and (reason := self.refusal(scope)) is not None:
            await respond(send, 403, error_body(reason))
        else:
            await self._application(scope, receive, send)

    def refusal(self, scope: Any) -> str | None:
        """Why a request must not pass, None where it may."""
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get(b"host", "")
        if not self._is_own(host):
            return (
                "The control interface is reached by IP address, as localhost, or by the name that"
                " --host was given; the Host header names another."
            )
        origin = headers.get(b"origin")
        if origin is not None:
            own = origin.partition("//")[2].lower() == host.lower()
            if not own and not self._allowed_origin(origin):
                return "The control interface takes no requests from pages of other machines."
        elif headers.get(b"sec-fetch-site") == "cross-site" and (
            headers.get(b"sec-fetch-mode") != "navigate" or scope["method"] != "GET"
        ):
            # An image or a script of a foreign page is fetched without an origin.
            return "The control interface takes no requests from pages of other machines."
        return None

    def _is_own(self, host: str) -> bool:
        """Whether a Host header names this server in a way that no foreign name can take."""
        try:
            name = (urlsplit(f"//{host}").hostname or "").lower()
        except ValueError:
            return False
        if name in ("localhost", self._own_host) or name.endswith(".localhost"):
            return bool(name)
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True
