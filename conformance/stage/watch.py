"""Whether the backend lives: asked at the start, after every scenario, and when something broke."""

import math
import threading
import time

from conformance.backend.processes import BackendProcess, ProcessError
from conformance.evidence.steps import Step
from conformance.judging.findings import DEATH
from conformance.judging.judgements import Judgement
from conformance.judging.monitors import shortened
from conformance.stage.absence import NOT_YET, Problem, problem, refusal
from conformance.stage.autopsy import Autopsy, Cause, kind_of
from conformance.stage.obstacles import Avoided
from conformance.stage.world import World
from conformance.wire.http import Exchange
from conformance.wire.pacing import Pace

SAMPLES = 9
"""Requests from which the latency is measured."""
ENOUGH = 3
"""Requests after which a backend that was too slow in all of them is not asked again."""
SLOWEST = 3.0
"""Seconds of median latency beyond which a run would take hours, so that it ends at its start."""
LOOK_AGAIN = 0.1
"""Seconds between two attempts to reach a backend that does not answer."""
MOST_NAMED = 8
"""How many of the last stimuli are named where the one that killed it is not known."""
MOST_DEATHS = 12
"""Deaths after which the run ends: what is left would tell no more than that it dies."""
GRACE = 5.0
"""Seconds a backend may be away before it counts as gone; a supervisor may start it again."""


class Unusable(Exception):
    """The run cannot begin; `str` says why and what to do."""


