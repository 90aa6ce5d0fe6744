"""What the users of one process do to the backend, and what is said of its answers and events.

Knows nothing of Locust: whoever drives it says which user does what, and hears of each request
and event as a `Measurement`. Its users may act at the same time, each in a thread, which under
Locust is a greenlet.
"""

import itertools
import secrets
import threading
import time
import urllib.parse
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from conformance.backend.target import User
from conformance.evidence.redaction import Redactor, name_of_token
from conformance.fuzzing.expectation import Kind
from conformance.fuzzing.judgement import echo, judge
from conformance.fuzzing.people import People, to_somebody
from conformance.fuzzing.stimulus import Stimulus
from conformance.judging.audience import judge_audience
from conformance.judging.judgements import Judgement
from conformance.judging.messages import member, new_message
from conformance.judging.monitors import judge_acknowledgements, judge_event, judge_exchange
from conformance.load.deliveries import Deliveries, Device, Posted
from conformance.load.plan import Plan, expectation, text_field
from conformance.load.tally import Tally, Violation
from conformance.stage.absence import NOT_YET
from conformance.wire.deadlines import Deadline
from conformance.wire.http import Exchange, HttpClient
from conformance.wire.pacing import Pace
from conformance.wire.sockets import Closed, Connection, NotConnected, Received, Refused, Throttled
from contract import Event, Operation

REMEMBERED = 1000
"""Latencies that the deadlines follow: the last ones, since a backend slows down under load."""
LONGEST_SETTLING = 30.0
"""Seconds after the end in which messages may still arrive; what is then not due is not judged."""
LOOK_AGAIN = 0.05
"""Seconds between two looks at whether all has arrived."""
SOFTENED = frozenset({403, 404})
"""Statuses that some valid request may get for what others did before (D9, D10)."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One request, event or connection and how long it took."""

    kind: str
    """A method, `emit`, `event` (from sending to arriving), `socket`, or `broken`: what breaks the
    contract and takes no time."""
    name: str
    seconds: float = 0.0
    size: int = 0
    """Bytes of the answer."""
    problem: str | None = None
    """Why it failed, in words that stay the same from time to time."""


