"""Pages for people: the REST operations in Swagger UI, the events in an AsyncAPI viewer.

Both let one try things as a user of the server. What they need is served from here: nothing is
fetched from elsewhere, and browsers are told to fetch nothing.
"""

import functools
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from asyncapi_viewer.assets import VIEWER_MODULE, static_path

with warnings.catch_warnings():
    # Connexion imports Starlette's test client, which announces a change of its own there.
    warnings.simplefilter("ignore")
    from connexion.middleware.swagger_ui import SwaggerUIMiddleware
from connexion.options import SwaggerUIOptions
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route, Router
from starlette.staticfiles import StaticFiles

from contract import Contract, Event
from reference_server.reading import events_document, rest_document
from reference_server.samples import NoSample, sample

ROOT = "/docs"
REST, EVENTS = f"{ROOT}/rest/", f"{ROOT}/events"
PAGES = Path(__file__).with_name("pages")

Json = dict[str, Any]
People = Callable[[str], list[Json]]
"""The users, each with a token where those who ask at this host may act as everybody."""
_HOST = re.compile(r"[A-Za-z0-9.:\[\]-]+")


class Documentation(SwaggerUIMiddleware):  # type: ignore[misc]  # Connexion carries no types
    """Answers below `/docs` and lets everything else pass."""

    def __init__(self, app: Any, contract: Contract, people: People, control: bool) -> None:
        super().__init__(app)
        self._next = app
        self._contract = contract
        self._people = people
        self._control = control
        self._own = Router(
            [
                Route(ROOT, self._index),
                Route(f"{ROOT}/", self._index),
                Route(REST, self._page("rest.html")),
                Route(f"{REST}index.html", self._index),
                Route(f"{REST}document.json", self._rest_document),
                Route(EVENTS, self._page("events.html")),
                Route(f"{EVENTS}/document.json", self._events_document),
                Route(f"{ROOT}/openapi.json", self._openapi),
                Route(f"{ROOT}/asyncapi.json", self._asyncapi),
                Route(f"{ROOT}/try.json", self._try),
                Route(f"{ROOT}/pages/{VIEWER_MODULE}", self._viewer),
                Mount(f"{ROOT}/pages", StaticFiles(directory=PAGES)),
            ],
            default=super().__call__,
        )

    @classmethod
    def of(
        cls, contract: Contract, people: People, control: bool
    ) -> Callable[[Any], "Documentation"]:
        """The middleware for one contract, as Connexion takes it; `control` says whether there is
        an inspector to lead to.
        """
        return functools.partial(cls, contract=contract, people=people, control=control)

    def add_api(self, specification: Any, **options: Any) -> None:
        """Add Swagger UI for a document (called by Connexion)."""
        options["swagger_ui_options"] = SwaggerUIOptions(
            serve_spec=False, swagger_ui_path=REST.rstrip("/"), spec_path=f"{ROOT}/openapi.json"
        )
        super().add_api(specification, **options)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"].startswith(ROOT):
            await self._own(scope, receive, send)
        else:
            await self._next(scope, receive, send)

    async def _index(self, request: Request) -> Response:
        return RedirectResponse(REST)

    def _page(self, name: str) -> Callable[[Request], Any]:
        async def page(request: Request) -> Response:
            return page_of(PAGES / name, request)

        return page

    async def _viewer(self, request: Request) -> Response:
        return FileResponse(static_path(VIEWER_MODULE), media_type="text/javascript")

    async def _openapi(self, request: Request) -> Response:
        return JSONResponse({**self._contract.openapi, "servers": [{"url": "/"}]})

    async def _asyncapi(self, request: Request) -> Response:
        return JSONResponse(self._contract.asyncapi_alone)

    async def _rest_document(self, request: Request) -> Response:
        return JSONResponse(rest_document(self._contract))

    async def _events_document(self, request: Request) -> Response:
        return JSONResponse(events_document(self._contract))

    async def _try(self, request: Request) -> Response:
        schemes = self._contract.openapi.get("components", {}).get("securitySchemes", {})
        host = request.headers.get("host", "")
        # Browsers name the origin of a page that is not from here; a page that may call the server
        # need not be one that may act as everybody.
        own = request.headers.get("origin", f"//{host}").partition("//")[2] == host
        return JSONResponse(
            {
                "users": self._people(host if own else ""),
                "schemes": list(schemes),
                "control": self._control,
                "events": [
                    {"event": event.name, "examples": _examples(event)}
                    for event in self._contract.events.values()
                    if event.action == "receive" and event.namespace == "/"
                ],
            },
            headers={"Cache-Control": "no-store"},
        )


def page_of(file: Path, request: Request) -> Response:
    """A page as the answer to a request, which may load nothing from elsewhere."""
    headers = {
        "Content-Security-Policy": content_security_policy(request.headers.get("host", "")),
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    return FileResponse(file, headers=headers)


def content_security_policy(host: str) -> str:
    """What a page of the server may load: what this host serves, and nothing else.

    Not every browser takes 'self' for WebSockets too, so the host is named; one that is none is
    left out.
    """
    sockets = f" ws://{host} wss://{host}" if _HOST.fullmatch(host) else ""
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
        f" connect-src 'self'{sockets}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _examples(event: Event) -> list[Json]:
    """The examples of an event's payload by name; without any, one that is made up."""
    shown = [{"name": name, "payload": it} for name, it in event.payload.examples.items()]
    if shown:
        return shown
    try:
        return [{"name": "made up", "payload": sample(event.payload.validator)}]
    except NoSample:
        return []
