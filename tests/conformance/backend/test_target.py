"""Target files: what a good one says, and the one sentence for each wrong one."""

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from conformance.backend.processes import reset
from conformance.backend.target import Auth, Target, TargetError, User, checked_url
from conformance.backend.tokens import TokenMint

ASHA = {"_id": "60D0fe4f5311236168a109ca", "userId": "R2C001", "name": "Asha"}
BEN = {"_id": "60d0fe4f5311236168a109cb", "userId": "R2C002", "name": "Ben"}
CARA = {"_id": "60d0fe4f5311236168a109cc", "userId": "R2C003", "name": "Cara O'Hara"}
URL = "http://localhost:5000"


def content(**sections) -> dict:
    """A target file that is right but for the sections given; None leaves a section out."""
    good = {
        "target": {"url": URL},
        "auth": {"secret": "a secret"},
        "users": [ASHA, BEN, CARA],
    }
    return {name: value for name, value in (good | sections).items() if value is not None}


def problem(**sections) -> str:
    with pytest.raises(TargetError) as caught:
        Target.of(content(**sections))
    return str(caught.value)


# What is right


def test_the_smallest_file_is_enough():
    target = Target.of(content())
    assert target.url == URL
    assert target.auth == Auth(secret="a secret")
    assert target.users[0] == User("60d0fe4f5311236168a109ca", "R2C001", "Asha")
    assert target.friends is None
    assert (target.reset, target.start, target.off) == (None, None, frozenset())


def test_a_url_given_as_an_argument_goes_before_the_files():
    assert Target.of(content(), "https://chat.example/app/").url == "https://chat.example/app"
    assert Target.of(content(target=None), "http://other").url == "http://other"


def test_ids_are_the_same_in_either_letter_case():
    target = Target.of(content(friends={"pairs": [[ASHA["_id"].upper(), BEN["_id"]]]}))
    assert target.are_friends(target.users[0], target.users[1])


def test_friends_may_be_named_by_public_id_and_hold_both_ways():
    asha, ben, cara = (
        target := Target.of(content(friends={"pairs": [["R2C001", "R2C002"]]}))
    ).users
    assert target.are_friends(asha, ben)
    assert target.are_friends(ben, asha)
    assert not target.are_friends(asha, cara)


def test_a_file_that_says_nothing_of_friends_is_not_one_without_friends():
    silent, nobody = Target.of(content(friends={})), Target.of(content(friends={"pairs": []}))
    assert silent.friends is None
    assert nobody.friends == frozenset()


def test_the_pairs_of_a_target_are_every_two_users_once():
    names = [(a.name, b.name) for a, b in Target.of(content()).pairs()]
    assert names == [("Asha", "Ben"), ("Asha", "Cara O'Hara"), ("Ben", "Cara O'Hara")]


def test_secret_and_tokens_may_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("CHAT_SECRET", "from outside")
    monkeypatch.setenv("ASHA_TOKEN", "a.b.c")
    target = Target.of(
        content(
            auth={"secret": "env:CHAT_SECRET"},
            users=[ASHA | {"token": "env:ASHA_TOKEN"}, BEN, CARA],
        )
    )
    assert target.auth.secret == "from outside"
    assert target.users[0].token == "a.b.c"


def test_a_token_for_each_user_needs_neither_secret_nor_command():
    users = [user | {"token": "a.b.c"} for user in (ASHA, BEN, CARA)]
    assert Target.of(content(auth=None, users=users)).auth == Auth()


def test_neither_secret_nor_token_shows_when_a_target_is_printed():
    users = [user | {"token": "hidden.to.ken"} for user in (ASHA, BEN, CARA)]
    shown = repr(Target.of(content(users=users)))
    assert "a secret" not in shown
    assert "hidden" not in shown


def test_placeholders_are_filled_and_other_braces_stay():
    user = User("60d0fe4f5311236168a109ca", "R2C001", "Asha")
    assert user.fill("{_id}/{userId}/{name}/{other}/{{}}") == (
        "60d0fe4f5311236168a109ca/R2C001/Asha/{other}/{{}}"
    )