class Traffic:
    """All that the users of one process do."""

    def __init__(
        self, plan: Plan, users: tuple[User, ...], measure: Callable[[Measurement], None]
    ) -> None:
        self.plan = plan
        self.users = users
        self.tally = Tally()
        self._measure = measure
        self._contract = plan.contract
        self._company = frozenset(user.id for user in users)
        self._everyone = frozenset(user.id for user in plan.target.users)
        self._redactor = Redactor()
        for user in plan.target.users:
            self._redactor.register(name_of_token(user.name), plan.tokens[user.id])
        self._pace = Pace()
        self._latencies: deque[float] = deque(maxlen=REMEMBERED)
        self._http = HttpClient(plan.target.url, self._pace, self._observe)
        self._deliveries = Deliveries()
        self._lines: dict[Device, Connection] = {}
        self._turns = itertools.count()
        self._nonce = secrets.token_hex(3)
        self._acknowledges = True

    # What users do

    def request(self, me: User, operation: Operation) -> bool:
        """A user sends what an operation has to take; returns whether it was answered."""
        stimulus, people, mark = self._next(me, operation.id)
        posted = self._posted(stimulus, people, mark, operation.id)
        path = operation.path
        for name, value in stimulus.path.items():
            path = path.replace(f"{{{name}}}", urllib.parse.quote(value, safe=""))
        answer: Exchange | None = None
        try:
            answer = self._http.send(
                operation.method,
                path,
                token=self.plan.tokens[me.id],
                operation=operation.id,
                actor=me.name,
                json=stimulus.body,
            )
        finally:
            if posted is not None:
                posted.accepted = answer is not None and new_message(answer) is not None
                posted.certain = answer is not None and answer.status not in (None, *NOT_YET)
                posted.answered = time.monotonic()
        problem = self._judge_answer(operation, stimulus, people, answer)
        if answer.status == 429:
            return False  # It was held up for as long as the suite waits, and says nothing.
        self._latencies.append(answer.elapsed)
        self._measure(
            Measurement(operation.method, operation.id, answer.elapsed, len(answer.body), problem)
        )
        return answer.status is not None

    def connect(self, me: User) -> Device | None:
        """A user opens a connection; None where the backend does not let them."""
        begun = time.monotonic()
        device = self._deliveries.opens(me.id, begun)
        problem: str | None = None
        try:
            line = Connection.open(
                self.plan.target.url,
                token=self.plan.tokens[me.id],
                actor=me.name,
                pace=self._pace,
                observe=lambda received: self._heard(device, received),
                lost=lambda: self._lost(device),
                breathe=True,
                keep=False,
            )
        except (NotConnected, Throttled) as failure:
            device.ended = time.monotonic()
            problem = self._judge_refusal(me, failure)
        else:
            device.ready = time.monotonic()
            self._lines[device] = line
        self._measure(Measurement("socket", "connect", time.monotonic() - begun, problem=problem))
        return device if problem is None else None

    def emit(self, me: User, device: Device, event: Event) -> bool:
        """A user emits an event, which has to be taken, and waits until it is seen to be done.
        Returns whether the backend did not refuse it.
        """
        stimulus, people, mark = self._next(me, event.name)
        posted = self._posted(stimulus, people, mark, None)
        line, begun = self._lines[device], time.monotonic()
        answer: tuple[Any, ...] = ()
        try:
            emission = line.emit(event.name, stimulus.body, acknowledge=self._acknowledges)
            if self._acknowledges:
                answer = line.acknowledgement(emission, self._pace.delivery) or ()
                # Whether there are acknowledgements is the backend's choice (D13).
                self._acknowledges = bool(answer) or line.closed
            elif posted is not None:
                posted.seen.wait(self._pace.delivery)
        except Closed:
            self._lost(device)
        finally:
            taken = bool(answer) and member(answer[0], "success") is True
            seconds = time.monotonic() - begun
            if posted is not None:
                posted.accepted, posted.answered = taken, begun + seconds
        if not answer:
            return True
        self._latencies.append(seconds)
        problem = self._enter(judge_acknowledgements(self._contract, event.name, (answer,)))
        if not taken and problem is None:
            # It may be for its rate: an acknowledgement has no status for that.
            self.tally.counts["refused events"] += 1
            problem = "refused"
        self._measure(Measurement("emit", event.name, seconds, problem=problem))
        return taken

    def _next(self, me: User, what: str) -> tuple[Stimulus, People, str]:
        turn = next(self._turns)
        others = [user for user in self.users if user is not me]
        people = People(me, (others[turn % len(others)],))
        choices = self.plan.stimuli[what]
        stimulus = to_somebody(choices[turn // len(others) % len(choices)], people)
        mark = f"r2c{self._nonce}{turn:08x}"
        return replace(stimulus, body=self._marked(stimulus.body, what, mark)), people, mark

    def _marked(self, body: Any, what: str, mark: str) -> Any:
        """A message with its mark in front of its text, or where it has none, in its address."""
        field = text_field(body)
        if field is None:
            return body
        if not body.get(field):
            url = f"https://load.example/{mark}.bin"
            return body | {"attachment": body["attachment"] | {"url": url}}
        marked = body | {field: f"{mark} {body[field]}"}
        known = self._contract.operations.get(what) or self._contract.events[what]
        request = known.request if isinstance(known, Operation) else known.payload
        fits = request is None or request.must_accept.accepts(marked)
        return marked if fits else body | {field: mark}

    def _posted(
        self, stimulus: Stimulus, people: People, mark: str, operation: str | None
    ) -> Posted | None:
        field = text_field(stimulus.body)
        if field is None or not isinstance(stimulus.body, dict):
            return None
        body = {"text": stimulus.body.get(field), "attachment": stimulus.body.get("attachment")}
        recipient = people.others[0].id
        posted = Posted(mark, people.me.id, recipient, body, operation, time.monotonic())
        self._deliveries.post(posted)
        return posted

    # What is said of it

    def _observe(self, exchange: Exchange) -> None:
        if exchange.status == 429:
            self.tally.counts["answers 429"] += 1

    def _judge_answer(
        self, operation: Operation, stimulus: Stimulus, people: People, answer: Exchange
    ) -> str | None:
        own_words = member(answer.json, "success") is False
        if answer.status is None or (answer.status in NOT_YET and not own_words):
            # A full machine may refuse or cut connections, and a proxy speaks for itself.
            self.tally.counts["requests without an answer"] += 1
            return "no answer" if answer.status is None else f"a proxy answers {answer.status}"
        if answer.status == 429:
            return None
        self.tally.counts["answers"] += 1
        judgements = list(judge_exchange(self._contract, answer))
        expected = expectation(self._contract, operation, stimulus, people)
        softened = answer.status in SOFTENED
        if expected.kind is Kind.TAKEN and not softened:
            judgements += filter(None, [judge(operation, stimulus, expected, answer)])
        if answer.succeeded and text_field(stimulus.body) is not None:
            # Settings are not compared: others change them at the same moment.
            judgements += echo(operation, stimulus, answer, people)
            judgements += self._deliveries.judge_conversation(new_message(answer))
        problem = self._enter(judgements)
        if softened:
            self.tally.counts[f"answers {answer.status}"] += 1
        return problem or (f"answered {answer.status}" if softened else None)

    def _judge_refusal(self, me: User, failure: Exception) -> str:
        if isinstance(failure, Refused) and not self._has_line(me):
            # A second connection of a user may be one too many for a backend (D15).
            gateway = failure.status in NOT_YET
            requirement = "ERR-03" if (failure.status or 0) >= 500 else "CONN-01"
            if failure.status != 429 and failure.reason != "closed" and not gateway:
                self._enter(
                    [
                        Judgement(
                            requirement,
                            False,
                            "A client with a valid token is refused under load",
                            "a connection",
                            str(failure),
                        )
                    ]
                )
        self.tally.counts["connections refused"] += 1
        said = isinstance(failure, Refused | Throttled)
        return self._redactor.text(str(failure)) if said else "not connected"

    def _has_line(self, me: User) -> bool:
        return any(device.user == me.id and device.ended is None for device in self._lines)

    def _heard(self, device: Device, received: Received) -> None:
        event = self._contract.events.get(received.event)
        if event is None or event.action != "send":
            return
        self.tally.counts["events"] += 1
        payload = received.args[0] if received.args else None
        judgements = list(judge_event(self._contract, received.event, received.args))
        judgements += judge_audience(
            received.event,
            payload,
            device.user,
            company=self._company,
            everyone=self._everyone,
            friends=None if self.plan.target.friends is None else self._friends,
        )
        arrival = None
        if received.event == "receiveMessage":
            arrival = self._deliveries.arrived(device, payload, received.at)
        if arrival is not None:
            judgements += arrival.judgements
        problem = self._enter(judgements)
        if arrival is not None:
            self._measure(Measurement("event", received.event, arrival.seconds, problem=problem))
        elif problem is not None:
            self._measure(Measurement("broken", received.event, problem=problem))

    def _friends(self, user: str) -> frozenset[str]:
        pairs = self.plan.target.friends or frozenset()
        return frozenset(id for pair in pairs if user in pair for id in pair - {user})

    def _enter(self, judgements: Iterable[Judgement]) -> str | None:
        """Counts judgements; returns what the first broken must says."""
        entered = [
            self.tally.enter(each, self._contract, self._redactor.text)
            for each in judgements
            if each.requirement not in self.plan.target.off
        ]
        broken: list[Violation] = [each for each in entered if each and each.level == "must"]
        return broken[0].words if broken else None

    def _lost(self, device: Device) -> None:
        if device.ended is None:
            device.ended = time.monotonic()
            self._lines.pop(device, None)
            self.tally.counts["connections that ended"] += 1

    # Time passes

    def look(self) -> None:
        """Adapts deadlines to the latency, and judges the messages whose time is over."""
        if self._latencies:
            self._pace = self._http.pace = Pace.measured(tuple(self._latencies))
        self._judge_due(self._pace.delivery)

    def _judge_due(self, deadline: float) -> None:
        for how, judgements in self._deliveries.due(time.monotonic(), deadline):
            self.tally.counts[f"messages {how}"] += 1
            problem = self._enter(judgements)
            if problem is not None:
                self._measure(Measurement("broken", "receiveMessage", problem=problem))

    def hurry(self) -> None:
        """Nobody waits for answers 429 any more."""
        self._http.close()

    def settle(self) -> None:
        """Nobody sends any more: waits until all has arrived or is overdue, judges, and ends."""
        self.look()
        limit = Deadline(min(self._pace.delivery, LONGEST_SETTLING))
        while self._deliveries.outstanding() and limit.left:
            threading.Event().wait(LOOK_AGAIN)
        # What is there twice comes right after the first.
        threading.Event().wait(self._pace.settle)
        overdue = self._pace.delivery <= LONGEST_SETTLING
        if overdue or not self._deliveries.outstanding():
            self._judge_due(0.0)
        for device, line in list(self._lines.items()):
            device.ended = time.monotonic()
            line.drop()
        self._lines.clear()
        self._http.close()
