"""A backend under test and its users, as scenarios and fuzzing speak to them."""

import threading
import time
import urllib.parse
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from conformance.backend.target import Target, User
from conformance.backend.tokens import TokenMint
from conformance.evidence.journal import Journal, body_text
from conformance.evidence.redaction import Redactor, name_of_token
from conformance.evidence.reproduction import reproduction
from conformance.evidence.steps import Step
from conformance.evidence.trace import Passage, trace
from conformance.judging.findings import Finding, Ledger
from conformance.judging.judgements import Judgement
from conformance.judging.messages import message_id, status_rank
from conformance.judging.monitors import (
    Sighting,
    StatusWatch,
    judge_acknowledgements,
    judge_event,
    judge_exchange,
    sightings,
)
from conformance.profiles import PROFILES, Profile
from conformance.wire.connections import NOBODY_LISTENS
from conformance.wire.deadlines import Deadline
from conformance.wire.http import ABSENT, Exchange, HttpClient
from conformance.wire.pacing import Pace
from conformance.wire.sockets import Connection, Received, Transport
from contract import Contract

LAST_STEPS = 8
"""How many of the last stimuli are named when the backend dies."""

TO_NOBODY = f"/api/messages/{'e':0<24}"
"""What is read only to see how long it takes: the history with a user who does not exist."""

LAST_HEARD = 100
"""How many of the last events from the backend are kept for the traces of findings."""


