import json
import os
from pathlib import Path

import pytest

from reference_server.errors import StartError
from reference_server.users import load


def test_the_seeded_users_are_at_least_eight_and_begin_with_asha() -> None:
    users = list(load())
    assert len(users) >= 8
    assert users[0].id == "60d0fe4f5311236168a109ca"
    assert users[0].public_id == "R2C20251109001"
    assert users[0].name == "Asha"


def test_every_seeded_user_has_a_friend_and_a_stranger() -> None:
    directory = load()
    for user in directory:
        assert user.friends
        assert len(user.friends) < len(directory) - 1


def test_friendship_holds_both_ways() -> None:
    directory = load()
    for user in directory:
        for friend in user.friends:
            found = directory.by_id(friend)
            assert found is not None
            assert user.id in found.friends
    assert len(directory.friendships()) * 2 == sum(len(user.friends) for user in directory)


def test_an_id_is_found_in_either_letter_case() -> None:
    directory = load()
    assert directory.by_id("60D0FE4F5311236168A109CA") is directory.by_public_id("R2C20251109001")


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ("users: [}", "line 1, column 9"),
        pytest.param("[" * 20_000 + "]" * 20_000, "nest", id="deep"),
        ("people: []", "a list `users`"),
        ("users: [5]", "user 1: a user is a mapping"),
        ("users: [{_id: 600000000000000000000001, userId: A, name: Ann}]", "user 1: _id"),
        ("users: [{_id: 'xyz', userId: A, name: Ann}]", "24 hexadecimal digits"),
        (
            "users: [{_id: 60d0fe4f5311236168a109ca, userId: A, name: Ann},"
            " {_id: 60D0FE4F5311236168A109CA, userId: B, name: Bo}]",
            "user 2: _id",
        ),
        (
            "users: [{_id: 60d0fe4f5311236168a109ca, userId: A, name: Ann, friends: [Z]}]",
            "user 1: friend 'Z'",
        ),
        (
            "users: [{_id: 60d0fe4f5311236168a109ca, userId: A, name: Ann, friends: A}]",
            "user 1: friends must be a list",
        ),
    ],
)
def test_a_wrong_file_is_refused_in_one_sentence_with_the_place(
    tmp_path: Path, content: str, place: str
) -> None:
    file = tmp_path / "users.yaml"
    file.write_text(content)
    with pytest.raises(StartError) as refused:
        load(file)
    assert place in str(refused.value)
    assert str(file) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"nobody\.yaml: No such file"):
        load(tmp_path / "nobody.yaml")


def test_a_fifo_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(StartError, match="fifo: Not a regular file"):
        load(tmp_path / "fifo")


def test_a_name_that_no_encoding_holds_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "users.json"
    user = {"_id": "60d0fe4f5311236168a109ca", "userId": "A", "name": "\ud800"}
    file.write_text(json.dumps({"users": [user]}))
    with pytest.raises(StartError, match="user 1: name holds half of a surrogate pair"):
        load(file)
