"""The limit of this stack: `sendMessage` and `receiveMessage` on a bare Tornado WebSocket.

    python -m benchmarks.by_hand.events PORT SECRET USERS

Speaks as much of Engine.IO 4 and Socket.IO 5 as the load needs: the handshake over WebSocket,
the namespace, one event in and one out, frames written by hand and encoded once per message.
USERS is a JSON list of users. For measuring.
"""

import asyncio
import json
import sys
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jwt
import tornado.httpserver
import tornado.web
import tornado.websocket
from bson import ObjectId

SOCKETS: dict[str, set["Socket"]] = defaultdict(set)
MESSAGES: dict[frozenset[str], list[dict[str, Any]]] = defaultdict(list)
OPEN = {"upgrades": [], "pingInterval": 25000, "pingTimeout": 20000, "maxPayload": 1000000}


class Socket(tornado.websocket.WebSocketHandler):
    """One client."""

    def initialize(self, secret: str, users: dict[str, dict[str, str]]) -> None:
        self.secret, self.users = secret, users
        self.me: dict[str, str] | None = None

    def check_origin(self, origin: str) -> bool:
        return True

    def open(self, *args: str, **kwargs: str) -> None:
        self.set_nodelay(True)
        claims = jwt.decode(self.get_query_argument("token"), self.secret, algorithms=["HS256"])
        self.me = self.users[claims["id"]]
        self.write_message("0" + json.dumps({"sid": str(ObjectId())} | OPEN))

    def on_message(self, frame: str | bytes) -> None:
        assert isinstance(frame, str) and self.me is not None
        if frame.startswith("40"):
            SOCKETS[self.me["_id"]].add(self)
            self.write_message('40{"sid":"' + str(ObjectId()) + '"}')
        elif frame.startswith("42"):
            _, payload = json.loads(frame[2:])
            self._send(self.me, payload)

    def _send(self, me: dict[str, str], payload: dict[str, Any]) -> None:
        other = self.users[payload["recipientId"]]
        if not isinstance(payload["text"], str) or not payload["text"]:
            return
        now = datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
        pair = frozenset((me["_id"], other["_id"]))
        message = {
            "_id": str(ObjectId()),
            "conversationId": "-".join(sorted(pair)),
            "sender": me,
            "recipient": other,
            "text": payload["text"],
            "attachment": None,
            "status": "delivered",
            "createdAt": now,
            "updatedAt": now,
        }
        MESSAGES[pair].append(message)
        frame = "42" + json.dumps(["receiveMessage", message], separators=(",", ":"))
        for socket in SOCKETS[me["_id"]] | SOCKETS[other["_id"]]:
            socket.write_message(frame)

    def on_close(self) -> None:
        if self.me is not None:
            SOCKETS[self.me["_id"]].discard(self)


def read(users: Path) -> dict[str, dict[str, str]]:
    """The users as messages refer to them, by id."""
    people = json.loads(users.read_text())
    return {user["_id"]: {"_id": user["_id"], "name": user["name"]} for user in people}


async def main(port: int, secret: str, users: dict[str, dict[str, str]]) -> None:
    """Serves until the process ends."""
    settings = {"secret": secret, "users": users}
    tornado.web.Application(
        [(r"/socket\.io/", Socket, settings)], log_function=lambda _: None
    ).listen(port, "127.0.0.1")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], read(Path(sys.argv[3]))))