def test_a_name_that_looks_like_a_placeholder_is_not_filled_again():
    assert User("60d0fe4f5311236168a109ca", "R2C001", "{_id}").fill("{name}") == "{_id}"


# What is wrong, a sentence each

WRONG = {
    "a command that cannot be one": (
        {"process": {"start": "npm\0start"}},
        "[process] start holds a NUL character",
    ),
    "an unknown section": ({"usres": []}, "[usres] is not known; did you mean users?"),
    "an unknown section like no other": ({"zzz": {}}, "[zzz] is not known; known: auth"),
    "an unknown key": (
        {"auth": {"secrte": "x"}},
        "[auth] secrte is not known; did you mean secret?",
    ),
    "an unknown key of a user": (
        {"users": [ASHA | {"id": "x"}, BEN, CARA]},
        "[users] id is not known; did you mean _id?",
    ),
    "a section that is no table": ({"auth": 3}, "[auth] has to be a table."),
    "no url": ({"target": None}, "[target] url is missing"),
    "a url that is no text": ({"target": {"url": 5000}}, "[target] url has to be a text"),
    "an empty url": ({"target": {"url": " "}}, "[target] url has to be a text that is not empty"),
    "a url that is none": ({"target": {"url": "localhost:5000"}}, "'localhost:5000' is no URL"),
    "no users": ({"users": None}, "[[users]] names 0; 3 users"),
    "two users": ({"users": [ASHA, BEN]}, "[[users]] names 2; 3 users"),
    "users that are no list": ({"users": {"Asha": ASHA}}, "[[users]] names 0; 3 users"),
    "a user that is no table": (
        {"users": [ASHA, BEN, "Cara"]},
        "[[users]] number 3 has to be a table",
    ),
    "a user without a name": (
        {"users": [ASHA, BEN, {"_id": CARA["_id"], "userId": "x"}]},
        "[[users]] number 3 needs name, a text.",
    ),
    "a public id that is a number": (
        {"users": [ASHA | {"userId": 7}, BEN, CARA]},
        "[[users]] number 1 needs userId, a text.",
    ),
    "an id of twelve characters": (
        {"users": [ASHA | {"_id": "twelve chars"}, BEN, CARA]},
        "'twelve chars' is no ObjectId",
    ),
    "the same user twice": (
        {"users": [ASHA, BEN, CARA | {"_id": ASHA["_id"].lower()}]},
        "[[users]] has the _id 60d0fe4f5311236168a109ca twice.",
    ),
    "the same name twice": (
        {"users": [ASHA, BEN, CARA | {"name": "Ben"}]},
        "[[users]] has the name Ben twice.",
    ),
    "the same public id twice": (
        {"users": [ASHA, BEN, CARA | {"userId": "R2C001"}]},
        "[[users]] has the userId R2C001 twice.",
    ),
    "a token with a line break": (
        {"users": [ASHA | {"token": "a.b\nc"}, BEN, CARA]},
        "[[users]] number 1 token is no token",
    ),
    "no way to a token": (
        {"auth": None},
        "there is no token for Asha, Ben, Cara O'Hara; set [auth]",
    ),
    "a token missing for one": (
        {"auth": {}, "users": [ASHA | {"token": "a"}, BEN | {"token": "b"}, CARA]},
        "there is no token for Cara O'Hara;",
    ),
    "two ways to a token": (
        {"auth": {"secret": "x", "token_command": "y"}},
        "[auth] has both secret and token_command",
    ),
    "an algorithm with a key pair": (
        {"auth": {"secret": "x", "algorithm": "RS256"}},
        "[auth] algorithm 'RS256' cannot be minted from a secret",
    ),
    "an algorithm that is a list": (
        {"auth": {"secret": "x", "algorithm": ["HS256"]}},
        "cannot be minted",
    ),
    "claims that are no table": (
        {"auth": {"secret": "x", "claims": "{_id}"}},
        "[auth] claims has to be",
    ),
    "an unknown placeholder": (
        {"auth": {"secret": "x", "claims": {"id": "{id}"}}},
        "[auth] claims: id uses {id}; known are {_id}, {userId} and {name}.",
    ),
    "an unknown placeholder deep inside": (
        {"auth": {"secret": "x", "claims": {"user": {"ids": ["{_id}", "{uid}"]}}}},
        "[auth] claims: user uses {uid}",
    ),
    "a claim that the suite sets": (
        {"auth": {"secret": "x", "claims": {"exp": 1}}},
        "[auth] claims: exp is set by the suite",
    ),
    "an issuer that is no text": (
        {"auth": {"secret": "x", "claims": {"iss": 1}}},
        "[auth] claims: iss has to be a text.",
    ),
    "a claim that JSON cannot hold": (
        {"auth": {"secret": "x", "claims": {"score": float("inf")}}},
        "[auth] claims: score holds inf, which JSON cannot.",
    ),
    "a secret from nowhere": (
        {"auth": {"secret": "env:NO_SUCH_THING"}},
        "[auth] secret names the environment variable NO_SUCH_THING, which is not set; set it in "
        "the shell, as by `export NO_SUCH_THING=…`: no .env file is read.",
    ),
    "a secret from a variable without a name": (
        {"auth": {"secret": "env:"}},
        "[auth] secret has to name an environment variable",
    ),
    "friends that are no pair": (
        {"friends": {"pairs": [["R2C001"]]}},
        "which is no pair of two users",
    ),
    "friends with themselves": (
        {"friends": {"pairs": [["R2C001", ASHA["_id"]]]}},
        "which is no pair of two users",
    ),
    "friends nobody knows": (
        {"friends": {"pairs": [["R2C001", "R2C009"]]}},
        "[friends] pairs names 'R2C009', who is not in [[users]].",
    ),
    "friends that are tables": (
        {"friends": {"pairs": [[{}, []]]}},
        "[friends] pairs has to be a list",
    ),
    "friends that are one text": (
        {"friends": {"pairs": "R2C001"}},
        "[friends] pairs has to be a list",
    ),
    "requirements that are no list": (
        {"requirements": {"off": "META-10"}},
        "[requirements] off has to be a list of requirement ids.",
    ),
    "a start that is no text": (
        {"process": {"start": ["npm"]}},
        "[process] start has to be a text",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_each_wrong_file_gets_its_sentence(name):
    sections, expected = WRONG[name]
    assert expected in problem(**sections)


@pytest.mark.parametrize(
    "url",
    [
        "", "localhost", "localhost:5000", "ftp://h", "http://", "http:///path", "//h", "http://h:0",
        "http://h:99999", "http://h:port", "http://a..b", "http://[::1", "http://h?q", "http://h#f",
        "http://user@h", "http://a b", "http://[v1.x]:1", "http://h/a b", "http://h\n", "http://h/\x1b[31m",
        "http://" + "a" * 64, "http://h/\udcff",
    ],
)  # fmt: skip
def test_what_is_no_url_of_a_backend_is_refused(url):
    with pytest.raises(TargetError, match=r"is no URL|nothing else"):
        checked_url(url)


@pytest.mark.parametrize(
    ("url", "clean"),
    [
        ("http://h", "http://h"),
        ("HTTPS://h:8443/", "https://h:8443"),
        ("http://[::1]:5000", "http://[::1]:5000"),
        ("http://h/some/app//", "http://h/some/app"),
        ("http://bücher.example", "http://bücher.example"),
    ],
)
def test_a_url_loses_only_the_slashes_at_its_end(url, clean):
    assert checked_url(url) == clean


# Reading from disk


def test_a_file_is_read_with_or_without_a_byte_order_mark(tmp_path):
    file = tmp_path / "target.toml"
    for mark in (b"", b"\xef\xbb\xbf"):
        file.write_bytes(mark + tomli_w.dumps(content()).encode())
        assert Target.read(file).url == URL


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"[target", "is no TOML: "),
        (b"a = \xff", "byte 4 is not UTF-8."),
        (b"a = " + b"9" * 5000, "is no TOML: "),
        (b"a = " + b"[" * 5000, "is no TOML: "),
        (b"[target]\nurl = 5\n[[users]]\n", "[[users]] names 1; 3 users"),
        (b"", "[[users]] names 0; 3 users"),
    ],
)
def test_a_file_that_cannot_be_read_names_itself(tmp_path, raw, expected):
    file = tmp_path / "target.toml"
    file.write_bytes(raw)
    with pytest.raises(TargetError) as caught:
        Target.read(file)
    assert str(caught.value).startswith(str(file))
    assert expected in str(caught.value)


