"""The command `load`: drives the backend through Locust, which runs in a process of its own."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
from argparse import ArgumentTypeError, Namespace
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conformance.cli.usage import Parser, Wrong, whole_number

if TYPE_CHECKING:
    from conformance.backend.target import Target

CLEAN, BROKEN, NOT_REACHED = 0, 1, 3
EACH = 2
"""Users of the target that each worker needs for itself: one writes to the other."""
LOOPBACK = "127.0.0.1"
WEB_PORT, MASTER_PORT = "8089", "5557"
"""Where Locust listens unless it is told otherwise."""
STOP_TIMEOUT = 20
"""Seconds in which users end what they are doing."""
PASSED_ON = {
    "master": "gathers from workers, here or on other machines",
    "worker": "sends what a master tells",
}
NAMED = {
    "master-host": "where a worker finds its master",
    "master-port": "its port",
    "master-bind-host": "address that the master listens on",
    "master-bind-port": "its port",
    "web-port": "port of Locust's page (default: 8089)",
}
"""Options of Locust that go to it as they are."""


def run_command(arguments: Sequence[str]) -> int:
    """Runs the command and returns the exit status. Raises Wrong."""
    chosen = _parser().parse_args(arguments[1:])
    if find_spec("locust") is None:
        raise Wrong(
            "load needs Locust, which is not installed; run: pip install 'r2c-contract[load]'."
        )
    _check(chosen)
    from conformance.backend.processes import ProcessError, shell_process
    from conformance.cli.adoption import read_target
    from conformance.interrupts import Interrupts

    target, workers = read_target(chosen), _workers(chosen)
    if workers * EACH > len(target.users):
        raise Wrong(
            f"{workers} workers need {workers * EACH} users, two each of their own; the target "
            f"file names {len(target.users)}."
        )
    with Interrupts(), ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="r2c-load-")))
        if target.start is not None and _absence(target.url) is not None:
            process = shell_process(target.start, folder / "backend.log", target.folder)
            stack.callback(process.end)
            try:
                process.start(lambda: _absence(target.url) is None)
            except ProcessError as error:
                return _not_reached(str(error))
        if (why := _absence(target.url)) is not None:
            return _not_reached(f"{target.url} cannot be reached: {why}.")
        report = _measured(chosen, target, folder)
        if report is None:
            return CLEAN  # The master has it.
        return _told(report, chosen.report, _absence(target.url))


def _absence(url: str) -> str | None:
    """Why a backend does not answer; None where it does."""
    from conformance.stage.absence import problem
    from conformance.wire.http import HttpClient
    from conformance.wire.pacing import Pace

    client = HttpClient(url, Pace(), lambda exchange: None)
    try:
        found = problem(url, Pace(), lambda: client.send("GET", "/"))
    finally:
        client.close()
    return found.words if found is not None else None


def _parser() -> Parser:
    parser = Parser(
        prog="r2c-verify load",
        description="Sends requests and events of many users at once, measures, and judges every "
        "answer and event. Exit status: 0 no violation of a must, 1 violations, 2 wrong usage, 3 "
        "the backend cannot be reached.",
        allow_abbrev=False,
    )
    parser.add_argument("url", nargs="?", metavar="URL", help="the backend")
    parser.add_argument("--target", type=Path, metavar="FILE", help="target file")
    parser.add_overlays()
    for name, default, what in (
        ("users", 10, "users at once, half over REST and half on sockets"),
        ("processes", 0, "processes of this machine that share the users"),
        ("expect-workers", 1, "workers that a master waits for, each with two users of its own"),
        ("seed", 0, "draws other requests"),
    ):
        parser.add_argument(
            f"--{name}",
            type=partial(whole_number, longest=9),
            metavar="N",
            default=default,
            help=f"{what} ({default})",
        )
    parser.add_argument("--spawn-rate", type=float, metavar="N", help="users a second (all)")
    parser.add_argument(
        "--run-time",
        type=_time,
        default="10s",
        metavar="TIME",
        help="such as 30s, 5m or 1h (%(default)s)",
    )
    parser.add_argument(
        "--pause",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="between two deeds of a user (0)",
    )
    parser.add_argument("--web", action="store_true", help=f"Locust's page on {LOOPBACK} starts it")
    parser.add_argument(
        "--report",
        type=Path,
        default=Path("r2c-load.json"),
        metavar="FILE",
        help="where the report goes (%(default)s)",
    )
    for name, what in PASSED_ON.items():
        parser.add_argument(f"--{name}", action="store_true", help=what)
    for name, what in NAMED.items():
        kind, metavar = (_port, "PORT") if name.endswith("port") else (str, "HOST")
        parser.add_argument(f"--{name}", type=kind, metavar=metavar, help=what)
    return parser


def _port(text: str) -> str:
    if not text.isascii() or not text.isdigit() or not 0 < int(text[:6]) < 2**16:
        raise ArgumentTypeError(f"{text!r} is no port")
    return text


def _time(text: str) -> str:
    if not re.fullmatch(r"\d{1,9}|(?=.)(\d{1,9}h)?(\d{1,9}m)?(\d{1,9}s)?", text, re.ASCII):
        raise ArgumentTypeError(f"{text!r} is no time such as 30s, 5m or 1h30m")
    return text


def _check(chosen: Namespace) -> None:
    if chosen.users < 1:
        raise Wrong("--users has to be 1 at least.")
    if chosen.spawn_rate is not None and not chosen.spawn_rate > 0:
        raise Wrong("--spawn-rate has to be more than 0.")
    if not 0 <= chosen.pause < float("inf"):
        raise Wrong("--pause has to be a number of seconds from 0 up.")
    if sum((chosen.master, chosen.worker, chosen.processes > 0)) > 1:
        raise Wrong("--master, --worker and --processes exclude each other.")
    if chosen.web and not chosen.worker:
        _check_free(LOOPBACK, chosen.web_port or WEB_PORT, "--web-port")
    if chosen.master:
        host, port = chosen.master_bind_host or "", chosen.master_bind_port or MASTER_PORT
        _check_free(host, port, "--master-bind-port")
    if not chosen.report.parent.is_dir():
        raise Wrong(f"--report: the folder {chosen.report.parent} is not there.")


def _check_free(host: str, port: str, option: str) -> None:
    try:
        socket.create_server((host, int(port))).close()
    except OSError as error:
        raise Wrong(f"{option}: port {port} cannot be had: {error.strerror}.") from None


def _workers(chosen: Namespace) -> int:
    return int(chosen.processes or (chosen.expect_workers if chosen.master else 1))


def _measured(chosen: Namespace, target: "Target", folder: Path) -> dict[str, Any] | None:
    """Lets Locust run; what it measured and counted, or None from a worker. Raises Wrong."""
    from conformance.backend.target import TargetError
    from conformance.load.plan import VARIABLE, Plan
    from contract import DocumentError, load

    report, plan = folder / "report.json", folder / "plan"
    try:
        contract = load(chosen.overlay)
        Plan.of(contract, target, report, chosen.pause, chosen.seed).write(plan)
    except TargetError as error:
        raise Wrong(str(error)) from None
    except DocumentError as error:
        raise Wrong(f"{error}.") from None
    if chosen.web:
        print(f"Locust's page: http://{LOOPBACK}:{chosen.web_port or WEB_PORT}; Ctrl-C ends it.")  # noqa: T201
    locust = subprocess.Popen(  # noqa: S603 - our own command line
        _command(chosen, target.url),
        env={**os.environ, VARIABLE: str(plan)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is for us, who let it end in peace
    )
    try:
        status = locust.wait()
    except KeyboardInterrupt:
        locust.send_signal(signal.SIGTERM)
        status = locust.wait()
        if not report.exists():
            raise  # It had not begun.
    if chosen.worker and status == 0:
        return None
    if not report.exists():
        raise Wrong(f"Locust ended with status {status} and measured nothing.")
    measured: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    return {"users": chosen.users, "processes": _workers(chosen), **measured}


def _command(chosen: Namespace, url: str) -> list[str]:
    from conformance.load import plan

    command = [sys.executable, "-m", "locust", "--host", url, "--loglevel", "WARNING"]
    command += ["--locustfile", str(Path(plan.__file__).with_name("locustfile.py"))]
    options = vars(chosen)
    for name in PASSED_ON:
        command += [f"--{name}"] * options[name.replace("-", "_")]
    for name in NAMED:
        if (value := options[name.replace("-", "_")]) is not None:
            command += [f"--{name}", value]
    if chosen.worker:
        return command
    users, rate = str(chosen.users), str(chosen.spawn_rate or chosen.users)
    command += ["--users", users, "--spawn-rate", rate, "--stop-timeout", str(STOP_TIMEOUT)]
    command += ["--only-summary"]
    if chosen.processes:
        port = chosen.master_bind_port or str(_free_port())
        command += ["--processes", str(chosen.processes), "--master-bind-host", LOOPBACK]
        command += ["--master-bind-port", port, "--master-port", port]
    if chosen.master:
        command += ["--expect-workers", str(chosen.expect_workers)]
    if chosen.web:
        return [*command, "--web-host", LOOPBACK]
    return [*command, "--headless", "--run-time", chosen.run_time]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _told(report: dict[str, Any], file: Path, gone: str | None) -> int:
    """Writes the report and its summary; returns the exit status. Raises Wrong."""
    from conformance.load.summary import summarize

    try:
        text = json.dumps(report, ensure_ascii=False, indent=2)
        file.write_text(f"{text}\n", encoding="utf-8")
    except OSError as error:
        raise Wrong(f"--report: {file} cannot be written: {error.strerror}.") from None
    summarize(report, file)
    if any(each["level"] == "must" for each in report["violations"]):
        return BROKEN
    if gone is not None:
        return _not_reached(f"{report['url']} cannot be reached any more: {gone}.")
    if report["silent_workers"]:
        return _not_reached(f"{report['silent_workers']} workers did not say what they counted.")
    if not report["measured"]:
        return _not_reached("nothing was sent.")
    if not report["counts"].get("answers") and not report["counts"].get("events"):
        return _not_reached(f"{report['url']} answered nothing.")
    return CLEAN


def _not_reached(sentence: str) -> int:
    from conformance.evidence.printable import one_line

    print(f"r2c-verify: {one_line(sentence)}", file=sys.stderr)  # noqa: T201
    return NOT_REACHED
