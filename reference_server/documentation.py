"""Pages for people: the REST operations in Swagger UI, the events as a list, both documents."""

import copy
import functools
import html
import json
from collections.abc import Callable
from typing import Any

from connexion.middleware.swagger_ui import SwaggerUIMiddleware
from connexion.options import SwaggerUIOptions
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route, Router

from contract import Contract, Event

ROOT = "/docs"
REST, EVENTS = f"{ROOT}/rest/", f"{ROOT}/events"
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem; }
pre { background: #8881; padding: .7rem; overflow-x: auto; border-radius: .3rem; }
h2 { margin-top: 2.5rem; } small { font-weight: normal; opacity: .7; }
:root { color-scheme: light dark; }
"""


class Documentation(SwaggerUIMiddleware):  # type: ignore[misc]  # Connexion carries no types
    """Answers below `/docs` and lets everything else pass."""

    def __init__(self, app: Any, contract: Contract) -> None:
        super().__init__(app)
        self._next = app
        self._contract = contract
        self._own = Router(
            [
                Route(ROOT, self._index),
                Route(f"{ROOT}/", self._index),
                Route(EVENTS, self._events),
                Route(f"{ROOT}/openapi.json", self._openapi),
                Route(f"{ROOT}/asyncapi.json", self._asyncapi),
            ],
            default=super().__call__,
        )

    @classmethod
    def of(cls, contract: Contract) -> Callable[[Any], "Documentation"]:
        """The middleware for one contract, as Connexion takes it."""
        return functools.partial(cls, contract=contract)

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

    async def _openapi(self, request: Request) -> Response:
        document = copy.copy(self._contract.openapi)
        document["servers"] = [{"url": "/"}]  # so that "try it out" calls this server
        return JSONResponse(document)

    async def _asyncapi(self, request: Request) -> Response:
        return JSONResponse(self._contract.asyncapi)

    async def _events(self, request: Request) -> Response:
        return HTMLResponse(_page(self._contract))


def _page(contract: Contract) -> str:
    info = contract.asyncapi["info"]
    sections = "".join(_section(event) for event in contract.events.values())
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{html.escape(info['title'])}</title><style>{_STYLE}</style>"
        f"<h1>{html.escape(info['title'])}</h1>"
        f"<p>{html.escape(info.get('description', ''))}</p>"
        f'<p><a href="{ROOT}/asyncapi.json">The AsyncAPI document</a> ·'
        f' <a href="{REST}">The REST operations</a></p>{sections}</html>'
    )


def _section(event: Event) -> str:
    direction = "client to server" if event.action == "receive" else "server to client"
    examples = [("Payload", example) for example in event.payload.examples.values()]
    examples += [
        ("Acknowledgement", example) for example in event.acknowledgement_examples.values()
    ]
    shown = "".join(
        f"<p>{title}</p><pre>{html.escape(json.dumps(value, indent=2, ensure_ascii=False))}</pre>"
        for title, value in examples
    )
    return (
        f"<h2>{html.escape(event.name)} <small>{direction}</small></h2>"
        f"<p>{html.escape(event.summary)}</p>{shown}"
    )
