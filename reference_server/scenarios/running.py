"""Runs scenarios against the server that they run in."""

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from reference_server.control.devices import USUAL_NAME
from reference_server.control.names import named
from reference_server.control.traffic import Traffic, kept_payload
from reference_server.control.verbs import Verbs
from reference_server.errors import INTERNAL_ERROR, Conflict, Invalid, NotFound, Refusal
from reference_server.scenarios.reading import Scenario, ScenarioError, Step, require_users

log = logging.getLogger("reference_server.scenarios")

Json = dict[str, Any]
State = Literal["running", "finished", "failed", "stopped"]

MOST_RUNNING = 20
MOST_REMEMBERED = 50


@dataclass(slots=True)
class Begun:
    """What a run has begun and not ended, to be ended where it stops early."""

    devices: set[tuple[str, str]] = field(default_factory=set)
    typing: set[tuple[str, str]] = field(default_factory=set)
    faults: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Run:
    """A scenario that runs or ran."""

    id: str
    scenario: Scenario
    state: State = "running"
    done: int = 0
    problem: str | None = None
    begun: Begun = field(default_factory=Begun)
    task: "asyncio.Task[None] | None" = None
    entry: int = 0
    """The id of the entry in the traffic that says that it has started."""

    def show(self) -> Json:
        """As JSON."""
        return {
            "id": self.id,
            "name": self.scenario.name,
            "state": self.state,
            "done": self.done,
            "steps": len(self.scenario.steps),
            "problem": self.problem,
            "entry": self.entry,
        }


class Runs:
    """Those that run, and the latest that ran."""

    def __init__(self, verbs: Verbs, traffic: Traffic) -> None:
        self._verbs = verbs
        self._traffic = traffic
        self._runs: dict[str, Run] = {}
        self._made = 0

    def __iter__(self) -> Iterator[Run]:
        return iter(list(self._runs.values()))

    @property
    def running(self) -> int:
        """How many run."""
        return sum(run.state == "running" for run in self)

    def named(self, id: str) -> Run:
        """The run with this id. Raises NotFound."""
        if id not in self._runs:
            raise NotFound(f"There is no run {id}.")
        return self._runs[id]

    def start(self, scenario: Scenario) -> Run:
        """Begin to run a scenario. Raises Invalid for users who do not exist, Conflict where too
        many run already.
        """
        try:
            require_users(scenario, self._verbs.users)
        except ScenarioError as error:
            raise Invalid(str(error)) from None
        if self.running >= MOST_RUNNING:
            raise Conflict(f"{MOST_RUNNING} scenarios run already; stop one of them.")
        self._made += 1
        run = Run(f"r{self._made}", scenario)
        self._runs[run.id] = run
        for id in [each.id for each in self if each.state != "running"][:-MOST_REMEMBERED]:
            del self._runs[id]
        run.entry = self._note(run, "started")
        run.task = asyncio.get_running_loop().create_task(self._play(run))
        return run

    async def stop(self, run: Run) -> None:
        """Stop a run and end what it began; nothing happens to one that has ended."""
        if run.task is not None and not run.task.done():
            run.task.cancel()
            await asyncio.wait([run.task])

    async def stop_all(self) -> None:
        """Stop all that run."""
        for run in self:
            await self.stop(run)

    async def _play(self, run: Run) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            for step in run.scenario.steps:
                await asyncio.sleep(max(0.0, began + step.due - loop.time()))
                await self._take(run, step)
            run.state = "finished"
        except asyncio.CancelledError:
            run.state = "stopped"
        except Refusal as refusal:
            place = f"Step {run.done + 1}, {run.scenario.steps[run.done].verb}"
            run.state, run.problem = "failed", f"{place}: {refusal.message}"
        except Exception:
            log.exception("the scenario %s failed", run.scenario.name)
            run.state, run.problem = "failed", INTERNAL_ERROR
        if run.state != "finished":
            await self._undo(run.begun)
        self._note(run, run.state)

    async def _take(self, run: Run, step: Step) -> None:
        came_of_it = await self._verbs.all[step.verb](dict(step.arguments))
        self._remember(run.begun, step, came_of_it)
        run.done += 1
        self._note(run, "step", step)

    def _remember(self, begun: Begun, step: Step, came_of_it: Json) -> None:
        given = step.arguments
        match step.verb:
            case "connect":
                begun.devices.add((self._id(given["as"]), given.get("device", USUAL_NAME)))
            case "leave" | "drop":
                gone = {(self._id(given["as"]), device) for device in came_of_it["devices"]}
                begun.devices -= gone
            case "typing":
                begun.typing.add((self._id(given["as"]), self._id(given["to"])))
            case "stopTyping":
                begun.typing.discard((self._id(given["as"]), self._id(given["to"])))
            case "fault":
                begun.faults.add(came_of_it["fault"]["id"])
            case "clearFaults":
                begun.faults.clear()
            case "reset":
                begun.devices.clear()
                begun.faults.clear()

    async def _undo(self, begun: Begun) -> None:
        for typist, recipient in begun.typing:
            await self._quietly("stopTyping", {"as": typist, "to": recipient})
        for user, device in begun.devices:
            await self._quietly("leave", {"as": user, "device": device})
        for id in begun.faults:
            self._verbs.faults.discard(id)

    async def _quietly(self, verb: str, arguments: Json) -> None:
        try:
            await self._verbs.all[verb](arguments)
        except Refusal:
            return  # it has ended otherwise

    def _id(self, name: str) -> str:
        return named(self._verbs.users, name).id

    def _note(self, run: Run, name: str, step: Step | None = None) -> int:
        facts: Json = {
            "run": run.id,
            "scenario": run.scenario.name,
            "steps": len(run.scenario.steps),
            "problem": run.problem,
        }
        user = None
        if step is not None:
            arguments = kept_payload(dict(step.arguments))
            facts |= {"step": run.done, "verb": step.verb, "arguments": arguments}
            if "as" in step.arguments:
                user = named(self._verbs.users, step.arguments["as"])
        return self._traffic.note("scenario", name, user, facts).id