class World:
    """Everything a check needs: the contract, the target, its users, and where findings go."""

    def __init__(
        self,
        contract: Contract,
        target: Target,
        mint: TokenMint,
        ledger: Ledger,
        journal: Journal,
        redactor: Redactor,
        pace: Pace,
        seed: int,
        profile: Profile = PROFILES["default"],
    ) -> None:
        self.contract = contract
        self.target = target
        self.mint = mint
        self.ledger = ledger
        self.journal = journal
        self.redactor = redactor
        self.seed = seed
        self.profile = profile
        self.pace = pace
        self.everyone = target.users
        """The users of the whole target, whoever plays in this world."""
        self.undocumented_events: set[str] = set()
        self.last_steps: deque[Step] = deque(maxlen=LAST_STEPS)
        self._heard: deque[Step] = deque(maxlen=LAST_HEARD)
        self._reachable = True
        self._lingering: dict[str, float] = {}
        self._statuses = StatusWatch()
        self._lock = threading.RLock()
        self._listeners: list[Callable[[Step], None]] = []
        self.http = HttpClient(target.url, pace, self._observe_exchange)
        self._aside = HttpClient(target.url, pace, lambda exchange: None)
        self.actors = tuple(Actor(self, user) for user in target.users)

    @classmethod
    def of(
        cls,
        contract: Contract,
        target: Target,
        ledger: Ledger,
        journal: Journal,
        redactor: Redactor,
        patience: float = 1.0,
        seed: int = 0,
        profile: Profile = PROFILES["default"],
    ) -> Self:
        """The world of a target, with a token for each user; the redactor knows all its secrets.

        Raises TargetError when a token command fails.
        """
        mint, pace = TokenMint(target), Pace(patience=patience)
        return cls.with_tokens(contract, mint, ledger, journal, redactor, pace, seed, profile)

    @classmethod
    def with_tokens(
        cls,
        contract: Contract,
        mint: TokenMint,
        ledger: Ledger,
        journal: Journal,
        redactor: Redactor,
        pace: Pace,
        seed: int,
        profile: Profile = PROFILES["default"],
    ) -> Self:
        """The same with the tokens of a mint, which may have been made before."""
        target = mint.target
        if target.auth.secret:
            redactor.register("SECRET", target.auth.secret)
        for user in target.users:
            redactor.register(name_of_token(user.name), mint.valid(user))
        return cls(contract, target, mint, ledger, journal, redactor, pace, seed, profile)

    def slow_down_to(self, pace: Pace) -> None:
        """Takes the pace that was measured; connections and requests from now on keep to it."""
        self.pace = pace
        self.http.pace = self._aside.pace = pace

    def part(self, users: Sequence[User]) -> "World":
        """The same world with some of its users alone, for those who play there at the same time
        as others elsewhere; each hears of its own steps. What is found goes to the same places.
        """
        part = World(
            self.contract,
            replace(self.target, users=tuple(users)),
            self.mint,
            self.ledger,
            self.journal,
            self.redactor,
            self.pace,
            self.seed,
            self.profile,
        )
        part.everyone = self.everyone
        part.undocumented_events = self.undocumented_events
        part.last_steps = self.last_steps
        part._statuses, part._lock = self._statuses, self._lock
        return part

    def actor(self, user: User) -> "Actor":
        """The actor of a user of the target."""
        return next(actor for actor in self.actors if actor.user.id == user.id)

    def listen(self, listener: Callable[[Step], None]) -> Callable[[], None]:
        """Hands every step to the listener, until the returned function is called."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def linger(self, actor: str, seconds: float) -> None:
        """Notes that for so long the backend may take a user for online whose socket is gone."""
        self._lingering[actor] = max(self._lingering.get(actor, 0.0), time.monotonic() + seconds)

    def lingers(self, actor: "Actor") -> float:
        """Seconds for which the backend may still take this user for online."""
        return max(0.0, self._lingering.get(actor.name, 0.0) - time.monotonic())

    def settle_in(self, *connections: Connection) -> None:
        """Lets new connections rest before their first event (D18): for the pace's breath, and for
        as long as a request takes that is sent now. What a backend looks up for a connection waits
        in the same row as what it looks up for a request. The request itself says nothing.
        """
        rested = Deadline(self.pace.breath)
        self._aside.send("GET", TO_NOBODY, token=self.actors[0].token)
        for connection in connections:
            connection.rest(rested.left)

    def enter(self, judgement: Judgement, evidence: Sequence[Step] = ()) -> None:
        """Enters a judgement into the ledger, with the way to repeat it where it does not hold."""
        id = judgement.requirement
        if not self.ledger.knows(id):
            return
        if judgement.holds:
            self.ledger.passed(id)
            return
        self.ledger.fail(
            Finding(
                requirement=id,
                level=judgement.level or self.ledger.level(id),
                summary=self.redactor.text(judgement.summary),
                expected=self.redactor.text(judgement.expected),
                observed=self.redactor.text(judgement.observed),
                reproduce=reproduction(evidence, self.target.url, self.redactor),
                trace=self._trace(evidence),
            )
        )

    def _trace(self, evidence: Sequence[Step]) -> tuple[Passage, ...]:
        with self._lock:
            heard = tuple(self._heard)
        return trace(evidence, heard, self.pace.delivery + self.pace.settle, self.redactor.text)

    def step(self, step: Step) -> None:
        """Notes something that was done to the backend, for reproducers and crash reports."""
        if step.at is None:
            step = replace(step, at=time.time())
        self.remember(step)
        with self._lock:
            listeners = list(self._listeners)
        if step.exchange is None:
            # An exchange has a note of its own, with what came of it.
            self.journal.note(step.kind, actor=step.actor, what=step.line())
        for listener in listeners:
            listener(step)

    def remember(self, step: Step) -> None:
        """Keeps a step among the last ones, which are named when the backend dies."""
        with self._lock:
            if step.exchange is not None:
                self._reachable = step.exchange.error != NOBODY_LISTENS
            if self._reachable:
                # What comes after a death must not crowd out what came before it.
                self.last_steps.append(step)

    def call(
        self,
        operation: str,
        *,
        token: str | None,
        actor: str | None = None,
        path: Mapping[str, str] | None = None,
        json: Any = ABSENT,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Exchange:
        """Sends a request to an operation of the contract; `path` fills its parameters."""
        known = self.contract.operations[operation]
        target = known.path
        for name, value in (path or {}).items():
            target = target.replace(f"{{{name}}}", urllib.parse.quote(value, safe=""))
        return self.http.send(
            known.method,
            target,
            token=token,
            headers=headers,
            json=json,
            body=body,
            operation=operation,
            actor=actor,
        )

    def _observe_exchange(self, exchange: Exchange) -> None:
        step = Step.of_exchange(exchange)
        self.step(step)
        self.journal.note(
            "exchange",
            operation=exchange.operation,
            actor=exchange.actor,
            method=exchange.method,
            url=exchange.url,
            request_body=body_text(exchange.request_body),
            status=exchange.status,
            body=body_text(exchange.body) if exchange.status else None,
            error=exchange.error,
            elapsed=round(exchange.elapsed, 6),
            repeated=exchange.repeated,
        )
        for judgement in judge_exchange(self.contract, exchange):
            self.enter(judgement, [step])
        for sighting in sightings(exchange):
            self._sight(sighting, [step])

    def observe_event(self, actor: str, received: Received, step: Step) -> None:
        """Judges an event the moment it arrives, whoever is waiting for it."""
        self.journal.note("event", actor=actor, event=received.event, args=list(received.args))
        with self._lock:
            self._heard.append(step)
        known = self.contract.events.get(received.event)
        if known is None or known.action != "send":
            with self._lock:
                self.undocumented_events.add(received.event)
            return
        for judgement in judge_event(self.contract, received.event, received.args):
            self.enter(judgement, [step])
        message = received.args[0] if received.args else None
        id, rank = message_id(message), status_rank(message)
        if id is not None and rank is not None:
            self._sight(Sighting(id, rank, received.wall, received.wall, True), [step])

    def observe_acknowledgements(
        self, event: str, answers: tuple[tuple[Any, ...], ...], step: Step
    ) -> None:
        """Judges what came back for an event that asked for an acknowledgement."""
        for judgement in judge_acknowledgements(self.contract, event, answers):
            self.enter(judgement, [step])

    def _sight(self, sighting: Sighting, evidence: Sequence[Step]) -> None:
        with self._lock:
            judgement = self._statuses.judge(sighting)
        self.enter(judgement, evidence)

    def close(self) -> None:
        """Ends all connections of the HTTP client."""
        self.http.close()
        self._aside.close()


@dataclass(frozen=True, slots=True)
class Actor:
    """A user of the target who does things."""

    world: World
    user: User

    @property
    def id(self) -> str:
        """The user's ObjectId in lower case."""
        return self.user.id

    @property
    def name(self) -> str:
        """The user's name, for reports."""
        return self.user.name

    @property
    def token(self) -> str:
        """The user's valid token. Raises TargetError when it cannot be had."""
        return self.world.mint.valid(self.user)

    def call(self, operation: str, **request: Any) -> Exchange:
        """Sends a request as this user; see `World.call`."""
        return self.world.call(operation, token=self.token, actor=self.name, **request)

    def send(self, to: "Actor | str", **body: Any) -> Exchange:
        """POST /api/messages/send with `text`, `attachment` or any other fields."""
        recipient = to if isinstance(to, str) else to.id
        return self.call("sendMessage", json={"recipientId": recipient, **body})

    def chat(self, to: "Actor | str", message: str) -> Exchange:
        """POST /api/chat/send to a public user id."""
        recipient = to if isinstance(to, str) else to.user.public_id
        return self.call("sendChatMessage", json={"to": recipient, "message": message})

    def read(self, other: "Actor | str") -> Exchange:
        """GET /api/messages/{otherUserId}."""
        id = other if isinstance(other, str) else other.id
        return self.call("listMessages", path={"otherUserId": id})

    def set(self, other: "Actor | str", body: Any) -> Exchange:
        """PUT /api/conversations/{otherUserId}/metadata."""
        id = other if isinstance(other, str) else other.id
        return self.call("updateConversationMetadata", path={"otherUserId": id}, json=body)

    def connect(self, transport: Transport = "websocket", token: str | None = None) -> Connection:
        """Connects a socket of this user. Raises what `Connection.open` raises."""
        world = self.world
        step = Step.of_connect(self.name, transport)
        world.step(step)
        return Connection.open(
            world.target.url,
            token=self.token if token is None else token,
            transport=transport,
            actor=self.name,
            pace=world.pace,
            observe=lambda received: world.observe_event(
                self.name, received, Step.of_received(self.name, received)
            ),
        )
