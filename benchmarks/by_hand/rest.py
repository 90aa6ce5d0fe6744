"""The limit: `sendMessage` and `listMessages` written by hand in Tornado handlers.

    python -m benchmarks.by_hand.rest PORT SECRET

It does what the contract asks of a good request (token, validation, storage, envelope) and no
more: no documents, no socket events, no limits, and of errors only their statuses. For measuring.
"""

import asyncio
import json
import sys
from datetime import UTC, datetime
from typing import Any

import jsonschema_rs
import jwt
import tornado.web
from bson import ObjectId

from reference_server.users import load

USERS = {user.id: {"_id": user.id, "name": user.name} for user in load()}
MESSAGES: dict[frozenset[str], list[dict[str, Any]]] = {}
BODY = jsonschema_rs.validator_for(
    {
        "type": "object",
        "required": ["recipientId"],
        "properties": {
            "recipientId": {"type": "string", "pattern": "^[0-9a-fA-F]{24}$"},
            "text": {"type": "string"},
            "attachment": {
                "type": "object",
                "required": ["type", "url"],
                "properties": {
                    "type": {"enum": ["image", "video", "file"]},
                    "url": {"type": "string", "minLength": 1},
                },
            },
        },
        "anyOf": [{"required": ["text"]}, {"required": ["attachment"]}],
    }
)


class Handler(tornado.web.RequestHandler):
    """Who asks, and how answers look."""

    def initialize(self, secret: str) -> None:
        self.secret = secret

    def prepare(self) -> None:
        scheme, _, token = self.request.headers.get("Authorization", "").partition(" ")
        try:
            claims = jwt.decode(token, self.secret, algorithms=["HS256"])
            self.me = USERS[claims["id"]]
        except (jwt.InvalidTokenError, KeyError):
            raise tornado.web.HTTPError(401) from None
        if scheme != "Bearer":
            raise tornado.web.HTTPError(401)

    def answer(self, status: int, data: Any) -> None:
        """The envelope."""
        self.set_status(status)
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps({"success": True, "data": data}, separators=(",", ":")))


class Send(Handler):
    """`POST /api/messages/send`"""

    def post(self) -> None:
        try:
            body = json.loads(self.request.body)
        except ValueError:
            raise tornado.web.HTTPError(400) from None
        if not BODY.is_valid(body):
            raise tornado.web.HTTPError(400)
        other = USERS.get(body["recipientId"].lower())
        if other is None:
            raise tornado.web.HTTPError(404)
        now = datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
        pair = frozenset((self.me["_id"], other["_id"]))
        message = {
            "_id": str(ObjectId()),
            "conversationId": "-".join(sorted(pair)),
            "sender": self.me,
            "recipient": other,
            "text": body.get("text", ""),
            "attachment": body.get("attachment"),
            "status": "sent",
            "createdAt": now,
            "updatedAt": now,
        }
        MESSAGES.setdefault(pair, []).append(message)
        self.answer(201, message)


class History(Handler):
    """`GET /api/messages/{otherUserId}`"""

    def get(self, other: str) -> None:
        if len(other) != 24 or not set(other.lower()) <= set("0123456789abcdef"):
            raise tornado.web.HTTPError(400)
        if other.lower() not in USERS:
            raise tornado.web.HTTPError(404)
        messages = MESSAGES.get(frozenset((self.me["_id"], other.lower())), [])
        for message in messages:
            if message["recipient"] is self.me and message["status"] != "read":
                message["status"] = "read"
        self.answer(200, messages)


async def main(port: int, secret: str) -> None:
    """Serves until the process ends."""
    settings = {"secret": secret}
    tornado.web.Application(
        [(r"/api/messages/send", Send, settings), (r"/api/messages/([^/]+)", History, settings)],
        log_function=lambda _: None,
    ).listen(port, "127.0.0.1")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
