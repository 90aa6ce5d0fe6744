"""Every kind of token really is what it claims to be."""

import base64
import json
import shlex
import sys
import time
import warnings
from pathlib import Path

import jwt
import pytest

from conformance.backend import tokens
from conformance.backend.target import Target, TargetError, User
from conformance.backend.tokens import NoToken, TokenMint
from conformance.profiles import PROFILES

SECRET = "the secret of the backend under test, long enough for any of the three"
PEOPLE = [
    {"_id": "60d0fe4f5311236168a109ca", "userId": "R2C001", "name": "Asha"},
    {"_id": "60d0fe4f5311236168a109cb", "userId": "R2C002", "name": 'Ben "B" O\'Hara'},
    {"_id": "60d0fe4f5311236168a109cc", "userId": "R2C003", "name": "Cara"},
]


def mint(people=PEOPLE, **auth) -> tuple[TokenMint, User, User]:
    target = Target.of(
        {"target": {"url": "http://h"}, "auth": auth or {"secret": SECRET}, "users": people}
    )
    return TokenMint(target), target.users[0], target.users[1]


def read(token: str, algorithm: str = "HS256", **options) -> dict:
    """The claims of a token that a careful backend takes."""
    return jwt.decode(token, SECRET, algorithms=[algorithm], options=options)


def part(text: str) -> dict:
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def command(*lines: str) -> str:
    """A token command that runs this Python program."""
    return shlex.join([sys.executable, "-c", "\n".join(lines)])


# Valid ones


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_a_valid_token_is_taken_by_a_careful_backend(algorithm):
    made, asha, _ = mint(secret=SECRET, algorithm=algorithm)
    claims = read(made.valid(asha), algorithm, require=["exp", "iat", "id"])
    assert claims["id"] == asha.id


def test_a_valid_token_was_issued_a_minute_ago_and_outlives_every_run():
    made, asha, _ = mint()
    claims, now = read(made.valid(asha)), time.time()
    assert now - 65 < claims["iat"] < now - 55
    longest = max(profile.whole_s + profile.fuzzing_s for profile in PROFILES.values())
    assert claims["exp"] - now > longest + 600


def test_a_user_has_the_same_token_throughout_a_run():
    made, asha, ben = mint()
    assert made.valid(asha) == made.valid(asha) != made.valid(ben)


def test_claims_may_be_of_any_type_and_nested():
    made, asha, _ = mint(
        secret=SECRET,
        claims={
            "user": {"_id": "{_id}", "tags": ["{name}", {"public": "{userId}"}]},
            "admin": False,
            "level": 3,
            "score": 1.5,
            "sub": "{_id}",
        },
    )
    claims = read(made.valid(asha))
    assert claims["user"] == {"_id": asha.id, "tags": ["Asha", {"public": "R2C001"}]}
    assert (claims["admin"], claims["level"], claims["score"]) == (False, 3, 1.5)


def test_a_short_secret_is_used_without_a_word():
    made, asha, _ = mint(secret="short")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        token = made.valid(asha)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert jwt.decode(token, "short", algorithms=["HS256"])["id"] == asha.id


def test_a_token_of_the_target_file_is_used_as_it_is():
    people = [person | {"token": f"opaque-{person['userId']}"} for person in PEOPLE]
    made, asha, _ = mint(people, secret=SECRET)
    assert made.valid(asha) == "opaque-R2C001"


def test_nobodys_token_is_valid_but_for_the_user():
    made, _, _ = mint()
    nobody = User("f" * 24, "R2C404", "Nobody")
    assert read(made.nobody(nobody))["id"] == "f" * 24


# Broken ones


def refused(token: str, algorithm: str = "HS256") -> str:
    """The name of the reason for which a careful backend refuses the token."""
    with pytest.raises(jwt.PyJWTError) as caught:
        read(token, algorithm)
    return type(caught.value).__name__


def test_an_expired_token_is_right_but_for_its_time_and_ran_out_five_minutes_ago_at_least():
    made, asha, _ = mint()
    token = made.expired(asha)
    assert refused(token) == "ExpiredSignatureError"
    claims = read(token, verify_exp=False)
    assert claims["id"] == asha.id
    assert claims["iat"] < claims["exp"] < time.time() - 300


