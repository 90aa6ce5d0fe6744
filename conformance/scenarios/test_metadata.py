"""What a user sets for a conversation (META)."""

from collections.abc import Callable
from functools import partial
from itertools import product
from typing import Any

from conformance.judging.causes import ENVELOPE
from conformance.judging.messages import same_id, user_id
from conformance.judging.monitors import short
from conformance.scenarios import requirement, undisturbed
from conformance.scenarios.props.bodies import FLAGS, malformed_ids, wrong_settings
from conformance.scenarios.props.exactness import enveloped
from conformance.scenarios.props.refusals import Refusals
from conformance.scenarios.props.settings import (
    FIELDS,
    PLAIN,
    UNSEEN,
    Body,
    Settings,
    acquainted,
    differing,
    entry_of,
    same,
)
from conformance.stage.actor import Actor
from conformance.stage.stage import Stage
from conformance.wire.http import Exchange

FULL: Body = {"isPinned": True, "isBlocked": False, "isFavorite": True, "customRingtone": "veena"}
RINGTONES = ("tabla-roll", "शंख 🔔", "https://cdn.example/Tones/Sitar.MP3", "tone.7")


@requirement("META-01", "META-02", "META-11")
def test_settings_are_answered_as_they_were_sent(stage: Stage) -> None:
    """All combinations of the flags, each sent twice."""
    owner, other = acquainted(stage)
    settings = Settings(stage, owner, other)
    try:
        for number, values in enumerate(product((True, False), repeat=len(FLAGS))):
            body: Body = dict(zip(FLAGS, values, strict=True))
            if number % 2 == 0:
                body["customRingtone"] = RINGTONES[number // 2]
            answer, again = settings.put(body), settings.put(body)
            _judge_entry(stage, answer, owner, other)
            for entry, field in product(map(entry_of, (answer, again)), body):
                # Whether there is an entry at all is judged above.
                stage.check(
                    "META-02",
                    not entry or field not in differing(entry, body),
                    f"{field} is not answered as it was sent",
                    body,
                    entry,
                )
            stage.check(
                "META-11",
                again.status == answer.status
                and _settings(entry_of(again)) == _settings(entry_of(answer)),
                "The same body of settings sent twice gives other settings",
                _settings(entry_of(answer)),
                again,
            )
    finally:
        settings.reset()


def _judge_entry(stage: Stage, answer: Exchange, owner: Actor, other: Actor) -> None:
    entry = entry_of(answer)
    for holds, what in (
        (
            bool(entry) and enveloped(stage.world.contract, answer),
            "without the settings in the envelope",
        ),
        (user_id(entry) is not None, "without an _id"),
        (same_id(entry.get("userId"), owner.id), "with another userId than the caller's"),
        (same_id(entry.get("otherUserId"), other.id), "with another otherUserId than was named"),
        # A flag that is no boolean breaks the schema (ALL-01), and nothing else.
        (all(entry.get(flag) is not None for flag in FLAGS), "without all three flags"),
    ):
        stage.check(
            "META-01",
            holds,
            f"A complete body of settings is answered {what}",
            '200 {"success": true, "data": {"_id": …, "userId": …, "otherUserId": …, …}}',
            answer,
            cause=ENVELOPE if "envelope" in what and entry else None,
        )


def _settings(entry: Body) -> dict[str, Any]:
    return {field: entry.get(field) for field in FIELDS}


@requirement("META-02")
def test_settings_are_stored(stage: Stage) -> None:
    """An answer that only repeats the body shows nothing."""
    owner, other, third = acquainted(stage, 3)
    settings = Settings(stage, owner, other)
    try:
        if settings.readable:
            _judge_storage(stage, settings)
        elif settings.shows_blocking(third):
            # It was set and taken back, and both had their effect. No client can see the others.
            stage.check("META-02", True, "")
        else:
            stage.untestable("META-02", UNSEEN)
    finally:
        settings.reset()


@undisturbed
@requirement("META-03", "META-09")
def test_a_partial_body_changes_what_it_names(stage: Stage) -> None:
    owner, other = acquainted(stage)
    settings = Settings(stage, owner, other)
    try:
        for body in (
            {"isPinned": False},
            {"isFavorite": False},
            {"isBlocked": True},
            {"customRingtone": "sitar"},
            {"isPinned": False, "customRingtone": "sarod"},
        ):
            settings.store(**FULL)
            answer = settings.put(body)
            entry = entry_of(answer)
            if not stage.check(
                "META-03", bool(entry), "A partial body of settings is refused", "200", answer
            ):
                continue
            stage.check(
                "META-03",
                not differing(entry, FULL | body),
                "A partial body of settings changes other fields than it names, or not these",
                f"{short(FULL | body)} after {short(body)}",
                entry,
                evidence=stage.evidence[-2:],
            )
        if settings.readable:
            _judge_updates_at_once(stage, settings)
        _judge_clearing(stage, settings)
    finally:
        settings.reset()


def _judge_updates_at_once(stage: Stage, settings: Settings) -> None:
    """Each names another field, so none may undo what another one did."""
    named: tuple[Body, ...] = ({"isPinned": True}, {"isFavorite": True}, {"customRingtone": "duo"})
    for _ in range(3):
        settings.put(PLAIN | {"customRingtone": "solo"})
        answers = stage.together(
            *(partial(settings.put, body) for body in named),
            before=partial(settings.put, {"isBlocked": False}),
        )
        if not all(map(entry_of, answers)):
            continue  # which is judged for each body alone
        entry = settings.read(isBlocked=False)
        for body in named:
            stage.check(
                "META-03",
                not differing(entry, body),
                "Of partial bodies at the same moment one undoes another",
                "all of them stored",
                entry,
            )


def _judge_storage(stage: Stage, settings: Settings) -> None:
    """What was stored can be read back here, so an answer that only repeats the body is seen."""
    for values in (
        {"isPinned": True, "isFavorite": True},
        {"isPinned": False, "isFavorite": False},
    ):
        wanted = PLAIN | values | {"customRingtone": f"tone-{values['isPinned']}".lower()}
        settings.store(**wanted)
        entry = settings.read(isBlocked=False)
        for field in wanted:
            stage.check(
                "META-02",
                field not in differing(entry, wanted),
                f"{field} is not stored as it was sent",
                wanted,
                entry,
            )
    settings.store(isBlocked=True)
    entry = settings.read(isPinned=False)
    stage.check(
        "META-02",
        same(entry.get("isBlocked"), True),
        "isBlocked is not stored as it was sent",
        "true",
        entry,
    )


def _judge_clearing(stage: Stage, settings: Settings) -> None:
    settings.store(**FULL)
    answer = settings.put(FULL | {"customRingtone": None})
    entry = entry_of(answer)
    stage.check(
        "META-09",
        bool(entry) and not entry.get("customRingtone"),
        "A customRingtone of null does not clear the ringtone",
        "200 with customRingtone null or absent",
        answer,
        evidence=stage.evidence[-2:],
    )
    if entry and settings.readable:
        settings.store(**FULL)
        settings.put(FULL | {"customRingtone": None})
        later = settings.read(isBlocked=False)
        stage.check(
            "META-09",
            not later.get("customRingtone"),
            "A ringtone that was cleared comes back",
            "customRingtone null or absent",
            later,
            evidence=stage.evidence[-3:],
        )


@undisturbed
@requirement("META-04")
def test_there_is_one_entry_for_each_other_user(stage: Stage) -> None:
    """Whatever is set, in whatever case the id is written, and at the same moment."""
    owner, other = acquainted(stage)
    settings = Settings(stage, owner, other)
    try:
        entries = [settings.store(), settings.store(isPinned=True), settings.store(**FULL)]
        capital = owner.set(other.id.upper(), FULL)
        if capital.succeeded:
            entries.append(entry_of(capital))
        else:
            stage.check("META-01", False, "An id in capital hex digits is refused", "200", capital)
        deeds: list[Callable[[], Exchange]] = [
            partial(settings.put, FULL | {"isPinned": number % 2 == 0}) for number in range(6)
        ]
        entries += [entry for entry in map(entry_of, stage.together(*deeds)) if entry]
        entries.append(settings.store())
    finally:
        settings.reset()
    ids = {user_id(entry) for entry in entries}
    stage.check(
        "META-04",
        len(ids) == 1,
        "The entry for one other user has several ids",
        "one _id, whatever is set",
        sorted(map(str, ids)),
    )


@requirement("META-05")
def test_settings_belong_to_one_user_and_one_conversation(stage: Stage) -> None:
    one, other, third = acquainted(stage, 3)
    mine, theirs, elsewhere = (
        Settings(stage, *pair) for pair in ((one, other), (other, one), (one, third))
    )
    quiet: Body = {"isPinned": False, "isFavorite": False, "customRingtone": "quiet"}
    try:
        ids = [
            user_id(mine.store(**FULL)),
            user_id(theirs.store(**quiet)),
            user_id(elsewhere.store(**quiet)),
        ]
        stage.check(
            "META-05",
            len(set(ids)) == len(ids),
            "Settings of two users, or for two others, are one entry",
            "an _id of its own for each owner and other user",
            ids,
        )
        if mine.readable:
            # In both directions: what one user turns on may be turned on for the other, too.
            for own, set_by_others in ((FULL, quiet), (quiet, FULL)):
                for settings, set_again, whose in (
                    (mine, (theirs, elsewhere), "one user"),
                    (theirs, (mine, elsewhere), "the other user"),
                    (elsewhere, (mine, theirs), "another conversation"),
                ):
                    settings.store(**own)
                    before = settings.read(isBlocked=False)
                    for foreign in set_again:
                        foreign.store(**set_by_others)
                    after = settings.read(isBlocked=False)
                    stage.check(
                        "META-05",
                        not differing(after, _settings(before)),
                        f"The settings of {whose} change when others are set",
                        _settings(before),
                        after,
                    )
            elsewhere.store(isBlocked=True)
            mine.store(isBlocked=True)
            mine.store()
            entry = elsewhere.read(isPinned=False)
            stage.check(
                "META-05",
                same(entry.get("isBlocked"), True),
                "Unblocking one user unblocks another",
                "isBlocked true for the other one",
                entry,
            )
        elif mine.shows_blocking(third):
            mine.store(isBlocked=True)
            theirs.store(**quiet)
            elsewhere.store(**quiet)
            stage.check(
                "META-05",
                not mine.arrives(third),
                "A block is taken back when others set something",
                "no receiveMessage from the blocked user",
            )
        else:
            stage.untestable("META-05", UNSEEN)
    finally:
        for settings in (mine, theirs, elsewhere):
            settings.reset()


@requirement("META-06")
def test_settings_for_nobody_are_refused(stage: Stage) -> None:
    owner, other = acquainted(stage)
    refusals = Refusals(stage, "a body of settings")
    for name, id in malformed_ids(other.id):
        if not refusals.hopeless("META-06"):
            answer = owner.set(id, PLAIN)
            refusals.add("META-06", f"an otherUserId that is {name}", answer)
    refusals.judge()
    stage.answered(
        "META-06",
        owner.set(stage.unknown_id(), PLAIN),
        404,
        "Settings for a user who does not exist are not answered 404",
        level="should",
    )


@requirement("META-07")
def test_wrong_settings_are_refused(stage: Stage) -> None:
    owner, other = acquainted(stage)
    settings = Settings(stage, owner, other)
    refusals = Refusals(stage, "a body of settings")
    try:
        for wrong in wrong_settings():
            if not refusals.hopeless(wrong.requirement):
                answer = settings.put(wrong.body)
                refusals.add(wrong.requirement, wrong.flaw, answer)
    finally:
        settings.reset()  # what a backend took for a block would hide messages
    refusals.judge()


@requirement("META-08")
def test_a_refused_update_changes_nothing(stage: Stage) -> None:
    """One wrong field among right ones, before and behind them."""
    owner, other, third = acquainted(stage, 3)
    settings = Settings(stage, owner, other)
    refused = False
    try:
        for field, value in (
            ("isPinned", "wrong"),
            ("isFavorite", 5),
            ("isBlocked", []),
            ("customRingtone", {"a": 1}),
        ):
            for last in (True, False):
                answers: list[Exchange] = []

                def update(
                    body: Body,
                    wrong: Body = {field: value},  # noqa: B006  never changed
                    last: bool = last,
                    answers: list[Exchange] = answers,
                ) -> None:
                    right = {name: body[name] for name in body if name not in wrong}
                    answers.append(settings.put(right | wrong if last else wrong | right))

                changed = settings.changed_by(update, third)
                if changed is None:
                    stage.untestable("META-08", UNSEEN)
                    return
                if answers[0].status is not None and answers[0].status >= 400:
                    refused = True
                    stage.check(
                        "META-08",
                        not changed,
                        f"An update refused for a wrong {field} changes the settings",
                        "the settings as they were",
                        f"changed: {', '.join(sorted(changed))}",
                    )
    finally:
        settings.reset()
    if not refused:
        stage.untestable("META-08", "no wrong update is refused (META-07)")
