"""The command `init`: a target file with comments, holding what can be found out by itself."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

SECRET_NAMES = ("JWT_SECRET", "JWT_SECRET_KEY", "JWT_KEY", "ACCESS_TOKEN_SECRET", "SECRET_KEY")
"""What backends usually call the key of their tokens, the most telling first."""
SEEDS = ("seed", "db:seed", "seed:test", "reset", "db:reset")
STARTS = ("start", "serve", "dev")
_SETTING = re.compile(r"^\s*(?:export\s+)?(\w+)\s*=\s*[\"']?([^\"'\n]*)", re.M)


@dataclass(frozen=True, slots=True)
class Found:
    """What the folder of a backend tells about it."""

    url: str
    secret: str | None = None
    """Name of the environment variable that holds the key."""
    reset: str | None = None
    start: str | None = None


def look_around(folder: Path, url: str | None) -> Found:
    """Looks at package.json and the .env files of a folder; never at the secrets themselves."""
    settings = _environment(folder)
    scripts = _scripts(folder)
    return Found(
        url=url or f"http://localhost:{settings.get('PORT', '5000')}",
        secret=next((name for name in SECRET_NAMES if name in settings), None),
        reset=next((f"npm run {name}" for name in SEEDS if name in scripts), None),
        start=next((f"npm run {name}" for name in STARTS if name in scripts), None),
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


def target_file(found: Found) -> str:
    """The text of a target file."""
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
[[users]]
_id = "60d0fe4f5311236168a109ca"   # the ObjectId
userId = "R2C20251109001"          # the public id
name = "Asha"
# token = "env:ASHA_TOKEN"         # in place of [auth]

[[users]]
_id = "60d0fe4f5311236168a109cb"
userId = "R2C20251109002"
name = "Ben"

[[users]]
_id = "60d0fe4f5311236168a109cc"
userId = "R2C20251109003"
name = "Chitra"

[friends]
# Who is whose friend in your backend, by userId; all other pairs must not be friends.
pairs = [["R2C20251109001", "R2C20251109002"]]

[process]
# Runs before the verification, so that each run begins with the same data.
{process[0]}
# Starts the backend where the URL does not answer, and again when it dies.
{process[1]}

[requirements]
# Requirements that do not apply to your backend; they are listed in the report.
off = []
"""
