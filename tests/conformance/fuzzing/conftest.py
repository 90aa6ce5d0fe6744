"""What the tests of fuzzing share: the contract, a few users, one generator."""

import pytest

from conformance.backend.target import User
from conformance.fuzzing.generation import Generator
from conformance.fuzzing.people import People
from contract import Contract, load

ASHA = User("60d0fe4f5311236168a109ca", "R2C20251109001", "Asha")
BEN = User("60d0fe4f5311236168a109cb", "R2C20251109002", "Ben")
CHITRA = User("60d0fe4f5311236168a109cc", "R2C20251109003", "Chitra")


@pytest.fixture(scope="session")
def contract() -> Contract:
    return load()


@pytest.fixture(scope="session")
def generator(contract: Contract) -> Generator:
    return Generator(contract)


@pytest.fixture
def people() -> People:
    """Asha sends; Ben and Chitra are there."""
    return People(ASHA, (BEN, CHITRA))
