"""What Locust runs: users of the contract, and the gathering of what each process has counted.

Loaded by Locust alone, in a process whose sockets and threads gevent has replaced.
"""

import json
import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gevent
from locust import User, constant, events
from locust.env import Environment
from locust.exception import StopUser
from locust.runners import MasterRunner, WorkerRunner

from conformance.load.deliveries import Device
from conformance.load.plan import VARIABLE, Plan, client_events
from conformance.load.tally import Tally
from conformance.load.traffic import LONGEST_SETTLING, LOOK_AGAIN, Measurement, Traffic
from conformance.wire.deadlines import Deadline
from contract import Event, Operation

HOOKS: Any = events
"""The events of Locust, whose listeners have no types."""
PLAN = Plan.read(Path(os.environ[VARIABLE]))
END, JUDGED = "r2c-end", "r2c-judged"
"""What the master says to its workers, and they to it."""
LOOK_EVERY = 0.5
"""Seconds between two looks at which messages are overdue."""
AGAIN_AFTER = 1.0
"""Seconds after which somebody tries again whom the backend did not answer or sent away."""
PATIENCE = LONGEST_SETTLING + 30.0
"""Seconds in which workers have to say what they have counted: users end what they are doing,
then messages arrive."""


class Load:
    """The part of one process in a load run."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.traffic: Traffic | None = None
        self.total = Tally()
        self.ended: float | None = None
        """When users began to stop, in seconds since the epoch; what comes later is no load."""
        self.heard = self.silent = 0
        """Workers that said what they counted, and that did not."""
        self._awaited: set[str] = set()
        self._numbers = {RestUser: 0, SocketUser: 0}
        runner = environment.runner
        if isinstance(runner, MasterRunner):
            runner.register_message(JUDGED, self._gather)
        elif isinstance(runner, WorkerRunner):
            runner.register_message(END, lambda **_: runner.stop(), concurrent=True)
        HOOKS.test_start.add_listener(self.begin)
        HOOKS.test_stopping.add_listener(self.stopping)
        HOOKS.test_stop.add_listener(self.stopped)
        HOOKS.quitting.add_listener(self.quitting)
        HOOKS.quit.add_listener(self.report)

    def begin(self, **_: Any) -> None:
        """A test starts."""
        self.total, self.heard, self.silent, self.ended = Tally(), 0, 0, None
        self._numbers = dict.fromkeys(self._numbers, 0)
        runner, number, of = self.environment.runner, 0, 1
        if isinstance(runner, MasterRunner):
            return
        if isinstance(runner, WorkerRunner):
            options = self.environment.parsed_options
            number, of = runner.worker_index, options.expect_workers if options else 1
        # One more than was expected shares no users with another, so it has none.
        users = PLAN.share(number, of) if number < of else ()
        if users:
            self.traffic = Traffic(PLAN, users, self._measured)
            threading.Thread(target=self._look, args=(self.traffic,), daemon=True).start()

    def _look(self, traffic: Traffic) -> None:
        while self.traffic is traffic:
            traffic.look()
            threading.Event().wait(LOOK_EVERY)

    def _measured(self, one: Measurement) -> None:
        HOOKS.request.fire(
            request_type=one.kind,
            name=one.name,
            response_time=one.seconds * 1000,
            response_length=one.size,
            exception=Failed(one.problem) if one.problem else None,
            context={},
        )

    def joins(self, user: "ContractUser") -> None:
        """Gives a user of Locust the user of the target that they play."""
        if self.traffic is None:
            raise StopUser
        number = self._numbers[type(user)]
        self._numbers[type(user)] += 1
        user.traffic = self.traffic
        user.person = self.traffic.users[number % len(self.traffic.users)]

    def stopping(self, **_: Any) -> None:
        """Before users are stopped. The master lets the workers judge first, since it would end
        them at once."""
        self.ended = time.time()
        if self.traffic is not None:
            self.traffic.hurry()
        runner = self.environment.runner
        if isinstance(runner, MasterRunner):
            self._awaited = {client.id for client in runner.clients.all}
            runner.send_message(END)
            limit = Deadline(PATIENCE)
            while self._awaited & {client.id for client in runner.clients.all} and limit.left:
                threading.Event().wait(LOOK_AGAIN)
            self.silent = len(self._awaited)

    def stopped(self, **_: Any) -> None:
        """All users have stopped."""
        traffic, self.traffic = self.traffic, None
        if traffic is not None:
            traffic.settle()
            self.total.add(traffic.tally.plain())
        runner = self.environment.runner
        if isinstance(runner, WorkerRunner):
            runner.send_message(JUDGED, self.total.plain())

    def _gather(self, msg: Any, **_: Any) -> None:
        if msg.node_id in self._awaited:
            self._awaited.discard(msg.node_id)
            self.heard += 1
            self.total.add(msg.data)

    def quitting(self, **_: Any) -> None:
        """The exit status is made of the report; failures are no failure of Locust."""
        self.environment.process_exit_code = 0

    def report(self, **_: Any) -> None:
        """Writes what was measured and counted, once, in the process where all comes together."""
        if isinstance(self.environment.runner, WorkerRunner):
            return
        stats = self.environment.stats
        seconds = (self.ended or time.time()) - stats.start_time
        entries = [
            {
                "kind": entry.method,
                "name": entry.name,
                "count": entry.num_requests,
                "failures": entry.num_failures,
                "per_second": round(entry.num_requests / seconds, 1),
                **{
                    f"p{percent}_ms": round(entry.get_response_time_percentile(percent / 100), 1)
                    for percent in (50, 95, 99)
                },
                "max_ms": round(entry.max_response_time, 1),
            }
            for entry in sorted(stats.entries.values(), key=lambda one: (one.method, one.name))
        ]
        PLAN.report.write_text(
            json.dumps(
                {
                    "contract": PLAN.contract.version,
                    "url": PLAN.target.url,
                    "seconds": round(seconds, 1),
                    "workers": self.heard,
                    "silent_workers": self.silent,
                    "measured": entries,
                    **self.total.plain(),
                },
                ensure_ascii=False,
                indent=2,
            )
            + "\n",
            encoding="utf-8",
        )


class Failed(Exception):
    """Why something failed, for Locust's list of failures."""

    def __repr__(self) -> str:
        return str(self)


