"""The command `init`: a target file with comments, holding what can be found out by itself."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from conformance.adoption.fixture import Somebody, fixture

SECRET_NAMES = ("JWT_SECRET", "JWT_SECRET_KEY", "JWT_KEY", "ACCESS_TOKEN_SECRET", "SECRET_KEY")
"""What backends usually call the key of their tokens, the most telling first."""
SEEDS = ("seed", "db:seed", "seed:test", "reset", "db:reset")
STARTS = ("start", "serve", "dev")
_SETTING = re.compile(r"^\s*(?:export\s+)?(\w+)\s*=\s*[\"']?([^\"'\n]*)", re.M)


EXAMPLE = (
    Somebody(
        "60d0fe4f5311236168a109ca", "R2C20251109001", "Asha", ("R2C20251109002", "R2C20251109003")
    ),
    Somebody(
        "60d0fe4f5311236168a109cb", "R2C20251109002", "Ben", ("R2C20251109003", "R2C20251109004")
    ),
    Somebody("60d0fe4f5311236168a109cc", "R2C20251109003", "Chitra"),
    Somebody("60d0fe4f5311236168a109cd", "R2C20251109004", "Diego"),
)
"""Who stands in a target file where no users were found."""


@dataclass(frozen=True, slots=True)
class Found:
    """What the folder of a backend tells about it."""

    url: str
    secret: str | None = None
    """Name of the environment variable that holds the key."""
    reset: str | None = None
    start: str | None = None
    users: tuple[Somebody, ...] = ()
    fixture: str | None = None
    """The file they are from."""


def look_around(folder: Path, url: str | None) -> Found:
    """Looks at package.json, the .env files and a fixture of users in a folder; never at the
    secrets themselves.
    """
    named, users = fixture(folder)
    settings = _environment(folder)
    scripts = _scripts(folder)
    return Found(
        url=url or f"http://localhost:{settings.get('PORT', '5000')}",
        secret=next((name for name in SECRET_NAMES if name in settings), None),
        reset=next((f"npm run {name}" for name in SEEDS if name in scripts), None),
        start=next((f"npm run {name}" for name in STARTS if name in scripts), None),
        users=users,
        fixture=named,
    )


def _environment(folder: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in (".env.example", ".env.test", ".env"):
        file = folder / name
        if file.is_file():
            text = file.read_text(encoding="utf-8", errors="replace")
            found |= dict(_SETTING.findall(text))
    if not found.get("PORT", "5000").isdigit():
        del found["PORT"]
    return found


def _scripts(folder: Path) -> dict[str, object]:
    try:
        content = json.loads((folder / "package.json").read_text(encoding="utf-8"))
        scripts = content["scripts"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return scripts if isinstance(scripts, dict) else {}


def _text(value: str) -> str:
    """A TOML string: JSON's, which escapes no less."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _users(users: Iterable[Somebody]) -> str:
    first = True
    lines: list[str] = []
    for user in users:
        notes = ("   # the ObjectId", "   # the public id") if first else ("", "")
        lines += [
            "",
            "[[users]]",
            f"_id = {_text(user.id)}{notes[0]}",
            f"userId = {_text(user.public_id)}{notes[1]}",
            f"name = {_text(user.name)}",
        ]
        if first:
            lines.append('# token = "env:ASHA_TOKEN"   # in place of [auth]')
        first = False
    return "\n".join(lines[1:])


def _pairs(users: Sequence[Somebody]) -> str:
    """All friends; where none are known, which is not to say that there are none, a comment."""
    pairs = {tuple(sorted((user.public_id, friend))) for user in users for friend in user.friends}
    if not pairs:
        one, other, *_ = users
        return f"# pairs = [[{_text(one.public_id)}, {_text(other.public_id)}]]"
    lines = [f"  [{_text(one)}, {_text(other)}],\n" for one, other in sorted(pairs)]
    return f"pairs = [\n{''.join(lines)}]"


def target_file(found: Found) -> str:
    """The text of a target file."""
    users = found.users or EXAMPLE
    whose = f"# From {found.fixture}." if found.users else "# Examples: put users of yours here."
    secret = found.secret or "JWT_SECRET"
    process = [
        f'reset = "{found.reset}"' if found.reset else '# reset = "npm run seed"',
        f'start = "{found.start}"' if found.start else '# start = "npm start"',
    ]
    return f"""\
# Which backend r2c-verify verifies, and with whom. `r2c-verify doctor` says whether it fits.
# The suite writes messages and settings for these users: use a test database.

[target]
url = "{found.url}"

[auth]
# The key your backend signs tokens with: a literal, or the environment variable that holds it.
secret = "env:{secret}"
algorithm = "HS256"
# What your backend's tokens say of a user; {{_id}}, {{userId}} and {{name}} are filled in.
claims = {{ id = "{{_id}}" }}
# Instead of a secret, a command that prints a token:
# token_command = "node mint.js {{_id}}"

# Three users that exist, at least; with six or more first contacts can be judged again and again.
{whose}
{_users(users)}

[friends]
# Who is whose friend in your backend, by userId; all other pairs must not be friends.
{_pairs(users)}

[process]
# Runs before the verification, so that each run begins with the same data.
{process[0]}
# Starts the backend where the URL does not answer, and again when it dies.
{process[1]}

[requirements]
# Requirements that do not apply to your backend; they are listed in the report.
off = []
"""
