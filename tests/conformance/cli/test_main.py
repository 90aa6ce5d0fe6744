"""The command line as people and scripts meet it: a process of its own."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tomli_w

ROOT = Path(__file__).parents[3]
USERS = [
    {"_id": f"60d0fe4f5311236168a109c{digit}", "userId": f"R2C00{digit}", "name": name}
    for digit, name in ((1, "Asha"), (2, "Ben"), (3, "Cara"))
]


def nothing_listens() -> str:
    """A URL of this machine at which nothing listens: port 9 is discard, which nobody runs."""
    return "http://127.0.0.1:9"


def verify(*arguments: object, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "conformance", *map(str, arguments)],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=60,
        stdin=subprocess.DEVNULL,
    )


@pytest.fixture
def called(tmp_path, monkeypatch, capsys):
    """Calls the command in this process, which spares half a second; the folder is tmp_path."""
    from conformance.cli.main import main

    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> subprocess.CompletedProcess[str]:
        status = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, status, out, err)

    return call


@pytest.fixture
def target(tmp_path):
    """Writes a target file that is right but for what is given, and names it."""

    def write(**sections) -> Path:
        content = {
            "target": {"url": nothing_listens()},
            "auth": {"secret": "a secret of thirty-two characters!"},
            "users": USERS,
        }
        file = tmp_path / "target.toml"
        file.write_bytes(tomli_w.dumps(content | sections).encode())
        return file

    return write


def refused(done: subprocess.CompletedProcess[str], expected: str) -> None:
    """Exit 2, and one sentence that holds what is expected."""
    assert "Traceback" not in done.stderr
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("r2c-verify: ")
    assert done.stderr.endswith((".\n", "?\n"))
    assert not done.stderr.endswith("..\n")
    assert expected in done.stderr


# What needs no backend


def test_help_names_every_option_and_exit_status_and_comes_at_once(tmp_path):
    began = time.perf_counter()
    done = verify("--help", cwd=tmp_path)
    took = time.perf_counter() - began
    assert done.returncode == 0
    for word in (
        "--target", "--profile", "--only", "--strict", "--seed", "--report-dir", "--baseline",
        "--update-baseline", "--overlay", "--annotations", "requirements", "explain", "exit status",
    ):  # fmt: skip
        assert word in done.stdout
    # 0.1 s on an idle core; other tests may keep the cores busy.
    assert took < 2


def test_help_loads_no_library_it_does_not_need(tmp_path):
    script = (
        "import sys\nsys.argv = ['r2c-verify', '--help']\n"
        "from conformance.cli.main import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "heavy = {'rich', 'schemathesis', 'requests', 'pytest', 'jwt', 'yaml', 'jsonschema_rs'}\n"
        "print('loaded', sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.splitlines()[-1] == "loaded []"


def test_the_version_is_told(tmp_path):
    done = verify("--version", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("r2c-verify ")


def test_the_requirements_are_listed_from_any_folder(tmp_path):
    done = verify("requirements", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "  SEND-09  must" in done.stdout


@pytest.mark.parametrize("id", ["SEND-09", "send-09"])
def test_a_requirement_is_explained(tmp_path, id):
    done = verify("explain", id, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("SEND-09 (must, ")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            ["explain", "nonsense"],
            "'NONSENSE' is neither a requirement nor a group; `r2c-verify requirements` lists",
        ),
        (["explain", "SENT"], "'SENT' is neither a requirement nor a group"),
        (["explain", "a\nb\x1b[31m"], "is neither a requirement nor a group"),
        (["explain"], "the following arguments are required: ID."),
        (["explain", "SEND-09", "SEND-10"], "unrecognized arguments: SEND-10."),
        (["requirements", "--strict"], "unrecognized arguments: --strict."),
    ],
)
def test_a_wrong_command_gets_one_sentence(called, arguments, expected):
    refused(called(*arguments), expected)


# What is wrong


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--nonsense"], "unrecognized arguments: --nonsense."),
        (["--prof", "quick"], "unrecognized arguments"),
        (["http://a", "http://b"], "unrecognized arguments: http://b."),
        (["--profile", "fast"], "argument --profile: invalid choice: 'fast'"),
        (["--profile"], "argument --profile: expected one argument."),
        (["--seed", "-1"], "--seed"),
        (["--seed", "1.5"], "'1.5' is no whole number from 0 up."),
        (["--seed", ""], "'' is no whole number from 0 up."),
        (["--seed", "\u0661"], "is no whole number from 0 up."),
        (["--seed", "9" * 30], "is no whole number from 0 up."),
        (["--only", ""], "names no requirement."),
        (["--only", " , "], "names no requirement."),
        (["--only", "SEND-99"], "--only: SEND-99 is neither a requirement nor a group"),
        (["--only", "SEND,FOO"], "--only: FOO is neither a requirement nor a group"),
        (["localhost:5000"], "'localhost:5000' is no URL of a backend"),
        (["docter"], "'docter' is no URL; did you mean `r2c-verify doctor`?"),
        (["http://doctor", "--target", "missing.toml"], "missing.toml: No such file or directory."),
        (["http://a b"], "'http://a b' is no URL of a backend"),
        (["http://h:0"], "is no URL of a backend"),
        (["http://h?x"], "nothing else."),
        (["http://h\n\x1b[31m"], r"'http://h\n\x1b[31m' is no URL of a backend"),
        ([""], "'' is no URL of a backend"),
        (["--target", "missing.toml"], "missing.toml: No such file or directory."),
        (["--target", "."], ".: Is a directory."),
        (["--target", "missing\nfile"], "No such file or directory."),
        (["http://h"], "name a target file with --target."),
        (["--overlay", "missing.yaml"], "missing.yaml: No such file or directory."),
        (["--overlay", "."], "."),
        (["--baseline", "missing.json"], "missing.json: No such file or directory."),
        (["--update-baseline"], "--update-baseline needs --baseline FILE, the file to write."),
        (
            ["--update-baseline", "--baseline", "no/such/folder/x"],
            "cannot be written: No such file",
        ),
        (["--update-baseline", "--baseline", "."], "cannot be written: Is a directory."),
    ],
)
def test_a_wrong_argument_gets_one_sentence(called, tmp_path, arguments, expected):
    refused(called(*arguments), expected)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [["--nonsense"], ["explain", "nonsense"], ["--target", "."], ["http://h"], ["--only", "FOO"]],
)
def test_a_process_of_its_own_says_no_more(tmp_path, arguments):
    refused(verify(*arguments, cwd=tmp_path), "")


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("overlay", "nonsense", "overlay.txt"),
        ("overlay", "{", "overlay.txt"),
        ("overlay", "overlay: 1.0.0\ninfo: {title: x, version: '1'}\nactions: 7\n", "overlay.txt"),
        ("overlay", "\x00", "overlay.txt"),
        ("baseline", "{", "baseline.txt is no JSON: "),
        ("baseline", "[]", 'a baseline is an object with "format": 1'),
        (
            "baseline",
            '{"format": 1, "findings": [{"requirement": "SEND-09", "fingerprint": "0"}]}',
            "finding 1 needs reason",
        ),
        ("target", "[target", "target.txt is no TOML: "),
        ("target", 'a = """\n\n', "target.txt is no TOML: "),
        ("target", "users = []\n", "[[users]] names 0; 3 users"),
        ("target", '"a\\nb\\u001b" = 1\n', "is not known"),
    ],
)
def test_a_wrong_file_gets_one_sentence(called, tmp_path, name, content, expected):
    file = tmp_path / f"{name}.txt"
    file.write_text(content)
    refused(called(f"--{name}", file), expected)


