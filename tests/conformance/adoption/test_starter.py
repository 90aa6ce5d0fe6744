"""What a first target file finds out by itself."""

import json
from pathlib import Path

import pytest

from conformance.adoption.starter import Found, look_around, target_file
from conformance.backend.target import Target

EXPRESS = Path(__file__).parents[3] / "examples" / "express"


def test_a_folder_that_tells_nothing_gives_the_usual(tmp_path: Path) -> None:
    assert look_around(tmp_path, None) == Found("http://localhost:5000")


def test_port_secret_and_scripts_are_found(tmp_path: Path) -> None:
    (tmp_path / ".env.example").write_text("PORT=1\nACCESS_TOKEN_SECRET=x\n")
    (tmp_path / ".env").write_text("export PORT=\"4321\"\n# JWT_KEY=no\nJWT_SECRET='s'\n")
    scripts = {"dev": "a", "start": "b", "db:seed": "c"}
    (tmp_path / "package.json").write_text(json.dumps({"scripts": scripts}))
    assert look_around(tmp_path, None) == Found(
        "http://localhost:4321", "JWT_SECRET", "npm run db:seed", "npm run start"
    )


def test_a_given_url_goes_before_the_port(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=4321\n")
    assert look_around(tmp_path, "http://example.test").url == "http://example.test"


@pytest.mark.parametrize("text", ["", "[]", "{", '{"scripts": []}', '{"scripts": {"start": 1}}'])
def test_an_odd_package_file_does_no_harm(tmp_path: Path, text: str) -> None:
    (tmp_path / "package.json").write_text(text)
    (tmp_path / ".env").write_bytes(b"PORT=no\n\xff\n")
    assert look_around(tmp_path, None).url == "http://localhost:5000"


@pytest.mark.parametrize(
    "found", [Found("http://h:1"), Found("http://h:1", "MY_KEY", "npm run seed", "npm run start")]
)
def test_the_file_is_a_target_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: Found
) -> None:
    monkeypatch.setenv(found.secret or "JWT_SECRET", "a-secret-of-a-test")
    file = tmp_path / "target.toml"
    file.write_text(target_file(found), encoding="utf-8")
    target = Target.read(file)
    assert (target.url, target.reset, target.start) == (found.url, found.reset, found.start)
    assert target.auth.secret == "a-secret-of-a-test"


def test_no_secret_is_copied_into_the_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("JWT_SECRET=do-not-copy-me\n")
    assert "do-not-copy-me" not in target_file(look_around(tmp_path, None))


def test_without_users_in_the_folder_the_file_fits_the_example_backends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JWT_SECRET", "a-secret-of-a-test")
    file = tmp_path / "target.toml"
    file.write_text(target_file(look_around(tmp_path, None)), encoding="utf-8")
    target, people = Target.read(file), json.loads((EXPRESS / "users.json").read_text("utf-8"))
    assert named(target) == befriended(people, {user.public_id for user in target.users})


def test_users_and_friends_of_the_express_example_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JWT_SECRET", "a-secret-of-a-test")
    found = look_around(EXPRESS, None)
    assert found.fixture == "users.json"
    file = tmp_path / "target.toml"
    file.write_text(target_file(found), encoding="utf-8")
    target, own = Target.read(file), Target.read(EXPRESS / "target.toml")
    assert (target.users, target.friends) == (own.users, own.friends)


def named(target: Target) -> set[frozenset[str]]:
    public = {user.id: user.public_id for user in target.users}
    return {frozenset(map(public.__getitem__, pair)) for pair in target.friends or ()}


def befriended(people: list[dict], among: set[str]) -> set[frozenset[str]]:
    pairs = {frozenset((one["userId"], other)) for one in people for other in one["friends"]}
    return {pair for pair in pairs if pair <= among}


@pytest.mark.parametrize("name", ["users.json", "seed/users.json", "test/fixtures/users.json"])
def test_a_fixture_may_be_shaped_as_mongodb_exports_it(tmp_path: Path, name: str) -> None:
    def person(number: int, *friends: object) -> dict:
        id = {"$oid": f"60D0FE4F5311236168A109C{number}"}
        return {"_id": id, "publicId": f"P{number}", "username": f'U"{number}', "friends": friends}

    people = [
        person(1, {"$oid": "60d0fe4f5311236168a109c2"}, "nobody", 5),
        person(2, "60d0fe4f5311236168a109C1", {"_id": "60d0fe4f5311236168a109c3"}),
        person(3, "P3"),
        {"_id": "no ObjectId", "userId": "P4", "name": "D"},
        {"_id": f"{7:024x}", "userId": "P1", "name": "who has the id of another"},
        "nobody",
    ]
    file = tmp_path / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\ufeff" + json.dumps({"users": people}), encoding="utf-8")
    found = look_around(tmp_path, None)
    assert found.fixture == name
    assert [(it.id[-1], it.public_id, it.name, it.friends) for it in found.users] == [
        ("1", "P1", 'U"1', ("P2",)),
        ("2", "P2", 'U"2', ("P1", "P3")),
        ("3", "P3", 'U"3', ()),
    ]
    text = target_file(found)
    assert f"# From {name}." in text
    assert text.count('["P1", "P2"]') == 1


def test_a_fixture_that_tells_of_no_friends_is_not_taken_for_one_without_friends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JWT_SECRET", "a-secret-of-a-test")
    people = [
        {"_id": f"60d0fe4f5311236168a109c{number}", "userId": f"P{number}", "name": f"N{number}"}
        for number in range(3)
    ]
    (tmp_path / "users.json").write_text(json.dumps(people))
    file = tmp_path / "target.toml"
    file.write_text(target_file(look_around(tmp_path, None)), encoding="utf-8")
    assert Target.read(file).friends is None
    assert '# pairs = [["P0", "P1"]]' in file.read_text("utf-8")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"users": {}}', '[{"_id": 1}, 2]', "[" * 9999])
def test_an_odd_fixture_does_no_harm(tmp_path: Path, text: str) -> None:
    (tmp_path / "users.json").write_text(text)
    assert look_around(tmp_path, None) == Found("http://localhost:5000")
