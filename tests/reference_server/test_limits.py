"""A user who sends too much is told when to try again, and nobody else is."""

from typing import Any

import pytest
import requests

from reference_server.errors import StartError, TooMany
from reference_server.limits import RateLimit
from tests.reference_server.command import run_command, token
from tests.reference_server.conftest import Frames, Start


class Watch:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_is_filled_again_evenly_and_never_holds_more() -> None:
    watch = Watch()
    limit = RateLimit(3, 60, watch)
    for _ in range(3):
        limit.take("asha")
    with pytest.raises(TooMany) as refused:
        limit.take("asha")
    assert refused.value.headers == {"Retry-After": "20"}
    limit.take("ben")
    watch.now = 21
    limit.take("asha")
    with pytest.raises(TooMany):
        limit.take("asha")
    watch.now = 10_000
    for _ in range(3):
        limit.take("asha")
    with pytest.raises(TooMany):
        limit.take("asha")


@pytest.mark.parametrize("text", ["20", "0/s", "-1/s", "20/h", "1.5/s", "", "20/s "])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(StartError, match="20/s or 300/min"):
        RateLimit.of(text)


def test_requests_and_events_count_alike(start: Start) -> None:
    _, announced = start("--rate-limit", "3/min")
    url, other = announced["url"], announced["users"][1]["_id"]
    mine, theirs = token(announced), token(announced, 1)

    def read(whose: str) -> requests.Response:
        return requests.get(
            f"{url}/api/messages/{other}", headers={"Authorization": f"Bearer {whose}"}, timeout=9
        )

    frames = Frames(
        f"{url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket&token={mine}"
    )
    frames.until("0")
    frames.send("40")
    frames.until("40")
    said: list[Any] = [frames.emit("typing", {"recipientId": other}) for _ in range(2)]
    assert read(mine).status_code == 200
    refused = read(mine)
    assert refused.status_code == 429
    assert 15 < int(refused.headers["Retry-After"]) <= 20
    assert refused.json()["success"] is False
    said.append(frames.emit("typing", {"recipientId": other}))
    assert [each["success"] for each in said] == [True, True, False]
    assert read(theirs).status_code != 429
    # A token that is wrong takes nothing of anybody's.
    assert read(theirs + "x").status_code == 401
    frames.close()


def test_a_wrong_rate_is_one_sentence() -> None:
    done = run_command("--rate-limit", "many")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
