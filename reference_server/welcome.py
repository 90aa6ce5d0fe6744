"""What a server says when it listens: to people on the terminal, to programs in a file."""

import json
import os
import stat
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from reference_server.errors import StartError
from reference_server.server import Server


def announce(server: Server, path: Path) -> None:
    """Write `{url, secret, users, friends}` as JSON; whoever waits for the file sees it whole.

    `users` is a list of `{_id, userId, name}`, `friends` one of pairs of public ids. Only the
    owner may read the file, which holds the secret. Raises StartError when it cannot be written.
    """
    check_announcement(path)
    content = {
        "url": server.url,
        "secret": server.tokens.secret,
        "users": [
            {"_id": user.id, "userId": user.public_id, "name": user.name} for user in server.users
        ],
        "friends": [[one.public_id, two.public_id] for one, two in server.users.friendships()],
    }
    try:
        handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(content, file, ensure_ascii=False, indent=2)
        Path(draft).replace(path)
    except OSError as error:
        raise StartError(f"Cannot write the file {path}: {error.strerror}.") from error


def check_announcement(path: Path) -> None:
    """Raises StartError where something stands in the place of an announcement that must not be
    replaced: a device, a FIFO, a link, a folder.
    """
    try:
        in_the_way = not stat.S_ISREG(path.lstat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return  # whether it can be written shows when it is
    except OSError as error:
        raise StartError(f"Cannot write the file {path}: {error.strerror}.") from error
    if in_the_way:
        raise StartError(f"Cannot write the file {path}: it exists and is no regular file.")


def show(server: Server, console: Console | None = None) -> None:
    """Print address, documentation, users with a token each, and two lines to begin with."""
    console = console or Console(highlight=False)
    console.print(f"\n[bold green]Listening on {server.url}[/]\n")
    named = max(map(len, server.pages))
    for name, path in server.pages.items():
        _line(console, f"  {name:<{named}} {server.url}{path}")
    console.print()
    for mock in server.mocks:
        _line(console, f"  {'Mock':<{named}} {mock}")
    if any(server.mocks):
        console.print()
    console.print(_table(server))
    # Tokens stand in lines of their own: a table would cut them to the terminal's width.
    console.print("\n[bold]Tokens[/], valid for 30 days")
    tokens = {user.id: server.tokens.mint(user) for user in server.users}
    width = max(len(user.name) for user in server.users)
    for user in server.users:
        _line(console, f"{user.name:{width}}  {tokens[user.id]}")
    first, second = (list(server.users) * 2)[:2]
    console.print(Text(f"\nSend as {first.name}", style="bold"))
    body = json.dumps({"recipientId": second.id, "text": "Hello!"})
    _line(
        console,
        f"curl -X POST {server.url}/api/messages/send -H 'Authorization: Bearer"
        f" {tokens[first.id]}' -H 'Content-Type: application/json' -d '{body}'",
    )
    console.print(Text(f"\nListen as {second.name} (npm install socket.io-client)", style="bold"))
    _line(
        console,
        f'const {{ io }} = require("socket.io-client");\n'
        f'const socket = io("{server.url}", {{ query: {{ token: "{tokens[second.id]}" }} }});\n'
        f'socket.on("connect", () => console.log("connected"));\n'
        f'socket.on("connect_error", (error) => console.log(error.message));\n'
        f"socket.onAny((event, payload) => console.log(event, payload));\n",
    )
    console.print("Ctrl-C ends the server.")


def _line(console: Console, text: str) -> None:
    """Print a text as it is: neither wrapped nor cut nor read as markup."""
    console.print(Text(text), soft_wrap=True)


def _table(server: Server) -> Table:
    table = Table(
        "Name", "_id", "userId", "Friends", box=None, pad_edge=False, padding=(0, 2, 0, 0)
    )
    for column in table.columns[:3]:
        column.no_wrap = True
    for user in server.users:
        friends = [friend.name for friend in server.users if friend.id in user.friends]
        cells = (user.name, user.id, user.public_id, ", ".join(friends) or "-")
        table.add_row(*map(Text, cells))
    return table
