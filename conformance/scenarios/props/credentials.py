"""Authorization headers that a backend has to refuse with 401."""

import base64
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from conformance.backend.target import TargetError, User
from conformance.backend.tokens import HUGE, NoToken
from conformance.stage.actor import Actor
from conformance.stage.stage import Stage
from contract import Level

NONE = ("none", "None", "NONE", "nOnE")
"""Spellings of the algorithm that signs nothing."""

KINDS: Mapping[str, str] = {
    "a token without its signature": "--without-signature",
    "a token that is cut off": "--cut-off",
    "a token signed with another key": "--wrong-key",
    "a token signed with an empty key": "--empty-key",
    "a token that expired ten minutes ago": "--expired",
    **{f"an unsigned token of the algorithm {it}": f"--unsigned {it}" for it in NONE},
    "a token whose claims were replaced": "--altered",
    "a token of a user who does not exist": "--nobody",
    "a token that becomes valid in an hour": "--not-yet-valid",
}
"""With which option `r2c-verify token` prints which of `broken_tokens`."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What stands in the Authorization header, and which requirement refuses it."""

    requirement: str
    name: str
    """What it is, as the end of `a request with …`; the same in every run."""
    header: str | None = field(repr=False)
    """The whole value; None for no header."""
    level: Level | None = None

    @property
    def headers(self) -> dict[str, str]:
        """The headers of a request."""
        return {} if self.header is None else {"Authorization": self.header}


def refused(stage: Stage, actor: Actor, other: Actor) -> Iterator[Credentials]:
    """Everything but the token that belongs to `actor`. A requirement for which this target gives
    no token at all is entered as untestable.
    """
    yield Credentials("AUTH-01", "no Authorization header", None)
    possible: set[str] = set()
    missing: dict[str, str] = {}
    for requirement, name, make in broken_tokens(stage, actor.user, other.user):
        try:
            token = make()
        except (NoToken, TargetError) as error:
            missing[requirement] = str(error)
            continue
        possible.add(requirement)
        if token.count(".") == 2:
            command = made_with(name, actor.user)
            stage.world.redactor.register(f"{name} of {actor.name}", token, command)
        yield Credentials(requirement, name, f"Bearer {token}")
    for requirement, reason in missing.items():
        if requirement not in possible:
            stage.untestable(requirement, reason)
    valid = actor.token
    pair = base64.b64encode(f"{actor.name}:{valid}".encode()).decode()
    stage.world.redactor.register(f"Basic pair of {actor.name}", pair)
    yield Credentials("AUTH-06", "the token as the password of the scheme Basic", f"Basic {pair}")
    for scheme in ("Basic", "Token", "JWT"):
        name = f"a valid token under the scheme {scheme}"
        yield Credentials("AUTH-06", name, f"{scheme} {valid}")
    yield Credentials("AUTH-06", "a valid token without a scheme", valid, "should")


def broken_tokens(
    stage: Stage, user: User, other: User
) -> Iterator[tuple[str, str, Callable[[], str]]]:
    """Tokens that name `user` and let nobody in: the requirement that refuses one, what it is, and
    how to make it, which raises NoToken or TargetError where the target gives no way to.
    """
    mint = stage.world.mint
    yield "AUTH-02", "an empty token", lambda: ""
    yield "AUTH-02", "the word undefined for a token", lambda: "undefined"
    yield "AUTH-02", "the word null for a token", lambda: "null"
    yield "AUTH-02", "random text for a token", lambda: stage.text("token").replace(" ", "-")
    yield "AUTH-02", "three parts that are no JWT", lambda: "not.a.token"
    yield "AUTH-02", "two dots for a token", lambda: ".."
    yield "AUTH-02", "a token without its signature", lambda: mint.two_parts(user)
    yield "AUTH-02", "a token that is cut off", lambda: mint.truncated(user)
    yield "AUTH-03", "a token signed with another key", lambda: mint.wrong_key(user)
    yield "AUTH-03", "a token signed with an empty key", lambda: mint.empty_key(user)
    yield "AUTH-04", "a token that expired ten minutes ago", lambda: mint.expired(user)
    for spelling in NONE:
        name = f"an unsigned token of the algorithm {spelling}"
        yield "AUTH-05", name, lambda spelling=spelling: mint.unsigned(user, spelling)  # type: ignore[misc]
    name = "a token of the algorithm none with a signature of nothing"
    yield "AUTH-05", name, lambda: mint.unsigned(user, "none", "bm90aGluZw")
    yield "AUTH-05", "a token whose claims were replaced", lambda: mint.altered(user, other)
    nobody = User(stage.unknown_id(), f"NOBODY{stage.random.randrange(10**11)}", "Nobody")
    yield "AUTH-07", "a token of a user who does not exist", lambda: mint.nobody(nobody)
    yield "AUTH-10", "a token that becomes valid in an hour", lambda: mint.not_yet_valid(user)


def made_with(kind: str, user: User) -> str:
    """What prints such a token in sh; empty where `r2c-verify token` knows none."""
    option = KINDS.get(kind)
    return f"r2c-verify token {option} {shlex.quote(user.name)}" if option else ""


def huge() -> str:
    """A header longer than most servers take."""
    return f"Bearer {'x' * HUGE}"
