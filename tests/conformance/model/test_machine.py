"""Scripts follow from their salt, are possible, and hold something of everything."""

import os
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import get_args

import pytest

from conformance.model.deeds import Deed
from conformance.model.machine import scripts
from conformance.model.model import Model

ROOT = Path(__file__).parents[3]


def drawn(count, seats=4, salt=7):
    return list(islice(scripts(seats, salt), count))


def test_the_same_salt_draws_the_same_in_any_thread():
    with ThreadPoolExecutor(3) as pool:
        first, second, other = pool.map(lambda salt: drawn(4, salt=salt), (7, 7, 8))
    assert first == second == drawn(4)
    assert first != other


@pytest.mark.parametrize("seats", [3, 4])
def test_every_deed_of_a_script_is_possible_when_its_turn_comes(seats):
    for script in drawn(6, seats):
        model = Model(seats)
        for deed in script:
            assert deed in model.legal(type(deed))
            model.do(deed)


def test_few_scripts_hold_every_kind_of_deed_and_most_of_them_send():
    counts = Counter(type(deed).__name__ for script in drawn(8) for deed in script)
    assert counts.keys() == {kind.__name__ for kind in get_args(Deed)}
    assert counts["Say"] + counts["Post"] > counts.total() / 4


def test_a_script_is_long_enough_to_be_worth_its_end():
    assert min(map(len, drawn(8))) > 30


def test_all_users_of_a_script_connect_several_devices():
    connected = Counter(
        (deed.who) for script in drawn(8) for deed in script if type(deed).__name__ == "Connect"
    )
    assert min(connected[seat] for seat in range(4)) >= 8


DRAW = """
import pathlib, sys
from itertools import islice
from conformance.backend.target import Target
from conformance.model.machine import scripts
from conformance.profiles import PROFILES
from conformance.run import Plan, verify
from contract import load
id = "60d0fe4f5311236168a109c"
users = [{"_id": f"{id}{n}", "userId": f"R{n}", "name": f"U{n}"} for n in (1, 2, 3)]
target = {"target": {"url": sys.argv[1]}, "auth": {"secret": "s" * 32}, "users": users}
verify(Plan(load(), Target.of(target), PROFILES["quick"], pathlib.Path("."), 1))
print(len(list(islice(scripts(4, 1), 20))))
"""


def test_a_run_leaves_no_folder_of_hypothesis_behind(tmp_path, nothing_listens):
    done = subprocess.run(
        [sys.executable, "-c", DRAW, nothing_listens],
        cwd=tmp_path,
        env={name: it for name, it in os.environ.items() if not name.startswith("HYPOTHESIS")}
        | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout == "20\n", done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["events.ndjson"]
