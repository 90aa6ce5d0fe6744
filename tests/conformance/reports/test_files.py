"""Every file of a report is written, whatever becomes of the others, and none is half there."""

import errno
import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from conformance.judging.findings import Status
from conformance.reports import files
from conformance.reports.files import FILES, WRITERS, script_name, write_reports
from tests.conformance.reports.samples import (
    EVERY_KIND,
    SCRIPT,
    any_report,
    finding,
    outcome,
    report,
)


@any_report(12)
def test_whatever_a_backend_sent_all_files_can_be_read_again(tmp_path_factory, given):
    folder = tmp_path_factory.mktemp("report")
    assert write_reports(given, folder) == ()
    told = (*given.failures, *given.warnings, *given.known)
    scripts = {script_name(f) for _, f in told if f.script}
    assert {file.name for file in folder.iterdir()} == {*FILES, *scripts}
    json.loads((folder / "report.json").read_bytes())
    json.loads((folder / "report.sarif").read_bytes())
    ET.parse(folder / "junit.xml")
    for name in ("report.html", "summary.md"):
        (folder / name).read_text("utf-8")


def test_a_script_that_repeats_a_finding_is_a_file(tmp_path):
    of = finding(reproduce=(SCRIPT,))
    write_reports(report(outcome("SEND-09", Status.FAILED, of)), tmp_path)
    assert (tmp_path / f"repeat-SEND-09-{of.fingerprint}.cjs").read_text() == SCRIPT + "\n"


@pytest.mark.parametrize("broken", FILES)
def test_a_writer_that_fails_keeps_no_other_from_writing(tmp_path, monkeypatch, broken):
    def fail(report):
        raise KeyError("a fault of the suite")

    monkeypatch.setattr(files, "WRITERS", WRITERS | {broken: fail})
    (failure,) = write_reports(report(*EVERY_KIND), tmp_path)
    assert (failure.file.name, type(failure.error)) == (broken, KeyError)
    assert {file.name for file in tmp_path.iterdir()} == {*FILES} - {broken}


def test_a_file_for_which_there_is_no_room_is_not_half_there(tmp_path, monkeypatch):
    write = Path.write_bytes

    def full(file: Path, content: bytes) -> int:
        if file.name in ("report.html", "report.sarif"):
            write(file, content[:100])
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(file, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    failures = write_reports(report(*EVERY_KIND), tmp_path)
    assert [failure.file.name for failure in failures] == ["report.html", "report.sarif"]
    assert {file.name for file in tmp_path.iterdir()} == {"report.json", "junit.xml", "summary.md"}


def test_a_folder_that_is_gone_is_said_of_each_file(tmp_path):
    failures = write_reports(report(), tmp_path / "gone")
    assert [failure.file.name for failure in failures] == list(FILES)
    assert all(isinstance(failure.error, FileNotFoundError) for failure in failures)


# What ships


def test_the_wheel_holds_what_the_suite_reads_as_a_file():
    from hatchling.builders.wheel import WheelBuilder

    root = Path(__file__).parents[3]
    builder = WheelBuilder(str(root))
    inside = {file.distribution_path for file in builder.recurse_included_files()}
    assert {
        f"conformance/reports/report.{kind}" for kind in ("schema.json", "html.j2", "css", "js")
    } <= inside
    assert "conformance/scenarios/pytest.ini" in inside
    assert {f"conformance/{file.name}" for file in (root / "conformance").glob("*.py")} <= inside
    assert not any("node_modules" in name or name.startswith("tests/") for name in inside)