class Backend:
    """The backend of a world, and the process behind it where the suite may start one."""

    def __init__(
        self, world: World, process: BackendProcess | None = None, end: float = math.inf
    ) -> None:
        """`end` is when the run's time is over, in seconds of the monotonic clock: of what it dies
        then is not looked for any more.
        """
        self._world = world
        self._process = process
        self._end = end
        self.gone: str | None = None
        """Why nothing more can be asked of it; None while it answers."""
        self.origin = ""
        """How it came to run: started by the suite, or running already; empty before `begin`."""
        self.deaths = 0
        """How many times it stopped answering."""
        self.cause: Cause | None = None
        """What it died of last; None where that is not known."""
        self._causes: list[Cause] = []
        self._lock = threading.RLock()
        self._unexplained: tuple[Judgement, list[Step]] | None = None
        self._risen = 0.0
        """When it was back after its last death, in seconds since the epoch."""

    def begin(self, patience: float) -> Pace:
        """Makes sure that the backend answers and takes a valid token; measures its latency.

        Raises Unusable.
        """
        world = self._world
        first = self._ask()
        if self._is_absent(first) and self._process is not None:
            try:
                self._process.start(self._ready)
            except ProcessError as error:
                raise Unusable(str(error)) from None
            first = self._ask()
        if self._is_absent(first):
            why = shortened(first.error or f"a proxy answers {first.status}")
            raise Unusable(
                f"nothing usable answers at {world.target.url} ({why}); start the backend, "
                "correct the URL, or set [process] start"
            )
        if first.status == 401 and all(self._ask(index).status == 401 for index in (0, 1, 2)):
            raise Unusable(
                f"{world.target.url} answers 401 to the tokens of the first three users; check "
                "[auth] (secret, algorithm, claims) and that these users exist"
            )
        self.origin = self._origin()
        self._refuse_throttling(first)
        times: list[float] = []
        # Three slow answers are enough to know that there will be no run.
        while len(times) < SAMPLES and not (len(times) >= ENOUGH and min(times) > SLOWEST):
            answer = self._ask()
            self._refuse_throttling(answer)
            times.append(answer.elapsed)
        world.lookout.take()  # before it was up
        world.last_steps.begin()
        pace = Pace.measured(times, patience=patience)
        if pace.median > SLOWEST:
            raise Unusable(
                f"{world.target.url} takes {pace.median:.1f} s for an answer; the suite needs "
                f"less than {SLOWEST:.0f} s, or its run would take hours"
            )
        return pace

    def _origin(self) -> str:
        if self._process is None:
            return "already running"
        if self._process.lives:
            how = "by" if self._process.shown.startswith("`") else "as"
            return f"started {how} {self._process.shown}"
        return f"already running, so {self._process.shown} was not used"

    def _refuse_throttling(self, answer: Exchange) -> None:
        """Raises Unusable for an answer 429, which was waited for as long as the suite does."""
        if answer.status == 429:
            raise Unusable(
                f"{self._world.target.url} answers 429 for longer than the suite waits; raise its "
                "rate limit for the run"
            )

    def lives(self, *, certain: bool = True) -> bool:
        """Whether the backend still takes new connections and answers.

        Where it does not: enters the death with what was sent just before, and starts the backend
        again if the suite may. Where it is not `certain` that what was sent last killed it, since
        others were sending too, the death of a backend that is back is entered by `bury`. From any
        thread.
        """
        with self._lock:
            return self._lives(certain)

    def absence(self) -> str | None:
        """Why the backend does not answer, with the last it printed; None where it does. Judges
        nothing and starts nothing.
        """
        with self._lock:
            problem = self._problem()
            if problem is None:
                return None
            last_words = self._process.last_words if self._process is not None else None
        return problem.words if last_words is None else f"{problem.words}; {last_words}"

    def bury(self) -> None:
        """Enters a death that nothing has explained since."""
        unexplained, self._unexplained = self._unexplained, None
        if unexplained is not None:
            self._world.enter(*unexplained)

    def _lives(self, certain: bool) -> bool:
        if self.gone is not None:
            return False
        steps = list(self._world.last_steps)
        problem, away = self._problem(), self._world.lookout.take(self._risen)
        if problem is None and away is None:
            self._world.enter(Judgement(DEATH, True))
            return True
        if away is not None:
            steps = list(away.before)
        deadline = time.monotonic() + GRACE
        was_away = away is not None or (problem is not None and problem.is_absence)
        # A supervisor that has ended itself starts nothing again.
        while problem is not None and time.monotonic() < deadline and not self._ended:
            threading.Event().wait(LOOK_AGAIN)
            problem = self._problem()
        self._world.lookout.take()  # which is the same death
        if problem is None and not was_away:
            return True
        self.deaths += 1
        self._world.last_steps.begin()
        self._world.memory.forget_ids()
        self.cause = None
        how = problem.words if problem else "it was away for a moment"
        last_words = self._process.last_words if self._process is not None else None
        lives = problem is None or self._revived(how)
        if lives and certain and problem is not None:
            lives = self._find_cause(steps)
        if lives and self.deaths >= MOST_DEATHS:
            lives, self.gone = False, f"the backend died {self.deaths} times in this run"
        judgement, steps = _death(self.cause, how, last_words, steps)
        if certain or not lives:
            self._unexplained = None
            self._world.enter(judgement, steps)
        elif self._unexplained is None:
            self._unexplained = judgement, steps
        self._world.lookout.take()  # which is the same death, as others have seen it meanwhile
        self._risen = time.time()
        return lives

    @property
    def _ended(self) -> bool:
        """Whether the process that was started failed. One that ended well may have put the backend
        into the background.
        """
        return self._process is not None and bool(self._process.ended)

    def _find_cause(self, steps: list[Step]) -> bool:
        """Finds out what the backend has died of, for which it dies twice more; whether it lives
        again.
        """
        kinds = {kind_of(step, self._world.ids) for step in steps}
        self.cause = next((each for each in self._causes if each.kind in kinds), None)
        if self.cause is not None:
            return True
        autopsy = Autopsy(self._world, self._dies_again)
        self.cause = autopsy.cause(steps, self._end)
        if self.cause is not None:
            self._causes.append(self.cause)
            if self.cause.plain is not None:
                self._world.avoided.add(self.cause.plain)
        return self.gone is None

    def _dies_again(self) -> bool:
        """Whether the backend is dead by now; it is started again then."""
        if self.gone is not None:
            return False
        problem, away = self._problem(), self._world.lookout.take()
        if problem is not None:
            self._revived("it died of the same once more")
            self._world.lookout.take()  # which is the same death
        return problem is not None or away is not None

    def _revived(self, problem: str) -> bool:
        if self._process is None:
            self.gone = (
                f"the backend no longer answers ({problem}); with [process] start in the target "
                "file the suite starts it again and goes on"
            )
            return False
        try:
            self._process.start(self._ready)
        except ProcessError as error:
            self.gone = f"the backend no longer answers, and {error}"
            return False
        self._world.last_steps.begin()
        self._world.journal.note("backend-restarted")
        return True

    @staticmethod
    def _is_absent(answer: Exchange) -> bool:
        return answer.status is None or answer.status in NOT_YET

    def _ready(self) -> bool:
        """Whether a backend that is being started answers, and no proxy in its place.

        Asked outside the contract: what comes before it is ready is not judged.
        """
        if self._refusal() is not None:
            return False
        status = self._world.http.send("GET", "/").status
        return status is not None and status not in NOT_YET

    def _problem(self) -> Problem | None:
        """Why the backend does not answer; None while it does."""
        return problem(self._world.target.url, self._world.pace, self._sound)

    def _sound(self) -> Exchange:
        """Asks for a history, or, where the backend dies of that, for its root."""
        try:
            return self._ask()
        except Avoided:
            return self._world.http.send("GET", "/")

    def _refusal(self) -> Problem | None:
        return refusal(self._world.target.url, self._world.pace)

    def _ask(self, index: int = 0) -> Exchange:
        actors = self._world.actors
        return actors[index].read(actors[(index + 1) % len(actors)])


def _death(
    cause: Cause | None, how: str, last_words: str | None, steps: list[Step]
) -> tuple[Judgement, list[Step]]:
    """The judgement on a death, and the steps that repeat it."""
    summary = "The backend stops answering during the run"
    observed = how
    if cause is not None:
        summary, steps = cause.summary, list(cause.steps)
        observed += "; it does so again when nothing but this is done: "
    else:
        steps = steps[-MOST_NAMED:]
        observed += "; sent just before, the last one last: "
    observed += " | ".join(step.line() for step in steps)
    if last_words is not None:
        observed += f"\n{last_words}"
    expected = "a process that survives whatever is sent"
    return Judgement(DEATH, False, summary, expected, observed), steps
