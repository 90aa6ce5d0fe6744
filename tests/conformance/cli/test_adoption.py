"""The commands by which a team begins, as a shell runs them."""

import base64
import json
import subprocess
import sys
from pathlib import Path

import jwt
import pytest

ROOT = Path(__file__).parents[3]
SECRET = "a-secret-of-these-tests-with-32-bytes"


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "conformance", *arguments],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "JWT_SECRET": SECRET},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    assert run(tmp_path, "init").returncode == 0
    return tmp_path


def test_init_overwrites_nothing(begun: Path) -> None:
    before = (begun / "target.toml").read_text()
    again = run(begun, "init")
    assert (again.returncode, again.stderr.count("\n")) == (2, 1)
    assert "is there already" in again.stderr
    assert (begun / "target.toml").read_text() == before


def test_a_token_is_printed_for_a_user_by_any_name(begun: Path) -> None:
    for name in ("Asha", "R2C20251109001", "60D0FE4F5311236168A109CA"):
        done = run(begun, "token", name)
        assert done.returncode == 0
        claims = jwt.decode(done.stdout.strip(), SECRET, algorithms=["HS256"])
        assert claims["id"] == "60d0fe4f5311236168a109ca"


@pytest.mark.parametrize(
    ("kind", "error"),
    [("--expired", jwt.ExpiredSignatureError), ("--not-yet-valid", jwt.ImmatureSignatureError)],
)
def test_broken_tokens_are_broken_as_asked(
    begun: Path, kind: str, error: type[jwt.PyJWTError]
) -> None:
    token = run(begun, "token", "Asha", kind).stdout.strip()
    with pytest.raises(error):
        jwt.decode(token, SECRET, algorithms=["HS256"])


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (("--wrong-key",), jwt.InvalidSignatureError),
        (("--empty-key",), jwt.InvalidSignatureError),
        (("--cut-off",), jwt.InvalidTokenError),
        (("--without-signature",), jwt.DecodeError),
        (("--altered",), jwt.InvalidSignatureError),
        (("--unsigned", "nOnE"), jwt.InvalidAlgorithmError),
    ],
    ids=str,
)
def test_tokens_that_anybody_could_make_name_the_user_and_prove_nothing(
    begun: Path, kind: tuple[str, ...], error: type[jwt.PyJWTError]
) -> None:
    token = run(begun, "token", "Asha", *kind).stdout.strip()
    with pytest.raises(error):
        jwt.decode(token, SECRET, algorithms=["HS256"])
    valid = run(begun, "token", "Asha").stdout.strip()
    claims = jwt.decode(valid, SECRET, algorithms=["HS256"])
    payload = token.split(".")[1]
    read = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert read["id"] == claims["id"]


def test_a_token_of_nobody_names_no_user_of_the_file(begun: Path) -> None:
    token = run(begun, "token", "Asha", "--nobody").stdout.strip()
    assert jwt.decode(token, SECRET, algorithms=["HS256"])["id"].startswith("e")


def test_all_tokens_come_as_lines_for_a_shell(begun: Path) -> None:
    done = run(begun, "token", "--all")
    shown = subprocess.run(
        ["sh", "-c", f"{done.stdout}\nenv"], capture_output=True, text=True, check=True, env={}
    )
    tokens = dict(line.split("=", 1) for line in shown.stdout.splitlines() if "TOKEN_" in line)
    assert sorted(tokens) == ["TOKEN_ASHA", "TOKEN_BEN", "TOKEN_CHITRA", "TOKEN_DIEGO"]
    claims = jwt.decode(tokens["TOKEN_BEN"], SECRET, algorithms=["HS256"])
    assert claims["id"] == "60d0fe4f5311236168a109cb"


def test_each_finding_of_a_requirement_is_replayed(begun: Path) -> None:
    findings = [{"fingerprint": f"{n}" * 12, "summary": f"Number {n}"} for n in (1, 2)]
    content = {
        "seed": 7,
        "profile": "quick",
        "requirements": [{"id": "SEND-09", "findings": findings}],
    }
    (begun / "report.json").write_text(json.dumps(content))
    done = run(begun, "replay", "SEND-09", "http://127.0.0.1:9", "--report", "report.json")
    lines = done.stdout.splitlines()
    assert [line.partition(" (")[0] for line in lines if "looked for" in line] == [
        "could not be looked for: SEND-09 Number 1",
        "could not be looked for: SEND-09 Number 2",
    ]
    assert done.returncode == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("token", "Zoe"), "is no user of the target file"),
        (("token",), "needs a USER, by name, userId or _id, or --all"),
        (("token", "Asha", "--all"), "needs a USER, by name, userId or _id, or --all"),
        (("doctor", "--target", "gone.toml"), "`r2c-verify init` writes one"),
        (("doctor", "not-a-url"), "is no URL"),
        (("replay", "SEND-09"), "r2c-report/report.json"),
        (("init", "nonsense"), "is no URL"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(
    begun: Path, arguments: tuple[str, ...], words: str
) -> None:
    done = run(begun, *arguments)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert words in done.stderr
