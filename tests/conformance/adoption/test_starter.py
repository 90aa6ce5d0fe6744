"""What a first target file finds out by itself."""

import json
from pathlib import Path

import pytest

from conformance.adoption.starter import Found, look_around, target_file
from conformance.backend.target import Target


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
