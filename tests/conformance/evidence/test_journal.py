"""The event stream: in order, redacted, readable line by line, whatever happens."""

import errno
import io
import json
import threading

import pytest

from conformance.evidence.journal import LONGEST_BODY, Journal, NdjsonFile, body_text


def lines(path) -> list[dict]:
    return [json.loads(line, parse_constant=pytest.fail) for line in path.read_text().splitlines()]


@pytest.fixture
def stream(tmp_path):
    """A journal that writes a file, and the file."""
    file = NdjsonFile.create(tmp_path / "events.ndjson")
    journal = Journal(lambda data: data)
    journal.listen(file)
    yield journal, tmp_path / "events.ndjson"
    file.close()


def test_every_note_is_on_disk_the_moment_it_is_written(stream):
    journal, path = stream
    journal.note("run-started", seed=7)
    (note,) = lines(path)
    assert (note["kind"], note["seed"]) == ("run-started", 7)
    assert note["at"].endswith("+00:00")


def test_listeners_hear_only_what_was_redacted(tmp_path):
    heard = []
    journal = Journal(lambda data: dict.fromkeys(data, "***"))
    journal.listen(heard.append)
    journal.note("exchange", token="secret")
    assert heard[0]["token"] == "***"
    assert heard[0]["kind"] == "exchange"


@pytest.mark.parametrize(
    "value",
    ["a\nb\u2028c", "\ud800", "\x00\x1b[31m", "ü😀", {"a": ["\udfff"]}, 10**30, None, [[[[]]]]],
)
def test_whatever_a_backend_sends_is_one_line_of_json_that_says_the_same(stream, value):
    journal, path = stream
    journal.note("event", args=value)
    raw = path.read_bytes()
    assert raw.count(b"\n") == 1
    assert json.loads(raw)["args"] == value


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [{"a": float("-inf")}]])
def test_numbers_that_json_lacks_leave_the_line_readable(stream, value):
    journal, path = stream
    journal.note("event", args=value, actor="Asha")
    (note,) = lines(path)
    assert note["actor"] == "Asha"
    assert str(value if isinstance(value, float) else "inf")[-3:].lower() in note["args"].lower()


def test_bytes_and_deep_values_leave_the_line_readable(stream):
    journal, path = stream
    deep: list = []
    for _ in range(100_000):
        deep = [deep]
    journal.note("event", args=[b"\x00\xff"])
    journal.note("event", args=deep)
    assert [note["kind"] for note in lines(path)] == ["event", "event"]


def test_notes_of_many_threads_are_whole_lines(stream):
    journal, path = stream

    def write(name: int) -> None:
        for number in range(100):
            journal.note("exchange", name=name, number=number, body="x" * 300)

    threads = [threading.Thread(target=write, args=(name,)) for name in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    notes = lines(path)
    assert len(notes) == 600
    for name in range(6):
        assert [n["number"] for n in notes if n["name"] == name] == list(range(100))


def test_a_note_that_comes_after_the_end_disturbs_nobody(tmp_path):
    file = NdjsonFile.create(tmp_path / "events.ndjson")
    file.close()
    file({"kind": "event"})
    assert (tmp_path / "events.ndjson").read_text() == ""


def test_a_listener_may_write_a_note_itself():
    heard = []
    journal = Journal(lambda data: data)
    journal.listen(lambda note: journal.note("second") if note["kind"] == "first" else None)
    journal.listen(lambda note: heard.append(note["kind"]))
    journal.note("first")
    assert sorted(heard) == ["first", "second"]


def test_a_file_that_cannot_be_written_is_an_os_error(tmp_path):
    with pytest.raises(OSError, match="No such file"):
        NdjsonFile.create(tmp_path / "missing" / "events.ndjson")


def test_bodies_are_kept_as_text_and_cut_when_they_are_long():
    assert body_text(None) is None
    assert body_text(b"") == ""
    assert body_text("ü".encode()) == "ü"
    assert body_text(b"\xff") == "\ufffd"
    long = "ü" * (LONGEST_BODY + 1)
    assert body_text(long.encode()) == f"{'ü' * LONGEST_BODY}… ({2 * LONGEST_BODY + 2} bytes)"
    assert body_text(b"x" * LONGEST_BODY) == "x" * LONGEST_BODY


class Full(io.StringIO):
    """A file on a disk without room."""

    def write(self, text: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_silences_the_file_and_nobody_else():
    file, heard = NdjsonFile(Full()), []
    journal = Journal(lambda data: data)
    journal.listen(file)
    journal.listen(heard.append)
    journal.note("event")
    journal.note("event")
    assert len(heard) == 2
    assert file.failure.errno == errno.ENOSPC
