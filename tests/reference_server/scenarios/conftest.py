"""The same server and control interface as the tests of control have."""

from tests.reference_server.control.conftest import (  # noqa: F401
    asha,
    ask,
    ben,
    control,
    history,
    server,
)