@pytest.mark.parametrize("name", ["overlay", "baseline", "target"])
def test_a_fifo_is_not_waited_for(called, tmp_path, name):
    os.mkfifo(tmp_path / "fifo")
    refused(called(f"--{name}", tmp_path / "fifo"), "fifo: Not a regular file.")


@pytest.mark.parametrize("name", ["events.ndjson", "report.json", "backend.log"])
def test_a_fifo_in_the_way_of_the_reports_is_named(called, tmp_path, target, name):
    os.mkfifo(tmp_path / name)
    done = called("--target", target(process={"start": "false"}), "--report-dir", tmp_path)
    refused(done, f"{name} cannot be written: Not a regular file.")


def test_a_file_that_is_no_utf_8_gets_one_sentence(called, tmp_path):
    file = tmp_path / "file.txt"
    file.write_bytes(b"\xff\xfe")
    for name in ("target", "baseline", "overlay"):
        refused(called(f"--{name}", file), "file.txt")


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        ({"auth": {"secret": "env:NO_SUCH_SECRET"}}, "NO_SUCH_SECRET, which is not set;"),
        ({"auth": {}}, "there is no token for Asha, Ben, Cara;"),
        ({"auth": {"token_command": "no-such-program {_id}"}}, "cannot be run: No such file"),
        ({"auth": {"token_command": "false"}}, "ended with status 1: it printed nothing."),
        (
            {"auth": {"token_command": "true"}},
            "printed nothing; its last line has to be the token.",
        ),
        ({"auth": {"token_command": "echo no token"}}, "is no token"),
        ({"requirements": {"off": ["SEND-99"]}}, "SEND-99 is no requirement"),
        ({"users": USERS[:2]}, "[[users]] names 2; 3 users"),
    ],
)
def test_a_target_without_its_tokens_gets_one_sentence(called, target, sections, expected):
    refused(called("--target", target(**sections), "--report-dir", "out"), expected)


