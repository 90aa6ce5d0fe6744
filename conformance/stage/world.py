"""A backend under test and its users, as scenarios and fuzzing speak to them."""

import threading
import time
import urllib.parse
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
from conformance.judging.findings import Finding, Ledger
from conformance.judging.judgements import Judgement
from conformance.profiles import PROFILES, Profile
from conformance.stage.absence import NOT_YET, Lookout, problem
from conformance.stage.actor import Actor
from conformance.stage.attendance import Attendance
from conformance.stage.hearing import Hearing, Memory
from conformance.stage.naming import named_in, operation_named
from conformance.stage.obstacles import Avoided
from conformance.stage.trail import Trail
from conformance.wire.deadlines import Deadline
from conformance.wire.http import ABSENT, Exchange, HttpClient
from conformance.wire.pacing import Pace
from conformance.wire.sockets import Connection, Received
from contract import Contract


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
        memory: Memory | None = None,
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
        self.hearing = Hearing(self, memory or Memory())
        self.avoided: set[str] = set()
        """What `named_in` calls the things that the backend dies of even in their plainest form."""
        self.last_steps = Trail()
        self.attendance = Attendance()
        self.blocked: set[frozenset[str]] = set()
        """Ids of two users between whom stands a block that cannot be taken back: nothing is judged
        between them (D10).
        """
        self.stuck: set[frozenset[str]] = set()
        """Those among them of whom it was said (META-02). Nobody is blocked any more then."""
        self.lookout = Lookout()
        """Sees whether the backend is away in the middle of something."""
        self.remaining: set[str] = set()
        """Ids of users of whom a friend was not told that they left (PRES-02): they may count as
        online for ever, and nothing is judged by their coming.
        """
        self._lingering: dict[str, float] = {}
        self._lock = threading.Lock()
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
            self.memory,
        )
        part.everyone = self.everyone
        part.avoided = self.avoided
        part.last_steps, part.attendance = self.last_steps, self.attendance
        part.lookout, part.blocked, part.stuck = self.lookout, self.blocked, self.stuck
        return part

    @property
    def memory(self) -> Memory:
        """What was seen of messages and events by all who play in the run."""
        return self.hearing.memory

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
        return trace(
            evidence, self.hearing.last, self.pace.delivery + self.pace.settle, self.redactor.text
        )

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
        if not self.is_unanswered(exchange):
            self.hearing.exchange(exchange, step)

    def is_unanswered(self, exchange: Exchange) -> bool:
        """Whether the backend did not answer, though maybe a proxy in its place."""
        if exchange.status is not None and exchange.status not in NOT_YET:
            return False
        return self.looks_away() or exchange.status is None

    def looks_away(self) -> bool:
        """Whether nobody stands behind the address now, or did not since `Backend` was asked."""
        return self.lookout.look(
            lambda: problem(self.target.url, self.pace, self._ask_aside), list(self.last_steps)
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
        """Notes an event that an actor gets, and judges it."""
        self.journal.note("event", actor=actor.name, event=received.event, args=list(received.args))
        self.hearing.event(actor, received, step)

    def close(self) -> None:
        """Ends all connections of the HTTP client."""
        self.http.close()
        self._aside.close()
