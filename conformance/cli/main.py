"""The command `r2c-verify`: arguments in, exit status out."""

import argparse
import errno
import io
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from conformance.cli.usage import Parser, Wrong, whole_number

if TYPE_CHECKING:
    # Imported where they are used: `--help` must not wait for libraries it does not need.
    from conformance.backend.target import Target
    from conformance.judging.baseline import Baseline
    from contract import Contract

USAGE_ERROR = 2
INCOMPLETE = 3
SUITE_ERROR = 4
DEFAULT_TARGET = Path("target.toml")
PROCESSES = min(2, os.cpu_count() or 1)
"""In how many processes a run plays; a third one would start for longer than it plays."""
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""What printing fails of on a full disk. Files that cannot be written say so themselves."""
COMMANDS = {
    "requirements": "catalogue",
    "explain": "catalogue",
    "init": "adoption",
    "doctor": "adoption",
    "replay": "adoption",
    "token": "adoption",
    "load": "load",
}
"""The sub-commands and the modules of this folder that run them."""

_EPILOG = """\
further commands:
  r2c-verify requirements          list what a backend has to keep
  r2c-verify explain ID            tell what a requirement means, or list a group such as SEND
  r2c-verify init [URL]            write a first target file
  r2c-verify doctor                look whether the target file fits its backend
  r2c-verify replay FINDING        look whether a finding of the last report still occurs
  r2c-verify load                  send much at once, measure, and judge what comes back
  r2c-verify token USER            print a token of a user of the target file
  r2c-verify token --all           print lines for sh that export a token for each user