@pytest.mark.parametrize("name", ["events.ndjson", "report.json", "junit.xml"])
def test_a_report_that_cannot_be_written_is_known_before_the_run(called, tmp_path, name):
    (tmp_path / "out" / name).mkdir(parents=True)
    refused(
        called("--report-dir", "out"),
        f"--report-dir: out/{name} cannot be written: Is a directory.",
    )


@pytest.mark.parametrize("folder", ["in-the-way", "in-the-way/below"])
def test_a_file_in_the_way_of_the_reports_is_named(called, tmp_path, folder):
    (tmp_path / "in-the-way").write_text("")
    done = called("--report-dir", folder)
    refused(done, "cannot be written: ")
    assert "in-the-way" in done.stderr


# Runs that cannot begin


def test_a_backend_that_is_not_there_makes_the_run_incomplete(tmp_path, target):
    done = verify("--target", target(), "--report-dir", "out", cwd=tmp_path)
    assert done.returncode == 3
    assert done.stderr == ""
    assert "The run ended early: nothing usable answers at http://127.0.0.1:9" in done.stdout
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["verdict"] == "incomplete"
    assert {r["status"] for r in report["requirements"]} == {"untestable"}
    assert {r["reason"] for r in report["requirements"]} == {report["stopped"]}


def test_a_full_disk_does_not_keep_the_report_from_the_terminal(tmp_path, target):
    import resource

    def one_block() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))

    done = subprocess.run(
        [sys.executable, "-m", "conformance", "--target", target(), "--report-dir", "out"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=one_block,
    )
    assert done.returncode == 2
    assert "The run ended early: nothing usable answers at http://127.0.0.1:9" in done.stdout
    assert done.stderr == (
        "r2c-verify: out/events.ndjson, out/report.json, out/junit.xml, out/report.html, "
        "out/report.sarif, out/summary.md cannot be written: File too large.\n"
    )


def test_a_writer_that_is_broken_is_an_error_of_the_suite_and_the_others_write(
    called, tmp_path, target, monkeypatch
):
    from conformance.reports import files

    def fail(report):
        raise KeyError("a fault")

    monkeypatch.setattr(files, "WRITERS", files.WRITERS | {"junit.xml": fail})
    done = called("--target", target(), "--report-dir", "out")
    assert done.returncode == 4
    assert "INCOMPLETE" in done.stdout
    assert "an error of this suite, please report it: KeyError: 'a fault'" in done.stderr
    assert not (tmp_path / "out" / "junit.xml").exists()
    assert (tmp_path / "out" / "summary.md").exists()


# GitHub Actions


def test_in_github_actions_annotations_and_a_summary_come_by_themselves(
    called, tmp_path, target, monkeypatch
):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "step.md"))
    done = called("--target", target(), "--report-dir", "out")
    first, *lines = done.stdout.splitlines()
    token = first.removeprefix("::stop-commands::")
    # What a backend may have said stands before the mark, commands of ours behind it.
    rest = lines[lines.index(f"::{token}::") + 1 :]
    assert [line.partition("::nothing")[0] for line in rest] == [
        "::error title=The run ended early"
    ]
    summary = (tmp_path / "step.md").read_text()
    assert summary.strip() == (tmp_path / "out" / "summary.md").read_text().strip()


