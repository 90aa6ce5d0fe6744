"""The example backend in Node keeps the contract."""

import json
import re
import tomllib

import pytest

from tests.examples.conftest import EXPRESS, Verify
from tests.examples.delay import delayed


@pytest.mark.slow
@pytest.mark.needs("express")
def test_it_keeps_every_requirement(verify: Verify) -> None:
    run = verify(EXPRESS / "server.js")
    assert run.findings == []
    assert {each["status"] for each in run.report["requirements"]} == {"passed"}
    assert (run.verdict, run.exit_status) == ("conformant", 0), run.printed


@pytest.mark.slow
@pytest.mark.needs("express")
def test_far_away_it_keeps_them_too(verify: Verify) -> None:
    """What is told live, and what is a race, with 100 ms and a jitter of 50 ms on everything."""
    only = "CONN-01,CONN-04,SEND-14,SEND-15,MSG-01,MSG-02,MSG-11,TYPE-01,PRES-02,META-10,ALL-06"
    run = verify(EXPRESS / "server.js", only, through=delayed)
    started = next(json.loads(line) for line in run.events.splitlines() if "run-started" in line)
    assert started["latency_ms"] > 50
    assert run.findings == []
    assert (run.verdict, run.exit_status) == ("conformant", 0), run.printed


def test_its_target_file_names_the_users_it_has() -> None:
    target = tomllib.loads((EXPRESS / "target.toml").read_text("utf-8"))
    people = json.loads((EXPRESS / "users.json").read_text("utf-8"))
    names = ("_id", "userId", "name")
    assert target["users"] == [{name: user[name] for name in names} for user in people]
    assert target["friends"]["pairs"] == [
        [user["userId"], friend] for user in people for friend in user["friends"]
    ]


def test_its_packages_are_pinned_and_come_from_no_registry_in_particular() -> None:
    package = json.loads((EXPRESS / "package.json").read_text("utf-8"))
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", pin) for pin in package["dependencies"].values())
    lock = json.loads((EXPRESS / "package-lock.json").read_text("utf-8"))
    assert lock["packages"][""]["dependencies"] == package["dependencies"]
    assert not any("resolved" in each for each in lock["packages"].values())
