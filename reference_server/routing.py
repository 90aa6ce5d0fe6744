"""From a request to the operation of the document that it means.

Takes the place of Connexion's routing: it reads the path as it was sent, so that `%2F` stays within
its segment, decodes each segment by itself, knows all methods of a path, and answers for the rest.
"""

import difflib
from typing import Any
from urllib.parse import unquote

from connexion.http_facts import METHODS
from connexion.middleware.abstract import ROUTING_CONTEXT, SpecMiddleware

from reference_server.errors import MethodNotAllowed, NotFound

Scope = dict[str, Any]
LONGEST_MISTAKE = 200  # bytes of a path that is compared with those that there are


class Routing(SpecMiddleware):  # type: ignore[misc]  # Connexion carries no types
    """Names the operation and its path parameters in the ASGI scope, for the middlewares after."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self._routes: list[tuple[tuple[str, ...], dict[str, str], str]] = []

    def add_api(self, specification: Any, base_path: str | None = None, **_: Any) -> None:
        """Add the paths of a document (called by Connexion)."""
        for path, item in specification.get("paths", {}).items():
            methods = {
                method.upper(): node.get("operationId")
                for method, node in item.items()
                if method in METHODS
            }
            template = tuple(f"{base_path or ''}{path}".split("/")[1:])
            self._routes.append((template, methods, base_path or ""))
        # A path without parameters goes before one with (OpenAPI 3.0, Paths Object).
        self._routes.sort(key=lambda route: [part.startswith("{") for part in route[0]])

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        methods, base_path, parameters = self._match(scope["raw_path"])
        method = scope["method"]
        operation_id = methods.get("GET" if method == "HEAD" else method)
        if operation_id is not None:
            scope["path_params"] = parameters
            context = {"api_base_path": base_path, "operation_id": operation_id}
            scope.setdefault("extensions", {})[ROUTING_CONTEXT] = context
            await self.app(scope, receive, send)
            return
        allowed = sorted({*methods, "OPTIONS"} | ({"HEAD"} if "GET" in methods else set()))
        headers = {"Allow": ", ".join(allowed)}
        if method != "OPTIONS":
            raise MethodNotAllowed(
                f"The method must be one of {headers['Allow']}.", headers=headers
            )
        allow = (b"allow", headers["Allow"].encode())
        await send({"type": "http.response.start", "status": 204, "headers": [allow]})
        await send({"type": "http.response.body", "body": b""})

    def _match(self, raw_path: bytes) -> tuple[dict[str, str], str, dict[str, str]]:
        """Methods, base path and parameters of the path. Raises NotFound where there is none."""
        segments = [unquote(part) for part in raw_path.decode("latin-1").split("/")[1:]]
        for template, methods, base_path in self._routes:
            if len(template) == len(segments):
                parameters = _fit(template, segments)
                if parameters is not None:
                    return methods, base_path, parameters
        raise NotFound(f"There is nothing at this path{self._hint(raw_path)}.")

    def _hint(self, raw_path: bytes) -> str:
        """The path that was meant, in brackets, where one is close."""
        if len(raw_path) > LONGEST_MISTAKE:
            return ""
        known = ["/" + "/".join(template) for template, _, _ in self._routes]
        close = difflib.get_close_matches(raw_path.decode("latin-1"), known, n=1, cutoff=0.8)
        return f" (did you mean {close[0]}?)" if close else ""


def _fit(template: tuple[str, ...], segments: list[str]) -> dict[str, str] | None:
    """The path parameters, or None where the path is another."""
    parameters = {}
    for part, segment in zip(template, segments, strict=True):
        if part.startswith("{") and part.endswith("}"):
            if not segment:
                return None
            parameters[part[1:-1]] = segment
        elif part != segment:
            return None
    return parameters
