"""The record of what passes: what is in it, that it is bounded, and how it is streamed."""

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from contract import load
from reference_server import RunningServer, running
from reference_server.control.traffic import (
    LARGEST_KEPT,
    MOST_HEADERS,
    MOST_WAITING,
    Traffic,
    kept,
    kept_headers,
    kept_payload,
)
from reference_server.users import User

CONTRACT = load()


def latest(control: Any, kind: str, name: str) -> Any:
    """The last entry of this kind and name."""
    entries = control("GET", "traffic")
    return [each for each in entries if (each["kind"], each["name"]) == (kind, name)][-1]


def test_a_request_stands_there_with_its_answer_and_the_verdict(
    control: Any, rest: Any, asha: User, ben: User
) -> None:
    body = {"recipientId": ben.id, "text": "Hello"}
    answer = rest("POST", "/api/messages/send", asha, json=body)
    entry = latest(control, "request", "sendMessage")
    assert entry["user"] == {"_id": asha.id, "name": "Asha"}
    assert (entry["method"], entry["path"]) == ("POST", "/api/messages/send")
    assert (entry["status"], entry["by"], entry["fault"]) == (201, "client", None)
    assert (entry["body"], entry["answer"]) == (body, answer.json())
    assert (entry["verdict"], entry["brokenBy"]) == ("kept", None)
    assert entry["milliseconds"] > 0


def test_an_event_stands_there_in_both_directions(
    control: Any, connect: Any, asha: User, ben: User
) -> None:
    phone, other = connect(asha), connect(ben)
    payload = {"recipientId": ben.id, "text": "Hello"}
    acknowledgement = phone.emit("sendMessage", payload)
    other.received("receiveMessage")
    entry = latest(control, "event", "sendMessage")
    assert (entry["direction"], entry["by"], entry["verdict"]) == ("in", "client", "kept")
    assert (entry["payload"], entry["acknowledgement"]) == (payload, acknowledgement)
    assert entry["user"]["name"] == "Asha"
    entry = latest(control, "event", "receiveMessage")
    assert (entry["direction"], entry["by"], entry["verdict"]) == ("out", "server", "kept")
    assert {user["name"] for user in entry["to"]} == {"Asha", "Ben"}
    assert entry["payload"] == acknowledgement["data"]


def test_connections_verbs_and_faults_stand_there(
    control: Any, connect: Any, rest: Any, asha: User
) -> None:
    connect(asha).close()
    assert latest(control, "connection", "connect")["device"].startswith("socket-")
    fault = control("POST", "fault", {"kind": "error", "user": "Asha"})["fault"]["id"]
    rest("GET", f"/api/messages/{asha.id}", asha)
    assert latest(control, "control", "fault")["arguments"]["kind"] == "error"
    assert latest(control, "fault", "error")["fault"] == fault
    assert latest(control, "request", "listMessages")["fault"] == fault


def test_what_a_client_broke_says_so_in_the_record_too(control: Any, rest: Any, asha: User) -> None:
    rest("POST", "/api/messages/send", asha, json={})
    entry = latest(control, "request", "sendMessage")
    assert (entry["verdict"], entry["brokenBy"]) == ("broken", "client")
    assert "recipientId is missing." in entry["problem"]
    assert entry["mend"]


def test_an_answer_that_the_document_does_not_hold_is_the_servers_fault() -> None:
    traffic = Traffic(CONTRACT)
    right = json.dumps({"success": True, "data": []}).encode()
    for status, answer, problem in (
        (200, right, None),
        (200, b'{"success":true}', "The answer is not as documented"),
        (418, right, "The document has no answer 418"),
        (None, b"", None),
    ):
        entry = traffic.note("request", "listMessages", None, {"status": status, "answer": answer})
        shown = traffic.show(entry)
        assert shown["brokenBy"] == ("server" if problem else None)
        assert (shown["problem"] or "").startswith(problem or "")


def test_large_bodies_are_cut_off_and_not_judged() -> None:
    traffic = Traffic(CONTRACT)
    long = kept(b'{"success":true,"data":["' + b"x" * 2 * LARGEST_KEPT)
    shown = traffic.show(
        traffic.note("request", "listMessages", None, {"status": 200, "answer": long})
    )
    assert shown["verdict"] == "kept"
    assert len(shown["answer"]) == LARGEST_KEPT + 1
    assert kept_payload({"data": b"binary"}) == b'"(binary, or no JSON)"'
    assert len(kept_payload("x" * 10 * LARGEST_KEPT)) == LARGEST_KEPT + 1


