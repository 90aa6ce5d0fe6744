"""The commands `init`, `doctor`, `replay` and `token`: how a team begins, and comes back."""

import secrets
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from conformance.cli.usage import Parser, Wrong

if TYPE_CHECKING:
    import argparse

    from conformance.backend.target import Target

TARGET = Path("target.toml")
REPORT = Path("r2c-report") / "report.json"
WELL, OCCURS, NOT_WELL = 0, 1, 3
"""Exit statuses: all is well or gone; the finding still occurs; something is to be mended first."""


def run_command(arguments: Sequence[str]) -> int:
    """Runs one of the commands and returns the exit status. Raises Wrong."""
    parser = Parser(prog="r2c-verify")
    commands = parser.add_subparsers(dest="command", required=True)
    init = commands.add_parser("init", help="write a first target file")
    init.add_argument("url", nargs="?", metavar="URL", help="the backend")
    init.add_argument("--target", type=Path, metavar="FILE", default=TARGET, help="file to write")
    doctor = commands.add_parser(
        "doctor",
        help="look whether a target file fits its backend; each user sends one to themselves",
    )
    replay = commands.add_parser("replay", help="look whether a finding still occurs")
    replay.add_argument(
        "finding", metavar="FINDING", help="its fingerprint, or a requirement for all of that"
    )
    replay.add_argument("--report", type=Path, metavar="FILE", default=REPORT, help="its report")
    token = commands.add_parser("token", help="print a token of a user of the target file")
    token.add_argument("user", nargs="?", metavar="USER", help="name, userId or _id")
    kinds = token.add_mutually_exclusive_group()
    kinds.add_argument(
        "--all", action="store_true", help="lines for sh that export one for each user"
    )
    for name, what in (
        ("--expired", "one that ran out ten minutes ago"),
        ("--not-yet-valid", "one whose time comes in an hour"),
        ("--nobody", "one of a user who does not exist"),
        ("--wrong-key", "one signed with another key"),
        ("--empty-key", "one signed with an empty key"),
        ("--cut-off", "one whose signature lost its second half"),
        ("--without-signature", "one without its third part"),
        ("--altered", "one whose claims were replaced by those of another user"),
    ):
        kinds.add_argument(name, action="store_true", help=what)
    kinds.add_argument("--unsigned", metavar="NONE", help="one of this algorithm, as none or nOnE")
    for command in (doctor, replay, token):
        command.add_argument("url", nargs="?", metavar="URL", help="the backend")
        command.add_argument("--target", type=Path, metavar="FILE", help="target file")
    chosen = parser.parse_args(arguments)
    run = {"init": _init, "doctor": _doctor, "replay": _replay, "token": _token}[chosen.command]
    return run(chosen)


def _init(arguments: "argparse.Namespace") -> int:
    from conformance.adoption.starter import look_around, target_file
    from conformance.backend.target import TargetError, checked_url

    try:
        url = checked_url(arguments.url) if arguments.url is not None else None
    except TargetError as error:
        raise Wrong(str(error)) from None
    found = look_around(Path(), url)
    text = target_file(found)
    try:
        with arguments.target.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise Wrong(
            f"{arguments.target} is there already; remove it, or name another with --target."
        ) from None
    except OSError as error:
        raise Wrong(f"{arguments.target} cannot be written: {error.strerror}.") from None
    whose = f" with the users of {found.fixture}" if found.users else ""
    todo = "Look at it" if found.users else "Put your users in"
    print(f"{arguments.target} is written{whose}. {todo}, then: r2c-verify doctor")  # noqa: T201
    return WELL


def read_target(arguments: "argparse.Namespace") -> "Target":
    """The target that `--target` and URL name, or ./target.toml. Raises Wrong."""
    from conformance.backend.target import Target, TargetError, checked_url

    file = arguments.target or TARGET
    if not file.exists():
        raise Wrong(f"{file} is not there; `r2c-verify init` writes one.")
    try:
        return Target.read(file, checked_url(arguments.url) if arguments.url else None)
    except TargetError as error:
        raise Wrong(str(error)) from None


