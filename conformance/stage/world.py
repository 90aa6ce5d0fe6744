"""A backend under test and its users, as scenarios and fuzzing speak to them."""

import threading
import time
import urllib.parse
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any, Self

from conformance.backend.target import Target, User
from conformance.backend.tokens import TokenMint
from conformance.evidence.journal import Journal, body_text
from conformance.evidence.redaction import Redactor, name_of_token
from conformance.evidence.reproduction import reproduction
from conformance.evidence.steps import Step
from conformance.evidence.trace import Passage, trace
from conformance.judging.audience import Copies, Identities, judge_audience
from conformance.judging.findings import Finding, Ledger
from conformance.judging.judgements import Judgement
from conformance.judging.messages import member, message_id, new_message, status_rank, user_id
from conformance.judging.monitors import (
    Sighting,
    StatusWatch,
    judge_acknowledgements,
    judge_event,
    judge_exchange,
    messages_of,
    sightings,
)
from conformance.profiles import PROFILES, Profile
from conformance.stage.absence import NOT_YET, Lookout, problem
from conformance.stage.actor import Actor
from conformance.stage.attendance import Attendance
from conformance.stage.naming import named_in, operation_named
from conformance.stage.obstacles import Avoided
from conformance.stage.trail import Trail
from conformance.wire.deadlines import Deadline
from conformance.wire.http import ABSENT, Exchange, HttpClient
from conformance.wire.pacing import Pace
from conformance.wire.sockets import Connection, Received
from contract import Contract

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
        self.avoided: set[str] = set()
        """What `named_in` calls the things that the backend dies of even in their plainest form."""
        self.last_steps = Trail()
        self.attendance = Attendance()
        self._heard: deque[Step] = deque(maxlen=LAST_HEARD)
        self.blocked: set[frozenset[str]] = set()
        """Ids of two users between whom stands a block that cannot be taken back: nothing is judged
        between them (D10).
        """
        self.stuck: set[frozenset[str]] = set()
        """Those among them of whom it was said (META-02). Nobody is blocked any more then."""
        self.lookout = Lookout()
        """Sees whether the backend is away in the middle of something."""
        self._lingering: dict[str, float] = {}
        self._statuses = StatusWatch()
        self._identities = Identities()
        self._copies = Copies()
        self._correspondence: set[frozenset[str]] = set()
        self._lock = threading.RLock()
        self._listeners: list[Callable[[Step], None]] = []
        self.http = HttpClient(target.url, pace, self._observe_exchange)
        self._aside = HttpClient(
            target.url, pace, lambda exchange: self.remember(Step.of_exchange(exchange))
        )
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
        part.avoided = self.avoided
        part.last_steps, part.attendance = self.last_steps, self.attendance
        part._statuses, part._lock = self._statuses, self._lock
        part._identities = self._identities
        part.lookout, part.blocked, part.stuck = self.lookout, self.blocked, self.stuck
        part._correspondence = self._correspondence
        return part

    @property
    def ids(self) -> frozenset[str]:
        """The ids of the users of the whole target."""
        return frozenset(user.id for user in self.everyone)

    def actor(self, user: User) -> Actor:
        """The actor of a user of the target."""
        return next(actor for actor in self.actors if actor.user.id == user.id)

    def listen(self, listener: Callable[[Step], None]) -> Callable[[], None]:
        """Hands every step to the listener, until the returned function is called."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def are_free(self, *actors: Actor) -> bool:
        """Whether no two of them are set apart by a block that cannot be taken back."""
        return not any({one.id, other.id} in self.blocked for one, other in combinations(actors, 2))

    def have_written(self, one: Actor, other: Actor) -> bool:
        """Whether a message of one of the two to the other was seen in this run."""
        with self._lock:
            return frozenset((one.id, other.id)) in self._correspondence

    def _note_pair(self, message: Any) -> None:
        pair = {user_id(member(message, name)) for name in ("sender", "recipient")}
        if None not in pair:
            with self._lock:
                self._correspondence.add(frozenset(filter(None, pair)))

    def linger(self, actor: str, seconds: float) -> None:
        """Notes that for so long the backend may take a user for online whose socket is gone."""
        self._lingering[actor] = max(self._lingering.get(actor, 0.0), time.monotonic() + seconds)

    def lingers(self, actor: Actor) -> float:
        """Seconds for which the backend may still take this user for online."""
        return max(0.0, self._lingering.get(actor.name, 0.0) - time.monotonic())

    def settle_in(self, *connections: Connection) -> None:
        """Lets new connections rest before their first event (D18): for the pace's breath, and for
        as long as a request takes that is sent now. What a backend looks up for a connection waits
        in the same row as what it looks up for a request. The request itself says nothing.
        """
        rested = Deadline(self.pace.breath)
        self._ask_aside()
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
                reproduce=reproduction(
                    evidence,
                    self.target.url,
                    self.redactor,
                    judgement.expected,
                    judgement.observed,
                ),
                trace=self._trace(evidence),
                cause=judgement.cause,
            )
        )

    def _trace(self, evidence: Sequence[Step]) -> tuple[Passage, ...]:
        with self._lock:
            heard = tuple(self._heard)
        return trace(evidence, heard, self.pace.delivery + self.pace.settle, self.redactor.text)

    def _avoid(self, named: frozenset[str]) -> None:
        if deadly := sorted(named & self.avoided):
            raise Avoided(
                f"the backend dies of a plain {deadly[0]} (ALL-05), so none is sent any more"
            )

    def step(self, step: Step) -> None:
        """Notes something that is done to the backend now, for reproducers and crash reports.

        Raises Avoided where the backend would die of it.
        """
        if step.kind not in ("exchange", "received"):
            self._avoid(named_in(self.contract, step))
        if step.at is None:
            step = replace(step, at=time.time())
        self.remember(step)
        self.attendance.note(step)
        with self._lock:
            listeners = list(self._listeners)
        if step.exchange is None:
            # An exchange has a note of its own, with what came of it.
            self.journal.note(step.kind, actor=step.actor, what=step.line())
        for listener in listeners:
            listener(step)

    def remember(self, step: Step) -> None:
        """Keeps a step among the last ones, which are suspected when the backend dies."""
        self.last_steps.add(step, dead=self.lookout.saw)

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
        """Sends a request to an operation of the contract; `path` fills its parameters.

        Raises Avoided where the backend would die of it.
        """
        known = self.contract.operations[operation]
        self._avoid(frozenset({operation_named(known)}))
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
        if self.is_unanswered(exchange):
            return
        for judgement in judge_exchange(self.contract, exchange):
            self.enter(judgement, [step])
        self._note_pair(new_message(exchange))
        for sighting in sightings(exchange):
            self._sight(sighting, step)
        for message in messages_of(exchange):
            self._identify(message, step)

    def is_unanswered(self, exchange: Exchange) -> bool:
        """Whether the backend did not answer, though maybe a proxy in its place."""
        if exchange.status is not None and exchange.status not in NOT_YET:
            return False
        return self.looks_away() or exchange.status is None

    def looks_away(self) -> bool:
        """Whether nobody stands behind the address now, or did not since `Backend` was asked."""
        with self._lock:
            steps = list(self.last_steps)
        return self.lookout.look(
            lambda: problem(self.target.url, self.pace, self._ask_aside), steps
        )

    def _ask_aside(self) -> Exchange:
        """Reads what two have written who never do: as plain a request as there is, and a short
        answer. It is judged nowhere, but the backend may die of it as of any other.
        """
        reader, other = self.actors[-2:]
        reading = self.contract.operations["listMessages"]
        if operation_named(reading) in self.avoided:
            return self._aside.send("GET", "/")
        return self._aside.send(
            reading.method,
            reading.path.replace("{otherUserId}", other.id),
            token=reader.token,
            operation=reading.id,
            actor=reader.name,
        )

    def observe_event(self, actor: Actor, received: Received, step: Step) -> None:
        """Judges an event the moment it arrives, whoever is waiting for it."""
        self.journal.note("event", actor=actor.name, event=received.event, args=list(received.args))
        with self._lock:
            self._heard.append(step)
        known = self.contract.events.get(received.event)
        if known is None or known.action != "send":
            with self._lock:
                self.undocumented_events.add(received.event)
            return
        message = received.args[0] if received.args else None
        for judgement in judge_event(self.contract, received.event, received.args):
            self._enter_of(judgement, step)
        for judgement in judge_audience(
            received.event,
            message,
            actor.id,
            company=frozenset(one.id for one in self.actors),
            everyone=self.ids,
            friends=None if self.target.friends is None else self._friends,
        ):
            named = replace(judgement, observed=self._by_name(judgement.observed))
            self._enter_of(named, step)
        if received.event == "receiveMessage" and step.connection is not None:
            with self._lock:
                again = list(self._copies.judge(message, actor.id, step.connection))
            for judgement in again:
                self._enter_of(replace(judgement, observed=self._by_name(judgement.observed)), step)
        self._identify(message, step)
        self._note_pair(message)
        id, rank = message_id(message), status_rank(message)
        if id is not None and rank is not None:
            self._sight(Sighting(id, rank, received.wall, received.wall, True), step)

    def _enter_of(self, judgement: Judgement, came: Step) -> None:
        """Enters what is judged of an answer or an event, with what led to it."""
        if judgement.holds or came.kind == "exchange":
            self.enter(judgement, [came])
            return
        payload = came.args[0] if came.args else None
        id = user_id(member(payload, "senderId" if came.event == "typingStatus" else "userId"))
        user = next((one.name for one in self.everyone if one.id == id), None)
        self.enter(judgement, self.attendance.leading_to(came, user, list(self.last_steps)))

    def _by_name(self, text: str) -> str:
        """The text with the names of users in place of their ids."""
        for user in self.everyone:
            text = text.replace(user.id, user.name)
        return text

    def observe_acknowledgements(
        self, event: str, answers: tuple[tuple[Any, ...], ...], step: Step
    ) -> None:
        """Judges what came back for an event that asked for an acknowledgement."""
        for judgement in judge_acknowledgements(self.contract, event, answers):
            self.enter(judgement, [step])

    def _sight(self, sighting: Sighting, step: Step) -> None:
        with self._lock:
            judgement = self._statuses.judge(sighting)
        self._enter_of(judgement, step)

    def _identify(self, message: Any, step: Step) -> None:
        with self._lock:
            judgements = list(self._identities.judge(message))
        for judgement in judgements:
            self._enter_of(judgement, step)

    def _friends(self, user: str) -> frozenset[str]:
        known = self.target.are_friends
        (one,) = (each for each in self.everyone if each.id == user)
        return frozenset(other.id for other in self.everyone if known(one, other))

    def forget_ids(self) -> None:
        """A backend that was started again may give the same ids once more."""
        with self._lock:
            self._identities.forget()

    def close(self) -> None:
        """Ends all connections of the HTTP client."""
        self.http.close()
        self._aside.close()
