"""A chat backend that keeps the whole contract: for frontends to talk to and suites to trust.

`r2c-server` runs it; tests run it in their own process:

    from reference_server import running

    with running() as server:
        requests.get(f"{server.url}/api/messages/{ben.id}", headers=...)
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reference_server.in_process import RunningServer, running

__all__ = ["RunningServer", "running"]


def __getattr__(name: str) -> Any:
    # What a command line needs for --help should not wait for an event loop to be imported.
    if name in __all__:
        from reference_server import in_process

        return getattr(in_process, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
