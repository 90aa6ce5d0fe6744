import pytest

from reference_server.origins import is_local


@pytest.mark.parametrize(
    "origin",
    ["http://localhost", "http://localhost:3000", "https://127.0.0.1:8443", "http://[::1]:5173"],
)
def test_pages_of_this_machine_are_local(origin: str) -> None:
    assert is_local(origin)


@pytest.mark.parametrize(
    "origin",
    ["", "null", "http://localhost.evil.example", "http://evil.example/localhost", "localhost:80",
     "http://127.0.0.1.evil.example", "file://localhost", "http://localhost:3000\n"],
)  # fmt: skip
def test_all_others_are_not(origin: str) -> None:
    assert not is_local(origin)