def test_elsewhere_and_where_they_are_not_wanted_there_are_no_annotations(
    called, target, monkeypatch
):
    assert "::" not in called("--target", target(), "--report-dir", "out").stdout
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    done = called("--target", target(), "--report-dir", "out", "--annotations", "none")
    assert "::" not in done.stdout
    monkeypatch.delenv("GITHUB_ACTIONS")
    done = called("--target", target(), "--report-dir", "out", "--annotations", "github")
    assert "::error title=The run ended early::" in done.stdout


def test_a_summary_of_the_step_that_cannot_be_written_is_named(
    called, tmp_path, target, monkeypatch
):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "gone" / "step.md"))
    done = called("--target", target(), "--report-dir", "out")
    assert done.returncode == 2
    assert "INCOMPLETE" in done.stdout
    assert done.stderr.endswith("gone/step.md cannot be written: No such file or directory.\n")


def test_target_toml_is_found_where_a_url_is_given(tmp_path, target):
    target(target={"url": "http://not-this-one"})
    done = verify(nothing_listens(), "--report-dir", "out", cwd=tmp_path)
    assert done.returncode == 3
    assert json.loads((tmp_path / "out" / "report.json").read_text())["target"] == nothing_listens()


@pytest.mark.parametrize("arguments", [(), ("--only", "ERR")])
def test_target_toml_is_used_without_a_url_too(tmp_path, called, target, arguments):
    # A green verdict on the reference server would pass for one on the backend.
    target()
    done = called("--report-dir", "out", *arguments)
    assert done.returncode == 3
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert (report["target"], report["target_file"]) == (nothing_listens(), "target.toml")


def test_reports_of_an_earlier_run_do_not_pass_for_this_ones(called, tmp_path, target):
    old = tmp_path / "out" / "report.json"
    old.parent.mkdir()
    old.write_text("from last week")
    file = target(auth={"token_command": "false"})
    refused(called("--target", file, "--report-dir", "out"), "ended with status 1")
    assert not old.exists()


def test_a_reset_that_fails_makes_the_run_incomplete(called, target):
    file = target(process={"reset": "echo no database >&2; exit 1"})
    done = called("--target", file, "--report-dir", "out")
    assert done.returncode == 3
    assert "ended with status 1: no database." in " ".join(done.stdout.split())


def test_a_start_that_fails_makes_the_run_incomplete(called, target):
    file = target(process={"start": "echo no node >&2; exit 127"})
    done = called("--target", file, "--report-dir", "out")
    assert done.returncode == 3
    assert "ended with status 127: no node" in " ".join(done.stdout.split())


def test_switched_off_and_selected_requirements_are_said(called, tmp_path, target):
    file = target(requirements={"off": ["SEND-09"]})
    called("--target", file, "--only", "send,hist-01", "--report-dir", "out")
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    status = {r["id"]: r["status"] for r in report["requirements"]}
    assert status["SEND-09"] == "not-applicable"
    assert {id.partition("-")[0] for id in status} == {"SEND", "HIST"}
    assert [id for id in status if id.startswith("HIST")] == ["HIST-01"]


def test_an_entry_of_the_baseline_is_not_stale_where_the_run_could_not_begin(
    called, tmp_path, target
):
    entry = {"requirement": "SEND-09", "fingerprint": "0123456789ab", "reason": "known"}
    (tmp_path / "baseline.json").write_text(json.dumps({"format": 1, "findings": [entry]}))
    arguments = ("--target", target(), "--report-dir", "out", "--baseline", "baseline.json")
    done = called(*arguments)
    assert done.returncode == 3
    assert "Stale" not in done.stdout
    done = called(*arguments, "--update-baseline")
    assert done.returncode == 3
    assert "0123456789ab" in (tmp_path / "baseline.json").read_text()


