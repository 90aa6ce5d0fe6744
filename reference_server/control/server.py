"""A reference server under control: the same one, with other parts where control takes hold."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

from contract import Contract
from reference_server import rest
from reference_server.asgi import Application
from reference_server.control import ROOT
from reference_server.control.events import ControlledEvents
from reference_server.control.faults import Faults
from reference_server.control.interface import Interface
from reference_server.control.requests import Interference, Watching
from reference_server.control.sockets import ControlledSockets
from reference_server.control.traffic import Traffic
from reference_server.control.verbs import Verbs
from reference_server.control.verdicts import Refused, Verdicts, short
from reference_server.events import EventRouter
from reference_server.limits import RateLimit
from reference_server.origins import LOCAL, Origins
from reference_server.server import Server
from reference_server.sockets import SocketServer
from reference_server.store import Store
from reference_server.tokens import Tokens
from reference_server.users import Directory


class ControlledServer(Server):
    """A server with a control interface below `/_reference/`."""

    has_control = True

    def __init__(
        self,
        contract: Contract,
        users: Directory,
        tokens: Tokens,
        store: Store,
        *,
        mock: bool = False,
        origins: Origins = LOCAL,
        limit: RateLimit | None = None,
    ) -> None:
        """Tokens and store have to read the same clock. Raises StartError as `Server` does."""
        if tokens.clock is not store.clock:
            raise ValueError("tokens and store have different clocks")
        self._faults = Faults(contract)
        self._traffic = Traffic(contract)
        self._verdicts = Verdicts(contract)
        self._interference = Interference(self._faults, self._traffic)
        super().__init__(contract, users, tokens, store, mock=mock, origins=origins, limit=limit)
        self._bridge.too_large = self._note_too_large

    def make_sockets(self) -> SocketServer:
        """What speaks Socket.IO."""
        self._controlled_sockets = ControlledSockets(allowed_origin=self.origins.allow)
        return self._controlled_sockets

    def make_router(self) -> EventRouter:
        """What brings events to their handlers and to users."""
        self._events = ControlledEvents(
            self.contract,
            self._controlled_sockets,
            self.tokens,
            self.users,
            self._faults,
            self._traffic,
            self.clock,
        )
        return self._events

    def around(self) -> Sequence[rest.Around]:
        """What is put around each REST operation."""
        return (self._interference.around,)

    def wrapped(self, application: Application) -> Application:
        """What answers every HTTP request outside Socket.IO."""
        watched = Watching(application, self._traffic, self._verdicts, self.origins.allow)
        self._verbs = Verbs(
            self.contract,
            self.chat,
            self.tokens,
            self._events,
            self._faults,
            self._interference,
            self._traffic,
            watched,
        )
        self._interface = Interface(self._verbs, self.chat, self._events, self._traffic)
        return Fork(watched, self._control_application)

    async def adopt(self, contract: Contract) -> None:
        """Go by another contract from now on; what control has begun goes on."""
        await super().adopt(contract)
        for part in (self._faults, self._traffic, self._verdicts, self._verbs):
            part.adopt(contract)

    @property
    def pages(self) -> Mapping[str, str]:
        """What else there is to open, by name: paths."""
        return {**super().pages, "Control": f"{ROOT}/openapi.json", "Inspector": f"{ROOT}/"}

    async def stop(self) -> None:
        """Stop what the control interface has begun, then the server."""
        await self._interface.close()
        await super().stop()

    def _control_application(self) -> Application:
        return self._interface.application(self.host, LOCAL)

    def _note_too_large(self, scope: dict[str, Any], message: str) -> None:
        method, path = scope["method"], short(scope["path"])
        wrong = self._verdicts.of_request(Refused(method, path, None, 413, message, b""))
        if wrong is not None:
            facts = {"method": method, "path": path, "status": 413, "by": "client"}
            self._traffic.note("request", f"{method} {path}", None, facts, wrong)


class Fork:
    """Sends requests below `/_reference` to the control interface and all others to the backend."""

    def __init__(self, backend: Application, control: Callable[[], Application]) -> None:
        """`control` makes the interface, once it is first asked for: it is not needed at start."""
        self._backend = backend
        self._make_control = control

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope["path"] if scope["type"] == "http" else ""
        if path == ROOT or path.startswith(f"{ROOT}/"):
            await self._control(scope, receive, send)
        else:
            await self._backend(scope, receive, send)

    @cached_property
    def _control(self) -> Application:
        return self._make_control()
