"""The control interface as an application: its document, and a handler for each operation."""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from connexion.middleware.exceptions import ExceptionMiddleware
from connexion.middleware.request_validation import RequestValidationMiddleware

from contract import load_rest
from reference_server.asgi import Application
from reference_server.chat import Chat, show_time
from reference_server.control.events import ControlledEvents
from reference_server.control.guard import Guard
from reference_server.control.inspector import Inspector
from reference_server.control.state import show_contract, show_conversations, show_person
from reference_server.control.stream import Stream, last_known
from reference_server.control.traffic import Traffic
from reference_server.control.verbs import Verbs, show_clock, show_fault
from reference_server.errors import Invalid, NotFound
from reference_server.origins import CrossOrigin, Origins
from reference_server.rest import (
    Answer,
    Call,
    Endpoint,
    Handler,
    HandlerEndpoint,
    application,
    respond,
)
from reference_server.routing import Routing
from reference_server.scenarios import reading
from reference_server.scenarios.running import Runs

DOCUMENT = Path(__file__).with_name("openapi.yaml")


class Interface:
    """What the control interface of one server consists of."""

    def __init__(
        self, verbs: Verbs, chat: Chat, events: ControlledEvents, traffic: Traffic
    ) -> None:
        self.verbs = verbs
        self.traffic = traffic
        self.runs = Runs(verbs, traffic)
        self._chat = chat
        self._events = events

    def application(self, own_host: str, origins: Origins) -> Application:
        """It as an ASGI application, behind its guard."""
        described = load_rest(DOCUMENT, [reading.SCHEMA])
        endpoints: dict[str, Endpoint] = {
            name: HandlerEndpoint(handler) for name, handler in self._handlers().items()
        } | {
            "listTraffic": self._list_traffic,
            "streamTraffic": Stream(self.traffic),
            "showDocument": _always(described.document),
            "showScenarioSchema": _always(reading.schema()),
        }
        built = application(
            described.document,
            described.operations,
            endpoints,
            [
                functools.partial(CrossOrigin, origins=origins),
                ExceptionMiddleware,
                Routing,
                RequestValidationMiddleware,
            ],
        )
        return Guard(Inspector(built), own_host, origins.allow)

    async def close(self) -> None:
        """End what runs and whoever listens."""
        await self.runs.stop_all()
        self.verbs.devices.close()
        self._events.clear_lanes()
        self.traffic.end()

    def _handlers(self) -> Mapping[str, Handler]:
        verbs = {name: self._verb(name) for name in self.verbs.all}
        return verbs | {
            "reset": self._reset,
            "listFaults": self._list_faults,
            "deleteFaults": self._verb("clearFaults"),
            "deleteFault": self._delete_fault,
            "showClock": self._show_clock,
            "listSnapshots": self._list_snapshots,
            "deleteSnapshot": self._delete_snapshot,
            "showState": self._show_state,
            "showContract": self._show_contract,
            "listViolations": self._list_violations,
            "deleteViolations": self._delete_violations,
            "listScenarios": self._list_scenarios,
            "showScenario": self._show_scenario,
            "runScenario": self._run_scenario,
            "listRuns": self._list_runs,
            "startRun": self._start_run,
            "showRun": self._show_run,
            "stopRun": self._stop_run,
        }

    def _verb(self, name: str) -> Handler:
        async def do(call: Call) -> Answer:
            return Answer(200, await self.verbs.do(name, call.body or {}))

        return do

    # State

    async def _reset(self, call: Call) -> Answer:
        await self.runs.stop_all()
        return await self._verb("reset")(call)

    async def _list_faults(self, call: Call) -> Answer:
        return Answer(200, [show_fault(each, self.verbs.users) for each in self.verbs.faults])

    async def _delete_fault(self, call: Call) -> Answer:
        self.verbs.faults.remove(call.parameters["id"])
        return Answer(200, {"cleared": 1})

    async def _show_clock(self, call: Call) -> Answer:
        return Answer(200, show_clock(self.verbs.clock))

    async def _list_snapshots(self, call: Call) -> Answer:
        taken = [
            {"name": each.name, "taken": show_time(each.taken)} for each in self.verbs.snapshots
        ]
        return Answer(200, taken)

    async def _delete_snapshot(self, call: Call) -> Answer:
        self.verbs.snapshots.forget(call.parameters["name"])
        return Answer(200, {"cleared": 1})

    async def _show_state(self, call: Call) -> Answer:
        presence = self._chat.presence
        state = {
            "clock": show_clock(self.verbs.clock),
            "users": [show_person(user, presence, self._events) for user in self.verbs.users],
            **await show_conversations(self._chat),
            "faults": len(self.verbs.faults),
            "violations": len(self.traffic.violations),
            "runs": self.runs.running,
        }
        return Answer(200, state)

    async def _show_contract(self, call: Call) -> Answer:
        return Answer(200, show_contract(self.verbs.contract))

    # Traffic

    async def _list_violations(self, call: Call) -> Answer:
        return Answer(200, [self.traffic.show(entry) for entry in self.traffic.violations])

    async def _delete_violations(self, call: Call) -> Answer:
        cleared = len(self.traffic.violations)
        self.traffic.forget_violations()
        return Answer(200, {"cleared": cleared})

    async def _list_traffic(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        entries = [self.traffic.show(entry) for entry in self.traffic.since(last_known(scope))]
        await respond(send, 200, {"success": True, "data": entries})

    # Scenarios

    async def _list_scenarios(self, call: Call) -> Answer:
        scenarios = [reading.read(file)[0] for file in reading.shipped().values()]
        summaries = [
            {
                "name": each.name,
                "title": each.title,
                "description": each.description,
                "steps": len(each.steps),
                "seconds": each.seconds,
            }
            for each in scenarios
        ]
        return Answer(200, summaries)

    async def _show_scenario(self, call: Call) -> Answer:
        return Answer(200, reading.read(_shipped(call))[1])

    async def _run_scenario(self, call: Call) -> Answer:
        return Answer(201, self.runs.start(reading.read(_shipped(call))[0]).show())

    async def _start_run(self, call: Call) -> Answer:
        try:
            scenario = reading.parse(call.body.get("name", "scenario"), call.body["scenario"])
        except reading.ScenarioError as error:
            raise Invalid(str(error)) from None
        return Answer(201, self.runs.start(scenario).show())

    async def _list_runs(self, call: Call) -> Answer:
        return Answer(200, [run.show() for run in self.runs])

    async def _show_run(self, call: Call) -> Answer:
        return Answer(200, self.runs.named(call.parameters["id"]).show())

    async def _stop_run(self, call: Call) -> Answer:
        run = self.runs.named(call.parameters["id"])
        await self.runs.stop(run)
        return Answer(200, run.show())


def _shipped(call: Call) -> Path:
    name = call.parameters["name"]
    if name not in reading.shipped():
        known = ", ".join(reading.shipped())
        raise NotFound(f"No scenario {name} ships with the server; there is: {known}.")
    return reading.shipped()[name]


def _always(body: Any) -> Endpoint:
    async def answer(scope: dict[str, Any], receive: Any, send: Any) -> None:
        await respond(send, 200, body)

    return answer