def test_a_token_that_is_not_yet_valid_is_right_but_for_its_time():
    made, asha, _ = mint()
    token = made.not_yet_valid(asha)
    assert refused(token) == "ImmatureSignatureError"
    claims = read(token, verify_nbf=False)
    assert claims["id"] == asha.id
    assert claims["iat"] < time.time() < claims["nbf"] < claims["exp"]


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_a_token_with_the_wrong_key_is_right_but_for_the_key(algorithm):
    made, asha, _ = mint(secret=SECRET, algorithm=algorithm)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        token = made.wrong_key(asha)
    assert jwt.get_unverified_header(token)["alg"] == algorithm
    assert refused(token, algorithm) == "InvalidSignatureError"
    assert jwt.decode(token, options={"verify_signature": False}) == read(
        made.valid(asha), algorithm
    )


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_a_token_with_an_empty_key_is_right_for_who_has_no_key(algorithm):
    made, asha, _ = mint(secret=SECRET, algorithm=algorithm)
    token = made.empty_key(asha)
    assert refused(token, algorithm) == "InvalidSignatureError"
    said, _, signature = token.rpartition(".")
    signer = jwt.get_algorithm_by_name(algorithm)
    assert signer.verify(said.encode(), b"", jwt.utils.base64url_decode(signature))
    assert jwt.decode(token, options={"verify_signature": False})["id"] == asha.id


@pytest.mark.parametrize("spelling", ["none", "None", "NONE", "nOnE"])
def test_an_unsigned_token_has_the_right_claims_and_an_empty_signature(spelling):
    made, asha, _ = mint()
    header, claims, signature = made.unsigned(asha, spelling).split(".")
    assert part(header) == {"alg": spelling, "typ": "JWT"}
    assert part(claims) == read(made.valid(asha))
    assert signature == ""


def test_an_altered_token_has_one_users_signature_and_anothers_claims():
    made, asha, ben = mint()
    token = made.altered(asha, ben)
    assert refused(token) == "InvalidSignatureError"
    assert token.split(".")[2] == made.valid(asha).split(".")[2]
    assert jwt.decode(token, options={"verify_signature": False})["id"] == ben.id


def test_a_truncated_token_lost_half_of_its_signature():
    made, asha, _ = mint()
    token = made.truncated(asha)
    assert made.valid(asha).startswith(token)
    assert token.count(".") == 2
    refused(token)


def test_two_parts_are_no_jwt():
    made, asha, _ = mint()
    token = made.two_parts(asha)
    assert token.count(".") == 1
    assert refused(token) == "DecodeError"


@pytest.mark.parametrize("kind", ["expired", "not_yet_valid"])
def test_times_cannot_be_chosen_without_the_secret(kind):
    people = [person | {"token": "opaque"} for person in PEOPLE]
    made, asha, _ = mint(people, token_command="true")
    with pytest.raises(NoToken, match="needs \\[auth\\] secret"):
        getattr(made, kind)(asha)


def test_a_token_that_is_no_jwt_cannot_be_broken_as_one():
    people = [person | {"token": "opaque"} for person in PEOPLE]
    made, asha, ben = mint(people, token_command="true")
    for broken in (
        lambda: made.truncated(asha),
        lambda: made.two_parts(asha),
        lambda: made.wrong_key(asha),
        lambda: made.empty_key(asha),
        lambda: made.unsigned(asha, "none"),
        lambda: made.altered(asha, ben),
    ):
        with pytest.raises(NoToken, match=r"^the token given for this user"):
            broken()


@pytest.mark.parametrize("token", ["a.b.c", "..", "eyJhbGciOjF9.W10."])
def test_three_parts_that_hold_nothing_are_said_to_be_no_jwt(token):
    people = [person | {"token": token} for person in PEOPLE]
    made, asha, _ = mint(people, token_command="true")
    with pytest.raises(NoToken):
        made.wrong_key(asha)


def test_a_token_of_an_unknown_user_needs_a_way_to_make_one():
    people = [person | {"token": "opaque"} for person in PEOPLE]
    target = Target.of({"target": {"url": "http://h"}, "users": people})
    with pytest.raises(NoToken, match="secret or token_command"):
        TokenMint(target).nobody(target.users[0])


# Token commands


def test_a_command_makes_the_token_its_last_line():
    made, asha, _ = mint(token_command=command("print('minting ...')", "print('a.b.c')", "print()"))
    assert made.valid(asha) == "a.b.c"