exit status:
  0 conformant   1 not conformant, or a stale baseline   2 wrong usage or target file
  3 incomplete (the backend cannot be reached, or a must could not be judged)
  4 an error of this suite
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command and returns its exit status."""
    _open_standard_error()
    try:
        status = _run(list(sys.argv[1:] if argv is None else argv))
    except SystemExit as end:  # after --help
        raise SystemExit(_hung_up(int(end.code or 0))) from None
    return _hung_up(status)


def _run(arguments: list[str]) -> int:
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal that knows ASCII alone shows a question mark, not a traceback.
        sys.stdout.reconfigure(errors="replace")
    try:
        if arguments and arguments[0] in COMMANDS:
            module = import_module(f"conformance.cli.{COMMANDS[arguments[0]]}")
            return int(module.run_command(arguments))
        options = _parser().parse_args(arguments)
        word = options.url or ""
        # A host may be called like a command.
        if "/" not in word and (close := get_close_matches(word, COMMANDS, 1)):
            raise Wrong(f"{word!r} is no URL; did you mean `r2c-verify {close[0]}`?")
        return _verify(options)
    except Wrong as error:
        _complain(str(error))
        return USAGE_ERROR
    except KeyboardInterrupt:
        _complain("interrupted.")
        return INCOMPLETE
    except BrokenPipeError:
        return 0
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _FULL and error.filename is None:
            return _without_output(error)
        _complain(
            f"an error of this suite, please report it: {type(error).__name__}: {error} "
            f"({_origin(error)})"
        )
        return SUITE_ERROR


def _open_standard_error() -> None:
    """Complaints go nowhere where whoever started the command closed it (`2>&-`). Libraries that
    warn there, and processes that inherit it, need one all the same.
    """
    if sys.stderr is None:
        with suppress(OSError):
            os.fstat(2)
            return  # the number is in use for something else by now
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        if nowhere != 2:
            os.close(nowhere)
        sys.stderr = open(2, "w", encoding="utf-8")  # noqa: SIM115 - as long as the process


def _complain(sentence: str) -> None:
    from conformance.evidence.printable import one_line

    print(f"r2c-verify: {one_line(sentence)}", file=sys.stderr)  # noqa: T201


def _origin(error: Exception) -> str:
    """File and line where an error came up."""
    import traceback

    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno}"


def _hung_up(status: int) -> int:
    """Sends what is left to standard output, and returns the exit status. Where nobody reads it any
    more (`| head -1`), Python must not complain about that on its way out.
    """
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        if error.errno in _FULL:
            return _without_output(error)
        _discard_output()
    return status


def _without_output(error: OSError) -> int:
    _complain(f"standard output cannot be written: {error.strerror}.")
    _discard_output()
    return USAGE_ERROR


def _discard_output() -> None:
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="r2c-verify",
        description="Verifies a Reals2Chat messaging backend against the contract, over HTTP and "
        "Socket.IO. Without URL, --target and ./target.toml it starts the reference server and "
        "verifies that.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "url", nargs="?", metavar="URL", help="the backend; goes before the target file's"
    )
    parser.add_argument(
        "--target",
        type=Path,
        metavar="FILE",
        help="target file (./target.toml if there is one)",
    )
    parser.add_argument(
        "--profile",
        choices=("quick", "default", "thorough"),
        default="default",
        help="how thorough (default: %(default)s)",
    )
    parser.add_argument(
        "--only",
        type=_ids,
        metavar="IDS",
        help="requirements or groups to judge, such as SEND-09,AUTH",
    )
    parser.add_argument("--strict", action="store_true", help="a broken should is a failure too")
    parser.add_argument(
        "--seed", type=whole_number, metavar="N", help="repeat the run that printed this seed"
    )
    parser.add_argument(
        "--report-dir",
        type=Path,
        metavar="DIR",
        default=Path("r2c-report"),
        help="where reports go (default: %(default)s)",
    )
    parser.add_argument(
        "--baseline",
        type=Path,
        metavar="FILE",
        help="accepted findings; new and stale ones fail (the seed is 1 then)",
    )
    parser.add_argument(
        "--update-baseline", action="store_true", help="write what fails now to the baseline file"
    )
    parser.add_overlays()
    parser.add_argument(
        "--annotations",
        choices=("auto", "github", "none"),
        default="auto",
        help="annotations for GitHub Actions (default: where it runs the suite)",
    )
    parser.add_argument("--version", action="version", version=_version())
    return parser


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"r2c-verify {version('r2c-contract')}"
    except PackageNotFoundError:
        return "r2c-verify (not installed)"


def _ids(text: str) -> tuple[str, ...]:
    ids = tuple(part.strip().upper() for part in text.split(",") if part.strip())
    if not ids:
        raise argparse.ArgumentTypeError("names no requirement")
    return ids


def _verify(arguments: argparse.Namespace) -> int:
    contract = _contract(arguments.overlay)
    target = _target(arguments)
    baseline = _baseline(arguments)
    only = _selection(arguments.only, contract)
    folder = _folder(arguments.report_dir)

    from conformance.backend.target import TargetError
    from conformance.cli.reporting import Reporting, complain
    from conformance.profiles import PROFILES
    from conformance.reports.files import Unwritten
    from conformance.reports.terminal import LiveProgress
    from conformance.run import Plan, chosen_seed, verify

    plan = Plan(
        contract=contract,
        target=target,
        profile=PROFILES[arguments.profile],
        folder=folder,
        seed=chosen_seed(arguments.seed, baseline=arguments.baseline is not None),
        strict=arguments.strict,
        only=only,
        processes=PROCESSES,
    )
    reporting = Reporting.of(folder, arguments.annotations, os.environ)
    unwritten: tuple[Unwritten, ...] = ()
    known = frozenset(contract.requirements)
    with reporting.untrusted():
        try:
            with LiveProgress(reporting.console, plan.strict) as progress:
                report = verify(plan, progress)
        except TargetError as error:
            raise Wrong(str(error)) from None
        except OSError as error:
            raise Wrong(_unwritable(error, folder)) from None
        if report.unwritten is not None:
            unwritten = (Unwritten(folder / "events.ndjson", report.unwritten),)
        if arguments.update_baseline:
            updated = baseline.updated(
                report.outcomes, judged=report.judged, known=known, strict=report.strict
            )
            try:
                updated.write(arguments.baseline)
            except OSError as error:
                unwritten = (*unwritten, Unwritten(arguments.baseline, error))
        elif arguments.baseline is not None:
            report = report.against(baseline, known)
        unwritten = (*unwritten, *reporting.publish(report, contract))
    reporting.annotations(report)
    complain(unwritten)
    if arguments.update_baseline:
        reporting.console.print(
            f"{arguments.baseline} holds what fails now; give each entry its reason.", markup=False
        )
    return report.exit_status


def _unwritable(error: OSError, folder: Path) -> str:
    return f"{error.filename or folder} cannot be written: {error.strerror or error}."


def _contract(overlays: list[Path]) -> "Contract":
    from contract import DocumentError, load

    try:
        return load(overlays)
    except DocumentError as error:
        raise Wrong(f"{error}.") from None


def _target(arguments: argparse.Namespace) -> "Target | None":
    from conformance.backend.target import Target, TargetError, checked_url

    try:
        url = checked_url(arguments.url) if arguments.url is not None else None
        if arguments.target is not None:
            return Target.read(arguments.target, url)
        if not DEFAULT_TARGET.exists():
            if url is None:
                return None
            raise Wrong(
                "the suite has to know users of the backend and how to get their tokens; name a "
                "target file with --target."
            )
        return Target.read(DEFAULT_TARGET, url)
    except TargetError as error:
        raise Wrong(str(error)) from None


def _baseline(arguments: argparse.Namespace) -> "Baseline":
    from conformance.judging.baseline import Baseline, BaselineError
    from conformance.reports.folder import check_writable

    if arguments.baseline is None:
        if arguments.update_baseline:
            raise Wrong("--update-baseline needs --baseline FILE, the file to write.")
        return Baseline()
    if arguments.update_baseline:
        fresh = not arguments.baseline.exists()
        try:
            check_writable(arguments.baseline)
        except OSError as error:
            raise Wrong(_unwritable(error, arguments.baseline)) from None
        if fresh:
            return Baseline()
    try:
        return Baseline.read(arguments.baseline)
    except BaselineError as error:
        raise Wrong(str(error)) from None


def _selection(only: tuple[str, ...] | None, contract: "Contract") -> frozenset[str] | None:
    """The ids that `--only` names, groups spelt out."""
    if only is None:
        return None
    try:
        return contract.ids(*only)
    except KeyError as unknown:
        raise Wrong(
            f"--only: {unknown.args[0]} is neither a requirement nor a group; "
            "`r2c-verify requirements` lists them."
        ) from None


def _folder(folder: Path) -> Path:
    from conformance.reports.folder import cleared

    try:
        return cleared(folder)
    except OSError as error:
        raise Wrong(f"--report-dir: {_unwritable(error, folder)}") from None