def test_a_file_that_is_not_there_or_a_folder_is_said_to_be(tmp_path):
    with pytest.raises(TargetError, match=r"missing\.toml: No such file or directory"):
        Target.read(tmp_path / "missing.toml")
    with pytest.raises(TargetError, match="Is a directory"):
        Target.read(tmp_path)


# Anything at all

KEYS = st.sampled_from(
    ["target", "auth", "users", "friends", "process", "requirements", "url", "secret", "algorithm",
     "claims", "token_command", "_id", "userId", "name", "token", "pairs", "reset", "start", "off"]
) | st.text(max_size=5)  # fmt: skip
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.dates()
    | st.times()
    | st.datetimes()
    | st.text(max_size=8)
    | st.sampled_from(
        ["env:", "env:HOME", "env:\0", "{_id}", "{x}", "HS256", "R2C001", "http://h", "http://[",
         ASHA["_id"], BEN["_id"]]
    )
)  # fmt: skip
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


def one_sentence(error: TargetError) -> None:
    assert str(error).endswith((".", "?"))


@given(st.dictionaries(KEYS, VALUES, max_size=6))
def test_whatever_a_file_holds_it_is_a_target_or_a_target_error(anything):
    try:
        Target.of(anything)
    except TargetError as error:
        one_sentence(error)


