"""The contract as TypeScript: types of the REST operations, maps of the events, a typed socket.

The first are what `openapi-typescript` writes for the same document, once it says outright what it
means (`outright`); the tests hold the two against each other. Nothing but Python is needed.
"""

from contract.typescript.events import event_types, socket_types
from contract.typescript.outright import outright
from contract.typescript.rest import rest_types

__all__ = ["event_types", "outright", "rest_types", "socket_types"]
