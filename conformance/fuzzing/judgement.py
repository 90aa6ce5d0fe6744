"""What an answer says about the backend, given what was expected. Pure functions.

Monitors see every exchange as well. So a 5xx status, an undocumented status, a body that does not
fit its schema and a wrong error body are theirs, and say nothing here.
"""

from collections.abc import Iterator

from conformance.fuzzing.expectation import Expectation, Kind
from conformance.fuzzing.people import People
from conformance.fuzzing.stimulus import Stimulus, spelt
from conformance.judging.causes import of_refusal
from conformance.judging.judgements import Judgement
from conformance.judging.messages import attachment, member, same_id, text, unwrapped, user_id
from conformance.judging.monitors import shows_success
from conformance.wire.http import Exchange
from contract import Operation

LONGEST = 300
"""Characters of a value that a finding quotes."""
SETTINGS = ("isPinned", "isBlocked", "isFavorite", "customRingtone")


def judge(
    operation: Operation, stimulus: Stimulus, expectation: Expectation, exchange: Exchange
) -> Judgement | None:
    """Whether the backend kept what was expected of it; None where nothing can be said."""
    status = exchange.status
    if expectation.kind is Kind.FREE:
        return None
    # With which status of success a valid request is answered, monitors judge.
    taken = expectation.kind is Kind.TAKEN and shows_success(exchange)
    if status in expectation.fair or taken:
        return Judgement(expectation.requirement, True, level=expectation.level)
    if status is not None and (
        status >= 500 or status == 429 or (status >= 400 and status not in operation.responses)
    ):
        return None
    wanted = " or ".join(str(fair) for fair in sorted(expectation.fair))
    got = "left without an answer" if status is None else f"answered {status}"
    return Judgement(
        expectation.requirement,
        False,
        summary=f"{operation.method} {operation.path}: {expectation.reason} is {got}",
        expected=f"{wanted}, because {why(expectation, stimulus)}",
        observed=answered(exchange),
        level=expectation.level,
        cause=of_refusal(stimulus.body) if expectation.kind is Kind.TAKEN else None,
    )


def echo(
    operation: Operation, stimulus: Stimulus, exchange: Exchange, people: People
) -> Iterator[Judgement]:
    """What the answer to a request that was taken shows of what was sent.

    Answers without the object that is expected are left to the monitors.
    """
    shown, body = unwrapped(exchange.json), stimulus.body
    if not isinstance(shown, dict) or not isinstance(body, dict):
        return
    where = f"{operation.method} {operation.path}"
    match operation.id:
        case "sendMessage" | "sendChatMessage":
            chat = operation.id == "sendChatMessage"
            blamed = "CHAT-02" if chat else "SEND-02"
            recipient = next(
                user.id
                for user in people.others
                if same_id(
                    user.public_id if chat else user.id, body["to" if chat else "recipientId"]
                )
            )
            yield _shows(blamed, where, "sender", people.me.id, user_id(shown.get("sender")))
            yield _shows(
                blamed, where, "recipient", recipient.lower(), user_id(shown.get("recipient"))
            )
            sent = str(body.get("message" if chat else "text") or "")
            whose = blamed if sent.isascii() else "SEND-13"
            yield _shows(whose, where, "text", sent, text(shown))
            if not chat:
                yield _shows(blamed, where, "attachment", attachment(body), attachment(shown))
        case "updateConversationMetadata":
            for name in SETTINGS:
                if name in body:
                    kept = member(shown, name)
                    if isinstance(body[name], bool) and not isinstance(kept, bool | None):
                        continue  # a flag of another form is judged by the schema
                    yield _shows("META-02", where, name, body[name], kept)


def _shows(requirement: str, where: str, what: str, sent: object, shown: object) -> Judgement:
    return Judgement(
        requirement,
        type(sent) is type(shown) and sent == shown,
        summary=f"{where}: the answer shows another {what} than was sent",
        expected=f"{what} {quoted(sent)}",
        observed=f"{what} {quoted(shown)}",
    )


def why(expectation: Expectation, stimulus: Stimulus) -> str:
    """Why something is expected of a stimulus, and where the stimulus came from."""
    reason = expectation.detail or expectation.reason
    return f"{reason} ({stimulus.origin})" if stimulus.origin else reason


def answered(exchange: Exchange) -> str:
    """Status and beginning of the body, or why there is no answer."""
    if exchange.status is None:
        return f"no answer: {exchange.error}"
    return f"{exchange.status} {_short(exchange.body.decode('utf-8', 'replace'))}".rstrip()


def quoted(value: object) -> str:
    """A value as JSON, cut where it is long."""
    return _short(spelt(value))


def _short(words: str) -> str:
    return words if len(words) <= LONGEST else f"{words[:LONGEST]}… ({len(words)} characters)"