@st.composite
def damaged(draw):
    """A right file in which one place holds something else."""
    file = content(
        auth={"secret": "a secret", "claims": {"id": "{_id}"}, "algorithm": "HS256"},
        friends={"pairs": [["R2C001", "R2C002"]]},
        process={"start": "true", "reset": "true"},
        requirements={"off": ["META-10"]},
        users=[dict(ASHA), dict(BEN), dict(CARA)],
    )
    section = draw(st.sampled_from(sorted(file)))
    if draw(st.booleans()):
        return file | {section: draw(VALUES)}
    inner = file[section]
    if isinstance(inner, list):
        inner[draw(st.integers(0, 2))][draw(KEYS)] = draw(VALUES)
    else:
        inner = {**inner, draw(st.sampled_from(sorted(inner)) | KEYS): draw(VALUES)}
        file[section] = inner
    return file


@given(damaged())
def test_a_file_damaged_in_one_place_is_a_target_or_a_target_error(file):
    try:
        Target.of(file)
    except TargetError as error:
        one_sentence(error)


def test_commands_run_in_the_folder_of_the_target_file(tmp_path):
    folder = tmp_path / "backend"
    folder.mkdir()
    (folder / "token.txt").write_text("aaa.bbb.ccc\n")
    file = folder / "target.toml"
    commands = {"reset": "touch was-reset", "start": "true"}
    file.write_text(
        tomli_w.dumps(content(auth={"token_command": "cat token.txt"}, process=commands))
    )
    target = Target.read(file)
    assert TokenMint(target).valid(target.users[0]) == "aaa.bbb.ccc"
    assert target.reset is not None
    reset(target.reset, target.folder)
    assert (folder / "was-reset").exists()
