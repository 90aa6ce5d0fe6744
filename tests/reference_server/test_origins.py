import pytest

from reference_server.errors import StartError
from reference_server.origins import Origins


@pytest.mark.parametrize(
    "origin",
    ["http://localhost", "http://localhost:3000", "https://127.0.0.1:8443", "http://[::1]:5173",
     "http://127.0.0.5:80", "https://shop.my-app.localhost:3000"],
)  # fmt: skip
def test_pages_of_this_machine_may_call(origin: str) -> None:
    assert Origins().allow(origin)


@pytest.mark.parametrize(
    "origin",
    ["", "null", "http://localhost.evil.example", "http://evil.example/localhost", "localhost:80",
     "http://127.0.0.1.evil.example", "file://localhost", "http://localhost:3000\n",
     "http://evil-localhost", "http://.localhost", "http://evil.example#.localhost",
     "http://user@localhost", "http://128.0.0.1", "http://[::2]:80"],
)  # fmt: skip
def test_no_others_may(origin: str) -> None:
    assert not Origins().allow(origin)


def test_named_origins_take_the_place_of_the_local_ones() -> None:
    origins = Origins.of(["https://app.example", "http://localhost:3000"])
    assert origins.allow("https://app.example")
    assert origins.allow("http://localhost:3000")
    assert not origins.allow("http://localhost:3001")
    assert not origins.allow("https://www.app.example")
    assert not origins.allow("http://app.example")


def test_an_origin_is_taken_as_browsers_write_it() -> None:
    origins = Origins.of(["HTTPS://App.Example:443", "http://[::1]:80", "null"])
    for origin in ("https://app.example", "http://[::1]", "null"):
        assert origins.allow(origin)


def test_a_star_means_every_page() -> None:
    origins = Origins.of(["*"])
    for origin in ("https://evil.example", "null", "capacitor://localhost"):
        assert origins.allow(origin)


@pytest.mark.parametrize(
    "text",
    ["", "app.example", "https://", "https://app.example/", "https://app.example:port",
     "https://*.app.example", "https://user@app.example", "https://app.example?x", "https://[::1"],
)  # fmt: skip
def test_what_is_no_origin_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(StartError, match="is no origin") as refused:
        Origins.of([text])
    assert "\n" not in str(refused.value)