def test_an_expired_entry_of_the_baseline_is_1_though_the_run_could_not_begin(
    called, tmp_path, target
):
    entry = {
        "requirement": "SEND-09",
        "fingerprint": "0123456789ab",
        "reason": "known",
        "expires": "2020-01-01",
    }
    (tmp_path / "baseline.json").write_text(json.dumps({"format": 1, "findings": [entry]}))
    done = called("--target", target(), "--report-dir", "out", "--baseline", "baseline.json")
    assert done.returncode == 1
    assert "Stale baseline: SEND-09 0123456789ab expired on 2020-01-01." in done.stdout


# Terminals and pipes


def shell(line: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["/bin/bash", "-c", line.replace("r2c-verify", f"{sys.executable} -m conformance")],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.parametrize("command", ["requirements", "--help", "explain SEND-09"])
def test_a_reader_who_has_heard_enough_is_no_error(tmp_path, command):
    done = shell(f"r2c-verify {command} | :; exit ${{PIPESTATUS[0]}}", tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")
    done = shell(f"r2c-verify {command} | head -1", tmp_path)
    assert done.stdout.count(b"\n") == 1
    assert done.stderr == b""


def test_a_run_whose_reader_is_gone_still_writes_its_reports(tmp_path, target):
    target()
    line = f"r2c-verify {nothing_listens()} --report-dir out | :; exit ${{PIPESTATUS[0]}}"
    done = shell(line, tmp_path)
    assert (done.returncode, done.stderr) == (3, b"")
    assert json.loads((tmp_path / "out" / "report.json").read_text())["verdict"] == "incomplete"


def test_a_run_without_standard_output_still_writes_its_reports(tmp_path, target):
    target()
    done = shell(f"r2c-verify {nothing_listens()} --report-dir out >&-", tmp_path)
    assert (done.returncode, done.stderr) == (3, b"")
    assert (tmp_path / "out" / "junit.xml").exists()


def test_a_run_without_standard_error_and_input_judges_as_ever(tmp_path):
    done = shell("r2c-verify --only HIST-01 --profile quick 2>&- <&-", tmp_path)
    assert done.returncode == 0, done.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("unbuffered", ["", "1"])  # noticed with the last write, or with the first
@pytest.mark.parametrize("command", ["requirements", "explain SEND-09", "--only SEND-09"])
def test_standard_output_that_is_full_gets_one_sentence(tmp_path, target, command, unbuffered):
    target()
    done = shell(f"r2c-verify {command} > /dev/full", tmp_path, PYTHONUNBUFFERED=unbuffered)
    assert done.stderr == (
        b"r2c-verify: standard output cannot be written: No space left on device.\n"
    )
    assert done.returncode == 2


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_that_knows_few_characters_is_no_error(tmp_path, target, encoding):
    done = verify(
        "--target",
        target(users=[USERS[0] | {"name": "Ásha 😀"}, *USERS[1:]]),
        "--report-dir",
        "out",
        cwd=tmp_path,
        PYTHONIOENCODING=encoding,
    )
    assert (done.returncode, done.stderr) == (3, "")
    assert "INCOMPLETE" in done.stdout


@pytest.mark.parametrize("columns", ["20", "40", "200"])
def test_the_report_fits_the_terminal(tmp_path, target, columns):
    done = verify(
        "--target", target(), "--report-dir", "out", cwd=tmp_path, COLUMNS=columns, NO_COLOR="1"
    )
    lines = done.stdout.splitlines()
    # The last line is the verdict, which is not wrapped; paths have no place to break.
    assert max(len(line) for line in lines[:-1]) <= max(int(columns), 40)
    assert lines[-1].startswith("INCOMPLETE")


def test_a_report_folder_with_a_hostile_name_does_not_steer_the_terminal(tmp_path, target):
    target()
    done = verify(nothing_listens(), "--report-dir", "out\x1b[31m", cwd=tmp_path)
    assert done.returncode == 3
    assert "\x1b" not in done.stdout
