"""A small conforming backend of the tests' own, for REST, which can be told to misbehave."""

import json
import re
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import EllipsisType
from typing import Any

from .conftest import ASHA, BEN, CHITRA

USERS = {user.id: user for user in (ASHA, BEN, CHITRA)}
FLAGS = ("isPinned", "isBlocked", "isFavorite")
Answer = tuple[int, Any] | None
Quirk = Callable[[str, str, Any], Answer | EllipsisType]
TIME = "2025-11-09T17:31:14.204Z"


class Refuse(Exception):
    def __init__(self, status: int) -> None:
        self.status = status


def conforming(method: str, path: str, body: Any) -> Answer:
    """What a conforming backend answers to Asha."""
    if match := re.fullmatch(r"/api/messages/([^/]+)", path):
        if method == "GET":
            someone(match[1])
            return 200, []
        if method == "POST":
            return send(body)
    if path == "/api/chat/send":
        text(body, "to")
        text(body, "message")
        named = [user.id for user in USERS.values() if user.public_id == body["to"]]
        return message(someone(named[0] if named else "e" * 24), body["message"], None)
    other = someone(path.split("/")[3])
    return settings(other, body)


def send(body: Any) -> Answer:
    if not isinstance(body, dict) or not isinstance(body.get("text", ""), str | None):
        raise Refuse(400)
    attachment = body.get("attachment")
    if attachment is not None and not (
        isinstance(attachment, dict)
        and attachment.get("type") in ("image", "video", "file")
        and isinstance(attachment.get("url"), str)
    ):
        raise Refuse(400)
    if not body.get("text") and attachment is None:
        raise Refuse(400)
    return message(someone(body.get("recipientId")), body.get("text"), attachment)


def settings(other: str, body: Any) -> Answer:
    if not isinstance(body, dict):
        raise Refuse(400)
    wrong = any(not isinstance(body.get(flag, True), bool) for flag in FLAGS)
    if wrong or not isinstance(body.get("customRingtone"), str | None):
        raise Refuse(400)
    known = dict.fromkeys(FLAGS, False) | {
        k: body[k] for k in (*FLAGS, "customRingtone") if k in body
    }
    return 200, {"_id": "a" * 24, "userId": ASHA.id, "otherUserId": other, **known}


def someone(id: Any) -> str:
    if not isinstance(id, str) or not re.fullmatch("[0-9a-fA-F]{24}", id):
        raise Refuse(400)
    if id.lower() not in USERS:
        raise Refuse(404)
    return id.lower()


def text(body: Any, name: str) -> None:
    if not isinstance(body, dict) or not isinstance(body.get(name), str) or not body[name]:
        raise Refuse(400)


def message(recipient: str, words: Any, attachment: Any) -> Answer:
    return 201, {
        "_id": secrets.token_hex(12), "conversationId": recipient[::-1],
        "sender": ASHA.id, "recipient": recipient,
        "text": words, "attachment": attachment, "createdAt": TIME, "status": "sent",
    }  # fmt: skip


@contextmanager
def backend(quirk: Quirk = lambda *_: ...) -> Iterator[str]:
    """A conforming backend, unless `quirk` has another answer; None cuts the connection."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1
        disable_nagle_algorithm = True

        def answer(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answer = quirk(self.command, self.path, raw)
            if answer is ...:
                answer = self.conforming(raw)
            if answer is None:
                self.connection.close()
                self.close_connection = True
                return
            status, data = answer
            shown = {"success": True, "data": data}
            if status >= 400:
                shown = {"success": False, "message": "No."}
            content = json.dumps(shown).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def conforming(self, raw: bytes) -> Answer:
            try:
                if self.command != "GET" and self.headers.get("Content-Type") != "application/json":
                    raise Refuse(415 if raw else 400)
                try:
                    body = json.loads(raw.decode()) if self.command != "GET" else None
                except ValueError:
                    raise Refuse(400) from None
                return conforming(self.command, self.path, body)
            except Refuse as refusal:
                return refusal.status, None

        do_GET = do_POST = do_PUT = answer

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