class ContractUser(User):
    """Somebody whom the target names."""

    abstract = True
    wait_time = constant(PLAN.pause)
    traffic: Traffic
    person: Any

    def on_start(self) -> None:
        """Takes the part of a user of the target."""
        load.joins(self)


def _sends(operation: Operation) -> Callable[[Any], None]:
    def send(user: ContractUser) -> None:
        if not user.traffic.request(user.person, operation):
            threading.Event().wait(AGAIN_AFTER)

    return send


def _emits(event: Event) -> Callable[[Any], None]:
    def emit(user: Any) -> None:
        device = user.there()
        if device is not None and not user.traffic.emit(user.person, device, event):
            threading.Event().wait(AGAIN_AFTER)

    return emit


class RestUser(ContractUser):
    """Sends requests to each operation of the contract."""

    tasks = [_sends(operation) for operation in PLAN.contract.operations.values()]  # noqa: RUF012


class SocketUser(ContractUser):
    """Is connected, and emits each event of the contract."""

    tasks = [_emits(event) for event in client_events(PLAN.contract)]  # noqa: RUF012
    device: Device | None = None

    def there(self) -> Device | None:
        """The user's connection, opened anew where it ended; None where that cannot be done."""
        if self.device is None or self.device.ended is not None:
            if self.device is not None:
                threading.Event().wait(AGAIN_AFTER)
            self.device = self.traffic.connect(self.person)
            if self.device is None:
                threading.Event().wait(AGAIN_AFTER)
        return self.device


load: Load


def begin(environment: Environment, **_: Any) -> None:
    """Locust is ready."""
    global load
    # The loop's clock stands where it was before all was imported: the run would end so much early.
    gevent.get_hub().loop.update_now()
    logging.getLogger("locust.stats_logger").disabled = True  # the report tells all figures
    load = Load(environment)


HOOKS.init.add_listener(begin)