def test_a_listener_that_does_not_listen_hears_the_end() -> None:
    async def scenario() -> int:
        traffic = Traffic(CONTRACT)
        listener = traffic.listen(0)
        for _ in range(2 * MOST_WAITING):
            traffic.note("control", "x", None, {})
        heard = 0
        while await listener.next() is not None:
            heard += 1
        return heard

    assert asyncio.run(scenario()) == MOST_WAITING


def test_the_record_is_asked_for_from_an_entry_on(control: Any, ask: Any) -> None:
    control("POST", "connect", {"as": "Ben"})
    entries = control("GET", "traffic")
    assert [each["id"] for each in entries] == sorted(each["id"] for each in entries)
    last = entries[-1]["id"]
    assert control("GET", f"traffic?since={last}") == []
    assert control("GET", f"traffic?since={last - 1}") == entries[-1:]
    answer = ask("GET", "traffic?since=yesterday")
    assert (answer.status_code, answer.json()["success"]) == (400, False)


class Reader:
    """Reads a stream of server-sent events."""

    def __init__(self, server: RunningServer, **headers: str) -> None:
        self.answer = requests.get(
            f"{server.url}/_reference/stream", headers=headers, stream=True, timeout=10
        )
        self._lines = self.answer.iter_lines(chunk_size=1, decode_unicode=True)

    def __iter__(self) -> Iterator[tuple[str, str, Any]]:
        """Id, kind and entry of each."""
        event: dict[str, str] = {}
        for line in self._lines:
            if line:
                name, _, value = line.partition(": ")
                event[name] = value
            elif "data" in event:
                yield event["id"], event["event"], json.loads(event["data"])
                event = {}


def test_the_stream_begins_with_what_is_known_and_goes_on(control: Any, server: Any) -> None:
    control("POST", "connect", {"as": "Ben"})
    known = control("GET", "traffic")
    with (reader := Reader(server)).answer:
        assert reader.answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        events = iter(reader)
        assert [next(events)[2] for _ in known] == known
        control("POST", "leave", {"as": "Ben"})
        id, kind, entry = next(events)
        assert (int(id), kind) == (entry["id"], entry["kind"])
        assert (entry["name"], entry["device"]) == ("disconnect", "device")


def test_a_reader_that_comes_back_hears_what_it_missed(control: Any, server: Any) -> None:
    known = control("GET", "traffic")[-1]["id"]
    control("POST", "connect", {"as": "Ben"})
    with (reader := Reader(server, **{"Last-Event-ID": str(known)})).answer:
        assert int(next(iter(reader))[0]) == known + 1


def test_a_reader_that_leaves_is_forgotten_and_no_failure(
    control: Any, server: RunningServer, caplog: pytest.LogCaptureFixture
) -> None:
    reader = Reader(server)
    next(iter(reader))
    listeners = server.server._traffic._listeners  # type: ignore[attr-defined]
    assert len(listeners) == 1
    reader.answer.close()
    deadline = time.monotonic() + 5
    while listeners:
        control("POST", "connect", {"as": "Ben"})  # there is always more to tell
        control("POST", "leave", {"as": "Ben"})
        assert time.monotonic() < deadline
    assert not caplog.records


def test_the_stream_has_a_head(server: RunningServer) -> None:
    head = requests.head(f"{server.url}/_reference/stream", timeout=5)
    assert (head.status_code, head.headers["Content-Type"][:17]) == (200, "text/event-stream")


def test_the_end_of_the_server_ends_the_stream() -> None:
    with running(control=True) as server:
        requests.post(f"{server.url}/_reference/reset", timeout=5)
        reader = Reader(server)
        events = iter(reader)
        next(events)
    assert list(events) == []


def test_headers_are_kept_without_what_may_be_secret() -> None:
    given = [
        (b"Accept", b"application/json"),
        (b"Authorization", b"Basic YTpi"),
        (b"Cookie", b"session=1"),
        (b"X-Api-Key", b"1234"),
        (b"X-Note", b"one"),
        (b"x-note", b"two"),
    ]
    assert kept_headers(given) == {
        "accept": "application/json",
        "authorization": "(hidden)",
        "cookie": "(hidden)",
        "x-api-key": "(hidden)",
        "x-note": "one, two",
    }
    assert len(kept_headers((b"x-%d" % each, b"y" * 5000) for each in range(99))) == MOST_HEADERS
    assert len(kept_headers([(b"x-long", b"y" * 5000)])["x-long"]) < 300