def _doctor(arguments: "argparse.Namespace") -> int:
    from contextlib import ExitStack

    from rich.text import Text

    from conformance.adoption.doctor import examine
    from conformance.backend.processes import shell_process
    from conformance.backend.target import TargetError
    from conformance.evidence.journal import Journal
    from conformance.evidence.printable import printable
    from conformance.evidence.redaction import Redactor
    from conformance.interrupts import Interrupts
    from conformance.judging.findings import Ledger
    from conformance.reports.terminal import Terminal
    from conformance.stage.watch import Backend
    from conformance.stage.world import World
    from contract import load

    target = read_target(arguments)
    redactor = Redactor()
    console = Terminal()
    well = True
    with Interrupts(), ExitStack() as stack:
        try:
            world = World.of(load(), target, Ledger({}), Journal(redactor), redactor)
        except TargetError as error:
            raise Wrong(str(error)) from None
        stack.callback(world.close)
        process = None
        if target.start is not None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            process = shell_process(target.start, folder / "backend.log", target.folder)
            stack.callback(process.end)
        for diagnosis in examine(world, Backend(world, process)):
            well &= diagnosis.well
            sign = ("✓ ", "green") if diagnosis.well else ("✗ ", "red")
            line = Text(*sign)
            line.append(f"{printable(diagnosis.subject)}: ", style="bold")
            line.append(printable(redactor.text(diagnosis.words)), style="default")
            console.print(line, soft_wrap=True)
    return WELL if well else NOT_WELL


def _token(arguments: "argparse.Namespace") -> int:
    from conformance.backend.target import TargetError
    from conformance.backend.tokens import NoToken, TokenMint

    if (arguments.user is None) != arguments.all:
        raise Wrong("token needs a USER, by name, userId or _id, or --all for all of them.")
    target = read_target(arguments)
    if arguments.all:
        return _tokens(target)
    names = [user for user in target.users if arguments.user in (user.name, user.public_id)]
    names += [user for user in target.users if user.id == arguments.user.lower()]
    if not names:
        known = ", ".join(user.name for user in target.users)
        raise Wrong(f"{arguments.user} is no user of the target file; it has {known}.")
    user, mint = names[0], TokenMint(target)
    try:
        if arguments.expired:
            token = mint.expired(user)
        elif arguments.not_yet_valid:
            token = mint.not_yet_valid(user)
        elif arguments.nobody:
            token = mint.nobody(
                replace(user, id=f"e{secrets.token_hex(12)[1:]}", public_id="NOBODY")
            )
        elif arguments.wrong_key:
            token = mint.wrong_key(user)
        elif arguments.empty_key:
            token = mint.empty_key(user)
        elif arguments.cut_off:
            token = mint.truncated(user)
        elif arguments.without_signature:
            token = mint.two_parts(user)
        elif arguments.altered:
            # Signed for somebody else, and so that it names this user.
            token = mint.altered(next(it for it in target.users if it is not user), user)
        elif arguments.unsigned is not None:
            token = mint.unsigned(user, arguments.unsigned)
        else:
            token = mint.valid(user)
    except (NoToken, TargetError) as error:
        raise Wrong(f"{error}.".replace("..", ".")) from None
    print(token)  # noqa: T201
    return WELL


def _tokens(target: "Target") -> int:
    import shlex

    from conformance.backend.target import TargetError
    from conformance.backend.tokens import TokenMint
    from conformance.evidence.redaction import Redactor, name_of_token

    redactor, mint = Redactor(), TokenMint(target)
    for user in target.users:
        try:
            token = mint.valid(user)
        except TargetError as error:
            raise Wrong(f"{error}.".replace("..", ".")) from None
        variable = redactor.register(name_of_token(user.name), token).removeprefix("$")
        print(f"export {variable}={shlex.quote(token)}")  # noqa: T201
    return WELL


def _replay(arguments: "argparse.Namespace") -> int:
    from conformance.adoption.replay import Now, ReplayError, find, looked
    from conformance.backend.target import TargetError
    from conformance.cli.checks import checks_of
    from conformance.profiles import PROFILES
    from conformance.reports.terminal import LiveProgress, Terminal
    from conformance.run import Plan, verify
    from contract import load

    contract = load()
    try:
        findings = find(arguments.report, arguments.finding)
    except ReplayError as error:
        raise Wrong(str(error)) from None
    first = findings[0]
    reference = arguments.target is None and arguments.url is None and not TARGET.exists()
    target = None if reference else read_target(arguments)
    if target is not None:
        target = replace(target, off=target.off - {first.requirement})
    console = Terminal()
    with tempfile.TemporaryDirectory() as folder:
        plan = Plan(
            contract=contract,
            target=target,
            profile=PROFILES[first.profile],
            folder=Path(folder),
            seed=first.seed,
            only=frozenset({first.requirement}),
        )
        try:
            with LiveProgress(console) as progress:
                report = verify(plan, progress)
        except TargetError as error:
            raise Wrong(str(error)) from None
    monitored = checks_of(contract)[first.requirement].monitor
    seen = looked(findings, report, monitored=monitored)
    for each in seen:
        console.print(each.line, soft_wrap=True, markup=False)
    if any(each.now is Now.OCCURS for each in seen):
        return OCCURS
    return WELL if all(each.now is Now.GONE for each in seen) else NOT_WELL
