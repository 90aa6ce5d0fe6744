"""The inspector: a page on which one sees what happens on a server, and makes things happen.

It uses the control interface and nothing else, and is served behind the same guard.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import Route, Router

from reference_server.asgi import Application
from reference_server.control import ROOT
from reference_server.documentation import page_of

PAGES = Path(__file__).with_name("pages")
INSPECTOR = f"{ROOT}/"


class Inspector:
    """Answers for the page and its parts, and lets everything else pass to the interface."""

    def __init__(self, interface: Application) -> None:
        self._interface = interface
        parts = [
            Route(f"{ROOT}/pages/{file.name}", _part(file))
            for file in PAGES.iterdir()
            if file.suffix in (".css", ".js")
        ]
        self._pages = Router(
            [Route(ROOT, _to_page), Route(INSPECTOR, _page), *parts],
            default=interface,
            redirect_slashes=False,
        )

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        is_read = scope["type"] == "http" and scope["method"] in ("GET", "HEAD")
        await (self._pages if is_read else self._interface)(scope, receive, send)


async def _to_page(request: Request) -> Response:
    return RedirectResponse(INSPECTOR)


async def _page(request: Request) -> Response:
    page = page_of(PAGES / "inspector.html", request)
    # What is shown came from clients, so no text can become markup here, not even by mistake.
    page.headers["Content-Security-Policy"] += "; require-trusted-types-for 'script'"
    page.headers["Cache-Control"] = "no-cache"
    return page


def _part(file: Path) -> Callable[[Request], Awaitable[Response]]:
    async def part(request: Request) -> Response:
        return FileResponse(file, headers={"Cache-Control": "no-cache"})

    return part