def test_a_command_gets_each_value_as_one_word_whatever_it_holds():
    line = command(
        "import sys, base64", "print(base64.b64encode(repr(sys.argv[1:]).encode()).decode())"
    )
    made, _, ben = mint(token_command=f"{line} {{name}} --id={{_id}}")
    words = base64.b64decode(made.valid(ben)).decode()
    assert words == repr([ben.name, f"--id={ben.id}"])


def failure(monkeypatch, line: str, timeout: float = 20) -> str:
    monkeypatch.setattr(tokens, "COMMAND_TIMEOUT", timeout)
    made, asha, _ = mint(token_command=line)
    with pytest.raises(TargetError) as caught:
        made.valid(asha)
    said = str(caught.value)
    assert said.startswith("[auth] token_command ")
    assert "\n" not in said
    return said


def test_a_command_that_does_not_exist_is_named(monkeypatch):
    said = failure(monkeypatch, "no-such-program --mint")
    assert said == (
        "[auth] token_command 'no-such-program --mint' cannot be run: No such file or directory."
    )


def test_a_command_with_an_open_quote_is_named(monkeypatch):
    assert "cannot be read: No closing quotation." in failure(monkeypatch, "mint 'oh")


@pytest.mark.parametrize("line", ["/", "''"])
def test_a_command_that_is_no_program_is_named(monkeypatch, line):
    assert "cannot be run: " in failure(monkeypatch, line)


def test_a_command_that_fails_says_its_last_word(monkeypatch):
    line = command(
        "import sys", "print('a.b.c')", "print('no such user', file=sys.stderr)", "sys.exit(3)"
    )
    assert failure(monkeypatch, line).endswith("ended with status 3: no such user.")


def test_a_command_that_is_killed_says_by_what(monkeypatch):
    line = command("import os", "os.kill(os.getpid(), 9)")
    assert failure(monkeypatch, line).endswith("was ended by SIGKILL: it printed nothing.")


def test_a_command_that_prints_nothing_is_named(monkeypatch):
    assert "printed nothing; its last line has to be the token." in failure(monkeypatch, "true")


@pytest.mark.parametrize("line", ["error: no such user", "tok\u00e9n", "a.b.c\x00"])
def test_what_is_no_token_is_not_sent_as_one(monkeypatch, line):
    said = failure(monkeypatch, command(f"print({line!r})"))
    assert "printed a last line that is no token" in said


def test_bytes_that_are_no_text_are_no_token(monkeypatch):
    line = command("import os", "os.write(1, b'\\xff\\xfe\\n')")
    assert "printed a last line that is no token" in failure(monkeypatch, line)


def test_a_command_that_never_ends_is_ended_with_all_it_started(monkeypatch, tmp_path):
    note = tmp_path / "child"
    line = command(
        "import subprocess, sys, time",
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])",
        f"open({str(note)!r}, 'w').write(str(child.pid))",
        "time.sleep(60)",
    )
    began = time.monotonic()
    assert failure(monkeypatch, line, timeout=2).endswith("did not end within 2 s.")
    assert time.monotonic() - began < 10
    assert not alive(int(note.read_text()))


def test_a_command_that_leaves_something_behind_is_not_waited_for(monkeypatch):
    line = command(
        "import subprocess, sys",
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(5)'])",
        "print('a.b.c')",
    )
    made, asha, _ = mint(token_command=line)
    began = time.monotonic()
    assert made.valid(asha) == "a.b.c"
    assert time.monotonic() - began < 4


def test_a_command_that_prints_without_end_is_ended(monkeypatch):
    line = command("while True: print('x' * 1000)")
    began = time.monotonic()
    assert failure(monkeypatch, line).endswith("printed more than 1,000,000 bytes.")
    assert time.monotonic() - began < 10


def test_a_command_that_waits_for_input_gets_none(monkeypatch):
    made, asha, _ = mint(token_command=command("print('x' + input('password? '))"))
    with pytest.raises(TargetError, match="EOFError"):
        made.valid(asha)


def alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be reaped does not."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
            if stat.rpartition(")")[2].split()[0] == "Z":
                return False
        except FileNotFoundError:
            return False
    return True


@pytest.mark.parametrize(
    ("secret", "says"),
    [("ssh-rsa AAAA", "is a public key or a certificate"), ("\udcff" * 32, "no UTF-8 text")],
)
def test_a_secret_that_signs_nothing_is_said_to_be_so(secret, says):
    made, asha, _ = mint(secret=secret)
    with pytest.raises(TargetError, match=says):
        made.valid(asha)
