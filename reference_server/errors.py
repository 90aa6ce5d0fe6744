"""What the server refuses, and why: one small hierarchy for REST and events alike."""

from collections.abc import Mapping


class StartError(Exception):
    """The server cannot start; the text is one sentence for the person who started it."""


class BrokenEvent(Exception):
    """The server was about to emit what the contract does not allow."""


class Refusal(Exception):
    """A request or an event that is refused. The text is shown to the client as `message`.

    `status` is the HTTP status that says the same over REST (notes, section 5).
    """

    status = 400

    def __init__(self, message: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.headers = dict(headers or {})


class Invalid(Refusal):
    """The body, the payload or a parameter is not what the contract takes."""


class Unauthorized(Refusal):
    """The token is missing or not valid."""

    status = 401


class Forbidden(Refusal):
    """The recipient has blocked the caller."""

    status = 403


class NotFound(Refusal):
    """What the caller named does not exist."""

    status = 404


class Conflict(Refusal):
    """What is asked for does not go together with the state that the server is in."""

    status = 409


class MethodNotAllowed(Refusal):
    """The path exists, but not with this method."""

    status = 405


class TooMany(Refusal):
    """The caller sends more than the server allows (RFC 6585, section 4)."""

    status = 429


INTERNAL_ERROR = "Something failed in the server."


def error_body(message: str) -> dict[str, object]:
    """The error body of the notes, section 5: `{"success": false, "message": ...}`."""
    return {"success": False, "message": message}
