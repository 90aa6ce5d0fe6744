"""Reproducers are run for real: curl in two shells, the script in node."""

import http.server
import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs

import pytest
import socketio
from werkzeug.serving import WSGIRequestHandler, make_server

from conformance.evidence.redaction import Redactor, name_of_token
from conformance.evidence.reproduction import curl_line, js, reproduction, socket_snippet
from conformance.evidence.steps import Step
from conformance.judging.findings import Finding
from conformance.reports.files import script_name
from conformance.wire.http import Exchange, HttpClient, encode_json
from conformance.wire.pacing import Pace
from conformance.wire.pieces import in_two
from conformance.wire.sockets import Received

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJpZCI6IjEifQ.c2lnbmF0dXJl"
BROKEN = "it's 100% \\broken"
SHELLS = [shell for shell in ("dash", "bash") if shutil.which(shell)]


@pytest.fixture
def redactor() -> Redactor:
    return Redactor({"TOKEN_ASHA": TOKEN, "BROKEN_TOKEN": BROKEN})


@contextmanager
def recording_server() -> Iterator[tuple[str, list[tuple[bytes, dict[str, str], bytes]]]]:
    """Keeps (request line, headers in lower case, body) of every request."""
    got: list[tuple[bytes, dict[str, str], bytes]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def parse_request(self) -> bool:
            line = self.raw_requestline.rstrip(b"\r\n")
            method = line.partition(b" ")[0]
            self.raw_requestline = method + b" / HTTP/1.1\r\n"  # its parser knows plain ones only
            ok = super().parse_request()
            headers = {k.lower(): v for k, v in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length", 0)))
            got.append((line, headers, body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()
            self.close_connection = True
            return ok and False

        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", got
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def run(shell: str, line: str) -> None:
    assert len(line) < 200_000
    subprocess.run(
        [shell], input=line, text=True, check=True, timeout=30, capture_output=True,
        env={"PATH": os.environ["PATH"], "TOKEN_ASHA": TOKEN, "BROKEN_TOKEN": BROKEN},
    )  # fmt: skip


def send_and_repeat(shell: str, redactor: Redactor, method: str, path: str | bytes, **request):
    """Sends with the suite's client, then with the line; returns both as the server saw them."""
    seen: list[Exchange] = []
    with recording_server() as (base, got):
        client = HttpClient(base, Pace(), seen.append)
        client.send(method, path, **request)
        client.close()
        line = curl_line(seen[0], redactor)
        run(shell, line)
    assert TOKEN not in line and BROKEN not in line
    assert len(got) == 2, line
    (first, first_headers, first_body), (again, again_headers, again_body) = got
    assert again == first, line
    assert again_body == first_body, line
    for name in {*first_headers, *again_headers} - {"user-agent", "accept-encoding", "connection"}:
        assert again_headers.get(name) == first_headers.get(name), (name, line)
    return line


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    "body",
    [
        b'{"text":"hello"}', b"", b"it's \"quoted\" `date` $HOME \\n !!", b"@/etc/passwd", b"-n",
        b"%s%d%%",
        b"line\nbreak\r\n\ttab\n", b"\x00\x01\x7f\xff\xfe'\\0'", bytes(range(256)), b"\xed\xa0\x80",
        '{"text":"😀 \u202e é"}'.encode(), b"\0007", b"[" * 100_000 + b"]" * 100_000,
        b'{"text":"' + b"it's" * 50_000 + b'"}', b"a\n" * 3000, b"\x00" * 5000, b"x" * 2_000_000,
    ],
    ids=range(17),
)  # fmt: skip
def test_any_body_comes_out_of_the_shell_byte_by_byte(shell, body, redactor):
    send_and_repeat(
        shell, redactor, "POST", "/api/messages/send", body=body, token=TOKEN,
        headers={"Content-Type": "application/json"},
    )  # fmt: skip


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    "path",
    ["/", "/a/../b/./c", "/%ff%00", b"/\xff", "/a b", "/é", "/[1-3]{a,b}?x=[]", "/x?q=#frag",
     "/'\"`$(date)!",
     "//double//", "/a\tb\x01", "/..", "/a|b^c<d>\\e"],
)  # fmt: skip
def test_any_path_comes_out_of_the_shell_byte_by_byte(shell, path, redactor):
    send_and_repeat(shell, redactor, "GET", path, token=TOKEN)


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("method", "request_"),
    [
        ("HEAD", {}),
        ("OPTIONS", {}),
        ("DELETE", {"json": {}}),
        ("GET", {"json": {"a": 1}}),
        ("PUT", {"body": b"no content type"}),
        ("POST", {}),
        ("POST", {"headers": {"Authorization": "", "X-Odd": "it's; é", "Content-Type": "a/b"}}),
        ("POST", {"token": BROKEN, "json": {"token": TOKEN}}),
        ("POST", {"token": BROKEN, "body": BROKEN.encode()}),
        ("POST", {"token": TOKEN, "body": b"\x00" + TOKEN.encode() + b"\x00" + BROKEN.encode()}),
    ],
)  # fmt: skip
def test_methods_headers_and_secrets_are_repeated(shell, method, request_, redactor):
    send_and_repeat(shell, redactor, method, "/api", **request_)


@pytest.mark.parametrize("shell", SHELLS)
def test_a_body_in_two_pieces_is_repeated_in_two_pieces(shell, redactor):
    body = {"token": TOKEN, "text": "é"}
    with in_two(encode_json(body).index("é".encode()) + 1, lambda: None):
        line = send_and_repeat(shell, redactor, "POST", "/api", json=body)
    assert "; sleep 1; printf '\\251" in line


def test_a_simple_request_gives_a_simple_line(redactor):
    exchange = Exchange(
        operation="sendMessage", actor="Asha", method="POST",
        url="http://localhost:5000/api/messages/send",
        request_headers={
            "Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json", "Accept": "*/*"
        },
        request_body=b'{"text":"hi"}', status=400, headers={}, body=b"", error=None,
        started=0, elapsed=0,
    )  # fmt: skip
    assert curl_line(exchange, redactor) == (
        "curl -sS -i -X POST http://localhost:5000/api/messages/send"
        " -H 'Authorization: Bearer '\"$TOKEN_ASHA\" -H 'Content-Type: application/json'"
        ' --data-raw \'{"text":"hi"}\''
    )
    assert reproduction([Step.of_exchange(exchange)], "http://localhost:5000", redactor) == (
        curl_line(exchange, redactor),
    )
    assert Step.of_exchange(exchange).line() == (
        'Asha: POST /api/messages/send {"text":"hi"} -> 400'
    )


def test_a_megabyte_of_the_same_stays_a_short_line(redactor):
    exchange = Exchange(
        None, None, "POST", "http://h/", {}, b'{"text":"' + b"ab" * 1_000_000 + b'"}',
        None, {}, b"", "refused", 0, 0,
    )  # fmt: skip
    assert len(curl_line(exchange, redactor)) < 300


def test_steps_tell_a_story():
    got = Received("receiveMessage", ({"text": "é"},), 0.0, 0.0, 1)
    assert [
        step.line()
        for step in [
            Step.of_connect("Asha", "default"),
            Step.of_emit("Asha", "typing", [{"recipientId": "1"}, b"\x00"]),
            Step.of_received("Ben", got),
            Step.of_raw("Asha", b"\xff"),
            Step.of_close("Asha"),
            Step.of_close("Ben", dropped=True),
        ]
    ] == [
        "Asha: connects over default",
        'Asha: emits typing {"recipientId": "1"} "binary 00"',
        'Ben: gets receiveMessage {"text": "é"}',
        'Asha: sends the packet "binary ff"',
        "Asha: disconnects",
        "Ben: drops off",
    ]
    assert len(Step.of_emit("Asha", "x", ["y" * 10_000]).line()) < 400


# The script


MODULES = Path(__file__).parents[2] / "clients" / "node_modules"
needs_client = pytest.mark.needs("socket.io-client")


class Quiet(WSGIRequestHandler):
    def log(self, *args: object) -> None:
        pass


@contextmanager
def socket_server() -> Iterator[tuple[str, list[tuple[object, ...]]]]:
    """python-socketio beside a REST endpoint; keeps (token or path, event, arguments)."""
    heard: list[tuple[object, ...]] = []
    sio = socketio.Server(async_mode="threading", async_handlers=False)
    tokens: dict[str, str] = {}

    @sio.event
    def connect(sid, environ):
        tokens[sid] = parse_qs(environ["QUERY_STRING"]).get("token", [""])[0]
        if not tokens[sid]:
            raise socketio.exceptions.ConnectionRefusedError("no token")
        if tokens[sid] != TOKEN:
            raise ConnectionRefusedError("unauthorized")

    @sio.event
    def disconnect(sid):
        heard.append(("gone",))

    @sio.on("*")
    def anything(event, sid, *args):
        heard.append((tokens[sid] == TOKEN, event, args))
        sio.emit("receiveMessage", {"seen": event}, to=sid)
        return {"success": True}

    def rest(environ, start_response):
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        heard.append(
            (environ["REQUEST_METHOD"], environ["RAW_URI"], environ["HTTP_AUTHORIZATION"], body)
        )
        start_response("201 Created", [("Content-Type", "application/json")])
        return [b'{"success":true}']

    server = make_server(
        "127.0.0.1", 0, socketio.WSGIApp(sio, rest), threaded=True, request_handler=Quiet
    )
    server.daemon_threads = True
    server.block_on_close = False
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", heard
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def run_node(script: str, folder: Path) -> str:
    # Under the name the report gives it, in a package of ES modules as many backends are.
    name = script_name(Finding("MSG-01", "must", "it breaks", "", ""))
    (folder / name).write_text(script)
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "node_modules").symlink_to(MODULES)
    done = subprocess.run(
        ["node", name], cwd=folder, check=True, timeout=60, text=True, capture_output=True,
        env={"PATH": os.environ["PATH"], "TOKEN_ASHA": TOKEN, "BROKEN_TOKEN": BROKEN},
    )  # fmt: skip
    assert done.stderr == ""
    return done.stdout


