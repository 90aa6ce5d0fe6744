"""Reports to write: one of every kind of outcome, hostile ones, and any that can be thought of."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.evidence.printable import one_line
from conformance.evidence.trace import Passage
from conformance.judging.baseline import Baseline, Entry
from conformance.judging.findings import Finding, Outcome, Status
from conformance.reports.report import Report
from contract import Level, load

CONTRACT = load()
NASTY = "\x00\x1b[31m\ud800\ufffe]]>&<\"'\r\n\t\u202e😀"
CURL = (
    "curl -sS -i -X POST http://localhost:5000/api/messages/send -H 'Authorization: Bearer "
    '\'"$TOKEN_ASHA" --data-raw \'{"recipientId":"ffffffffffffffffffffffff","text":"it\'"\'"\'s"}\''
)
SCRIPT = (
    "// needs socket.io-client@4.8 from npm and TOKEN_ASHA in the environment\n"
    'const { io } = require("socket.io-client");\n'
    '  io("http://localhost:5000").emit("typing", "\\u202e</script><!--");\n'
    "// the end, behind an empty line:\n\n"
    "process.exit();"
)
SENT = Passage(
    "sent",
    "Asha",
    "POST /api/messages/send",
    "Authorization: Bearer $TOKEN_ASHA",
    '{"text": "hello"}',
    1_767_225_600.0,
)
RECEIVED = Passage(
    "received",
    "Asha",
    "201 Created",
    "Content-Type: application/json",
    '{"success": true, "data": {"text": "hello"}}',
    1_767_225_600.012,
)


def report(*outcomes: Outcome, **fields: Any) -> Report:
    return Report(
        **{
            "contract": CONTRACT.version,
            "target": "http://localhost:5000",
            "profile": "quick",
            "seed": 1,
            "strict": False,
            "started": datetime(2026, 1, 1, tzinfo=UTC),
            "duration_s": 1.25,
            "outcomes": outcomes,
            "undocumented_events": (),
        }
        | fields
    )


def outcome(
    id: str,
    status: Status,
    *findings: Finding,
    reason: str | None = None,
    known: tuple[Finding, ...] = (),
    seconds: float = 0.0,
) -> Outcome:
    return Outcome(CONTRACT.requirements[id], status, 3, reason, findings, known, seconds)


def finding(
    id: str = "SEND-09",
    text: str = "it breaks",
    level: Level | None = None,
    reproduce: tuple[str, ...] = (CURL,),
    trace: tuple[Passage, ...] = (SENT, RECEIVED),
) -> Finding:
    of = level or CONTRACT.requirements[id].level
    return Finding(id, of, text, f"{text} expected", f"{text} observed", reproduce, trace)


KNOWN = finding("META-01", "it is known")
ENTRY = Entry(
    "META-01",
    KNOWN.fingerprint,
    "ticket 12",
    KNOWN.summary,
    link="https://tickets.example/12",
    expires=date(2030, 1, 1),
)

EVERY_KIND = (
    outcome("SEND-09", Status.FAILED, finding(), seconds=0.25),
    outcome("HIST-07", Status.FAILED, finding("HIST-07", "newest first")),
    outcome("AUTH-01", Status.PASSED),
    outcome("AUTH-02", Status.UNTESTABLE, reason="needs a user; add one"),
    outcome("AUTH-03", Status.UNTESTABLE, finding("AUTH-03"), reason="the backend is gone"),
    outcome("AUTH-04", Status.ERROR, reason="KeyError"),
    outcome("AUTH-05", Status.NOT_APPLICABLE, reason="switched off in the target file"),
    outcome("AUTH-07", Status.UNTESTABLE, reason="needs the secret; set it"),
    outcome("META-01", Status.PASSED, known=(KNOWN,), reason="the baseline accepts its findings"),
    outcome("MSG-13", Status.PASSED, reason="acknowledges every message"),
)
WITH_BASELINE = report(*EVERY_KIND, baseline=Baseline((ENTRY,)))

# Texts that mean something to the reader of some format.
HOSTILE = (
    "<script>document.title = 'taken'</script>",
    "</style><h1>taken</h1>",
    "</textarea></pre></details><img src=x onerror=alert(1)>",
    "javascript:alert(1)",
    "[click](javascript:alert(1)) ![](http://evil.example/p.png) @someone #1 | a | b",
    "``` \n# taken\n::error::taken\n| x | y |\n<details>",
    "right\u202eleft\u2066 \u200b\ufeff shalom \u05e9\u05dc\u05d5\u05dd",
    "W" * 5000,
    "{{ 7 * 7 }} {% raw %} ${x} %0A %25",
    "&lt;b&gt; &amp; &#60;i&#62;",
    NASTY,
)


def hostile() -> Report:
    """A report in which everything that comes from a backend is hostile."""
    outcomes = [
        outcome(
            id,
            Status.FAILED,
            finding(
                id,
                text,
                # As the suite writes them: whatever is not printable is spelt out.
                reproduce=(one_line(text),),
                trace=(
                    Passage("sent", text, text, text, text, 1.0),
                    Passage("received", text, text, text, text * 3, 2.0),
                ),
            ),
        )
        for id, text in zip(sorted(CONTRACT.requirements), HOSTILE, strict=False)
    ]
    unjudged = [
        outcome(id, Status.UNTESTABLE, reason=text)
        for id, text in zip(sorted(CONTRACT.requirements)[20:], HOSTILE, strict=False)
    ]
    texts = tuple(HOSTILE)
    return report(
        *outcomes, *unjudged, undocumented_events=texts, stale=texts, stopped=" ".join(texts)
    )


TEXTS = st.text() | st.sampled_from(HOSTILE) | st.text(st.characters(), max_size=5)
PASSAGES = st.builds(
    Passage,
    st.sampled_from(["sent", "received"]),
    TEXTS,
    TEXTS,
    TEXTS,
    TEXTS,
    st.none() | st.floats(0, 4e9),
)


@st.composite
def outcomes(draw: st.DrawFn) -> Outcome:
    """Any outcome of any requirement, with findings that are its own."""
    id = draw(st.sampled_from(sorted(CONTRACT.requirements)))
    findings = st.builds(
        finding,
        st.just(id),
        TEXTS,
        st.sampled_from(["must", "should", "may"]),
        st.lists(TEXTS, max_size=2).map(tuple),
        st.lists(PASSAGES, max_size=2).map(tuple),
    )
    found = draw(st.lists(findings, max_size=3, unique_by=lambda it: it.fingerprint))
    split = draw(st.integers(0, len(found)))
    return outcome(
        id,
        draw(st.sampled_from(Status)),
        *found[:split],
        reason=draw(st.none() | TEXTS),
        known=tuple(found[split:]),
    )


REPORTS = st.builds(
    lambda outcomes, **fields: report(*outcomes, **fields),
    st.lists(outcomes(), max_size=4, unique_by=lambda outcome: outcome.requirement.id),
    strict=st.booleans(),
    stopped=st.none() | TEXTS,
    stale=st.lists(TEXTS, max_size=2).map(tuple),
    undocumented_events=st.lists(TEXTS, max_size=2).map(tuple),
    profile=st.sampled_from(["quick", "default", "thorough"]),
    seed=st.integers(0, 10**18),
    started=st.datetimes(datetime(1970, 1, 1), datetime(9000, 1, 1), timezones=st.just(UTC)),
    baseline=st.none() | st.just(Baseline((ENTRY,))),
)


def any_report(examples: int) -> Callable[[Any], Any]:
    """Runs a test with so many reports of any kind, on however busy a machine."""
    return lambda test: settings(max_examples=examples, deadline=None)(given(REPORTS)(test))
