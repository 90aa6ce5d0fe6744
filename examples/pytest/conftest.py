"""The backend of a team, as its tests see it."""

from collections.abc import Iterator

import pytest

from conformance import Target
from reference_server import RunningServer, running


@pytest.fixture(scope="session")
def backend() -> Iterator[RunningServer]:
    """The application of the team, served from a thread; the reference server stands in for it."""
    with running() as server:
        yield server


@pytest.fixture(scope="session")
def r2c_target(backend: RunningServer) -> Target:
    """What the contract is verified against. With a target file at hand it is
    `Target.read("target.toml", url=backend.url)`.
    """
    return Target.of(
        {
            "target": {"url": backend.url},
            "auth": {"secret": backend.secret},
            "users": [
                {"_id": user.id, "userId": user.public_id, "name": user.name}
                for user in backend.users
            ],
            "friends": {
                "pairs": [
                    [one.public_id, other.public_id] for one, other in backend.users.friendships()
                ]
            },
        }
    )