@needs_client
def test_the_script_repeats_the_steps_in_node(redactor, tmp_path):
    with socket_server() as (url, heard):
        exchange = Exchange(
            "sendMessage", "Asha", "POST", f"{url}/api/messages/send?x=%C3%A9",
            {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"},
            '{"text":"it\'s é"}'.encode(), 201, {}, b"", None, 0, 0,
        )  # fmt: skip
        odd = {"text": "</script>\u2028'\"\\`${x}", "__proto__": 1}
        steps = [
            Step.of_connect("Asha", "websocket"),
            Step.of_emit("Asha", "sendMessage", [odd], acknowledge=True),
            Step.of_received("Asha", Received("receiveMessage", ({"text": "a\nb"},), 0, 0, 0)),
            Step.of_connect("Asha", "default"),
            Step.of_emit("Asha", "typing", [b"\x00\xff", None, [1.5]]),
            Step.of_exchange(exchange),
            Step.of_raw("Asha", '42["typing","raw"]'),
            Step.of_close("Asha"),
            Step.of_connect("Asha", "polling"),
            Step.of_close("Asha", dropped=True),
            Step.of_connect("Mallory", "websocket", token=BROKEN),
            replace(Step.of_connect("Nobody", "websocket"), query={}),
        ]
        (script,) = reproduction(steps, url, redactor, "nothing", f"a\nword with {TOKEN}")
        printed = run_node(script, tmp_path)
    assert TOKEN not in script and BROKEN not in script
    assert script.startswith(
        "// needs socket.io-client@4.8 from npm and BROKEN_TOKEN, TOKEN_ASHA in the environment\n"
    )
    events = [one for one in heard if one != ("gone",)]
    assert events == [
        (True, "sendMessage", (odd,)),
        (True, "typing", (b"\x00\xff", None, [1.5])),
        ("POST", "/api/messages/send?x=%C3%A9", f"Bearer {TOKEN}", '{"text":"it\'s é"}'.encode()),
        (True, "typing", ("raw",)),
    ]
    assert 'Asha gets receiveMessage [{"seen":"sendMessage"}]' in printed
    assert 'Asha gets the acknowledgement [{"success":true}]' in printed
    assert 'POST /api/messages/send?x=%C3%A9 201 {"success":true}' in printed
    assert "Mallory is refused" in printed
    assert 'Nobody is refused ["no token"]' in printed
    assert printed.endswith("Expected: nothing\nThe run saw: a word with $TOKEN_ASHA\n")


@needs_client
def test_the_script_is_valid_javascript_whatever_is_in_it(redactor, tmp_path):
    odd = {"\u2028": ["\ud800", "*/ //", b"", None], "a'\"`": "${process.exit()}"}
    script = socket_snippet(
        [Step.of_emit("Ásha 'x'\n", "a\nb", [odd]), Step.of_raw("Ben", b"\xff")],
        "http://127.0.0.1:9", redactor,
    )  # fmt: skip
    (tmp_path / "odd.js").write_text(script, encoding="utf-8")
    subprocess.run(["node", "--check", "odd.js"], cwd=tmp_path, check=True, capture_output=True)


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n", "\u2028", "\u2029", "\x85", "\x00", "\ud800"])
def test_what_came_from_the_backend_stays_in_its_comment(redactor, end):
    told = f"x{end}process.exit(1);{end}"
    steps = [
        Step.of_received("Asha", Received(told, ({"text": told},), 0, 0, 0)),
        Step.of_connect("Asha", "websocket"),
    ]
    before, after = (socket_snippet(part, "http://h", redactor) for part in (steps, steps[1:]))
    lines = re.split("[\n\r\u2028\u2029]", before)
    (comment,) = [line for line in lines if "process.exit(1)" in line]
    assert comment.startswith("  // Asha: gets ")
    assert [line for line in lines if line != comment] == after.split("\n")
    before.encode()


def test_each_user_connects_with_the_variable_that_stands_for_the_own_token():
    redactor = Redactor()
    for user, token in [
        ("\u00c1sha", "first-token"),
        ("Asha", "other-token"),
        ("7", "other-token"),
    ]:
        redactor.register(name_of_token(user), token)
    users = ("\u00c1sha", "Asha", "7", "Nobody")
    steps = [Step.of_connect(user, "websocket") for user in users]
    script = socket_snippet(steps, "http://h", redactor)
    assert re.findall(r'await open\("([^"]+)", { token: process.env.(\w+) },', script) == [
        ("\\u00c1sha", "TOKEN_ASHA"),
        ("Asha", "TOKEN_ASHA_2"),
        ("7", "TOKEN_ASHA_2"),
        ("Nobody", "TOKEN_NOBODY"),
    ]
    assert all(name.isidentifier() for name in re.findall(r"const (\S+) = await open", script))


def test_of_several_devices_of_one_user_the_one_acts_that_did():
    steps = [
        Step.of_connect("Asha", "websocket", device=1),
        Step.of_connect("Asha", "polling", device=2),
        Step.of_emit("Asha", "typing", ["first"], device=1),
        Step.of_emit("Asha", "typing", ["second"], device=2),
        Step.of_close("Asha", device=1),
        Step.of_emit("Asha", "typing", ["the one opened last"]),
        Step.of_close("Asha", dropped=True, device=2),
    ]
    script = socket_snippet(steps, "http://h", Redactor())
    acts = re.findall(r"^  (asha_\d)\.(.*?);$", script, re.MULTILINE)
    assert acts == [
        ("asha_1", 'emit("typing", "first")'),
        ("asha_2", 'emit("typing", "second")'),
        ("asha_1", "disconnect()"),
        ("asha_2", 'emit("typing", "the one opened last")'),
        ("asha_2", "io.engine.transport.ws?.terminate()"),
    ]


def test_each_connection_has_a_variable_and_a_name_of_its_own():
    steps = [
        Step.of_connect("Ines", "websocket", connection=7),
        Step.of_connect("Ines", "polling", connection=8),
        Step.of_emit("Ines", "typing", ["first"], connection=7),
        Step.of_close("Ines", connection=8),
        Step.of_emit("Ines", "typing", ["whichever is open"]),
        Step.of_close("Ines", connection=7),
        Step.of_emit("Ines", "typing", ["anew"], connection=9),
    ]
    script = socket_snippet(steps, "http://h", Redactor())
    opened = re.findall(r'const (\w+) = await open\("(.*?)", .*, \["(.*?)"\]\)', script)
    assert opened == [
        ("ines_1", "Ines", "websocket"),
        ("ines_2", "Ines 2", "polling"),
        ("ines_3", "Ines 3", "websocket"),
    ]
    assert re.findall(r"^  (ines_\d)\.(.*?);$", script, re.MULTILINE) == [
        ("ines_1", 'emit("typing", "first")'),
        ("ines_2", "disconnect()"),
        ("ines_1", 'emit("typing", "whichever is open")'),
        ("ines_1", "disconnect()"),
        ("ines_3", 'emit("typing", "anew")'),
    ]


def test_a_script_says_how_a_token_is_made_that_lets_nobody_in(redactor):
    command = "r2c-verify token --expired Asha"
    step = replace(Step.of_connect("Intruder", "polling", token=BROKEN), made_with=command)
    script = socket_snippet([step, Step.of_connect("Asha", "polling")], "http://h", redactor)
    assert script.splitlines()[0] == (
        f'// needs socket.io-client@4.8 from npm and BROKEN_TOKEN="$({command})", TOKEN_ASHA'
        " in the environment"
    )
    assert 'await open("Intruder", { token: process.env.BROKEN_TOKEN }, ["polling"])' in script


@pytest.mark.parametrize("shell", SHELLS)
def test_a_line_stands_behind_one_that_makes_its_token(shell):
    redactor = Redactor()
    redactor.register("odd token of Asha", TOKEN, f"printf %s {TOKEN}")
    redactor.register("odd token of As", "a.b.c", "printf %s a.b.c")
    with recording_server() as (url, got):
        client = HttpClient(url, Pace(), lambda exchange: None)
        exchange = client.send("GET", "/api", headers={"Authorization": f"Bearer {TOKEN}"})
        made, line = reproduction([Step.of_exchange(exchange)], url, redactor)
        assert made == f'ODD_TOKEN_OF_ASHA="$(printf %s {TOKEN})"'
        subprocess.run([shell, "-c", f"{made}\n{line}"], check=True, capture_output=True)
    assert [headers["authorization"] for _, headers, _ in got] == [f"Bearer {TOKEN}"] * 2


def test_of_what_only_came_there_is_nothing_to_repeat(redactor):
    got = Step.of_received("Asha", Received("receiveMessage", (), 0.0, 0.0, 1))
    assert reproduction([got], "http://h", redactor) == ()
    assert reproduction([], "http://h", redactor) == ()


def test_javascript_values():
    assert json.loads(js(["a", 1, None, True])) == ["a", 1, None, True]
    assert js({"__proto__": b"\xff"}) == '{["__proto__"]: Buffer.from("/w==", "base64")}'
