"""How to see a finding again without the suite: a line of curl, or a short socket.io-client script.

What is written here is meant to be pasted: the curl line works in any POSIX shell and sends the
same bytes that the suite sent, the script runs with `node` where socket.io-client 4 is installed.
Tokens are variables of the environment, named as the redactor names them.
"""

import base64
import json
import re
import shlex
import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from conformance.evidence.printable import one_line
from conformance.evidence.redaction import Redactor, name_of_token
from conformance.evidence.steps import Step, origin_and_target
from conformance.wire.http import Exchange
from conformance.wire.sockets import Transport

SENT_ANYWAY = frozenset(
    {"accept", "accept-encoding", "connection", "content-length", "host", "user-agent"}
)
"""Headers that curl sets itself, or that change nothing."""

LONG = 4096
"""Bytes from which on a body is searched for repetitions, so that a megabyte stays one line."""

REPETITION = re.compile(rb"([^\n\0]{1,12}?)\1{255,}", re.DOTALL)
"""The same few bytes, at least 256 times."""

PLAIN_TARGET = re.compile(rb"[A-Za-z0-9/._~%?=&:@!$'()*+,;-]*")
"""Request targets that curl sends as they stand in a URL."""


def reproduction(
    steps: Sequence[Step], url: str, redactor: Redactor, expected: str = "", observed: str = ""
) -> tuple[str, ...]:
    """What to paste to repeat `steps`: curl lines, or one script where sockets take part. Nothing
    where nothing was done, but only came from the backend. Before lines with a token of which it
    is known how to make it stands what makes it. A script says at its end what was
    `expected` and `observed`, so that it is known what to look for.
    """
    if all(step.kind == "received" for step in steps):
        return ()
    if all(step.kind == "exchange" for step in steps):
        lines = [curl_line(step.exchange, redactor) for step in steps if step.exchange]
        return (*_made(lines, redactor), *lines)
    return (socket_snippet(steps, url, redactor, expected, observed),)


# curl


def _made(lines: Sequence[str], redactor: Redactor) -> list[str]:
    """Lines for sh that set the variables in these lines which nothing else sets."""
    return [
        f'{placeholder.removeprefix("$")}="$({command})"'
        for placeholder, command in redactor.makers.items()
        if any(re.search(rf"{re.escape(placeholder)}(?!\w)", line) for line in lines)
    ]


def curl_line(exchange: Exchange, redactor: Redactor) -> str:
    """A line for sh that sends the same request, byte by byte in target and body."""
    shell = _Shell(redactor)
    origin, target = origin_and_target(exchange.url)
    words = ["curl", "-sS", "-i"]
    if exchange.method == "HEAD":
        words.append("--head")
    elif exchange.method != "GET" or exchange.request_body:
        words += ["-X", shlex.quote(exchange.method)]
    if not PLAIN_TARGET.fullmatch(target):
        words += ["--request-target", shell.word(target)]
        target = b"/"
    elif re.search(rb"/\.\.?(/|\?|$)", target):
        words.append("--path-as-is")
    words.append(shell.word(origin + target))
    body = exchange.request_body
    if body is None and exchange.request_headers.get("Content-Length") == "0":
        body = b""
    headers = {k: v for k, v in exchange.request_headers.items() if k.lower() not in SENT_ANYWAY}
    for name, value in headers.items():
        # An empty header has to end with a semicolon, says curl.
        words += ["-H", shell.word(_latin(f"{name}: {value}" if value else f"{name};"))]
    if body is None:
        return " ".join(words)
    if "content-type" not in {name.lower() for name in headers}:
        words += ["-H", "'Content-Type:'"]  # not curl's own idea of one
    if len(body) >= LONG:
        words += ["-H", "'Expect:'"]
    if exchange.cut:
        first, rest = (shell.output(part) for part in (body[: exchange.cut], body[exchange.cut :]))
        fields = ("Transfer-Encoding:", f"Content-Length: {len(body)}", "Expect:")
        words += [word for field in fields for word in ("-H", shlex.quote(field))]
        return f"{{ {first}; sleep 1; {rest}; }} | {' '.join([*words, '-T', '-'])}"
    if _is_printable(body) and len(body) < LONG:
        return " ".join([*words, "--data-raw", shell.word(body)])
    return f"{shell.output(body)} | {' '.join([*words, '--data-binary', '@-'])}"


def _latin(text: str) -> bytes:
    """A header as it goes on the wire."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogateescape")


def _is_printable(data: bytes) -> bool:
    try:
        return data.decode("utf-8").isprintable()
    except UnicodeDecodeError:
        return False


class _Shell:
    """Bytes as words and commands of a POSIX shell, secrets as its variables."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        names = sorted(redactor.secrets.values(), key=len, reverse=True)
        self._variable = re.compile("|".join(map(re.escape, names)).encode() or b"(?!)")

    def _pieces(self, data: bytes) -> list[tuple[bytes, str]]:
        """Alternating: what stands as it is, and the variable after it (or "")."""
        clean, pieces, end = self._redactor.data(data), [], 0
        for found in self._variable.finditer(clean):
            pieces.append((clean[end : found.start()], found[0].decode()))
            end = found.end()
        return [*pieces, (clean[end:], "")]

    def word(self, data: bytes) -> str:
        """One word. Without NUL, which no argument can hold, and line breaks at the end."""
        if not _is_printable(data):
            return f'"$({self._printf(data)})"'
        words = [
            (shlex.quote(plain.decode()) if plain else "") + (name and f'"{name}"')
            for plain, name in self._pieces(data)
        ]
        return "".join(words) or "''"

    def output(self, data: bytes) -> str:
        """A command that writes these bytes."""
        commands, end = [], 0
        for found in REPETITION.finditer(data) if len(data) >= LONG else ():
            if found.start() > end:
                commands.append(self._printf(data[end : found.start()]))
            unit, times = found[1], len(found[0]) // len(found[1])
            commands.append(f"yes {self.word(unit)} | head -n {times} | tr -d '\\n'")
            end = found.end()
        if end < len(data) or not commands:
            commands.append(self._printf(data[end:]))
        return commands[0] if len(commands) == 1 else f"{{ {'; '.join(commands)}; }}"

    def _printf(self, data: bytes) -> str:
        """printf, because it knows octal in every shell, and builtin, so without a limit."""
        form, names = "", []
        for plain, name in self._pieces(data):
            form += "".join(map(_octal, plain))
            if name:
                form += "%s"
                names.append(f' "{name}"')
        if form[:1] == "-":  # not an option
            form = f"\\055{form[1:]}"
        return f"printf '{form}'{''.join(names)}"


def _octal(byte: int) -> str:
    if byte in b"\\%":
        return chr(byte) * 2
    return chr(byte) if 32 <= byte < 127 and byte != ord("'") else f"\\{byte:03o}"


# socket.io-client

PROLOGUE = """\
// needs socket.io-client@4.8 from npm{environment}
const {{ io }} = require("socket.io-client");
const url = {url};
const pause = (ms = 300) => new Promise((done) => setTimeout(done, ms));
const open = (name, query, transports) => new Promise((done) => {{
  const socket = io(url, {{ query, transports, forceNew: true, reconnection: false }});
  const tell = (what) => (...args) => console.log(name, what, JSON.stringify(args));
  socket.onAny((event, ...args) => tell("gets " + event)(...args));
  socket.on("connect", () => {{ tell("is connected")(); done(socket); }});
  socket.on("connect_error", (error) => {{ tell("is refused")(error.message); done(socket); }});
  socket.on("disconnect", tell("is disconnected"));
}});
const ask = async (method, path, headers, body) => {{
  const answer = await fetch(url + path, {{ method, headers, body, redirect: "manual" }});
  console.log(method, path, answer.status, await answer.text());
}};
(async () => {{
"""

OPENING = "(async () => {\n"
"""Behind it stand the lines that are a script's own."""

EPILOGUE = """\
  process.exit();
})();"""

TRANSPORTS: Mapping[Transport, str] = {
    "websocket": '["websocket"]',
    "polling": '["polling"]',
    "default": '["polling", "websocket"]',
}


def socket_snippet(
    steps: Sequence[Step], url: str, redactor: Redactor, expected: str = "", observed: str = ""
) -> str:
    """A script for node that repeats the steps in their order and tells what comes back.

    `url` is the backend's; requests among the steps go to it with fetch. An actor who acts
    without having connected connects first.
    """
    script = _Script(redactor)
    for step in steps:
        script.add(step)
    script.end(expected, observed)
    names = [
        f'{name}="$({script.makers[name]})"' if name in script.makers else name
        for name in sorted(script.environment)
    ]
    environment = f" and {', '.join(names)} in the environment" if names else ""
    origin = redactor.text(origin_and_target(url)[0].decode())
    prologue = PROLOGUE.format(environment=environment, url=json.dumps(origin))
    return prologue + "".join(f"  {line}\n" for line in script.lines) + EPILOGUE


def parts(script: str) -> tuple[str, str, str, str]:
    """What a script needs, its beginning, its own lines, and its end; what is no script of
    `socket_snippet` has no end.
    """
    needs, _, rest = script.partition("\n")
    begin, opening, rest = rest.partition(OPENING)
    if not opening or not rest.endswith(EPILOGUE):
        return "", "", script, ""
    own = textwrap.dedent(rest.removesuffix(EPILOGUE)).rstrip("\n")
    return needs, begin + opening.rstrip("\n"), own, EPILOGUE


@dataclass(frozen=True, slots=True)
class _Socket:
    """An open socket of a script; `number` counts those of its actor."""

    actor: str
    number: int
    connection: int | None
    device: int | None

    @classmethod
    def of(cls, step: Step, number: int) -> "_Socket":
        """The one that a step opens."""
        return cls(step.actor or "nobody", number, step.connection, step.device)


class _Script:
    """The lines of a script as they come about."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        # Names of the open sockets, in the order in which they were opened.
        self._sockets: dict[_Socket, str] = {}
        self._count: Counter[str] = Counter()
        self.environment: set[str] = set()
        self.makers: dict[str, str] = {}
        """What prints the value of a variable of the environment."""
        self.lines: list[str] = []

    def add(self, step: Step) -> None:
        """Adds what repeats a step; what came from the backend as a comment."""
        if step.kind == "exchange":
            if step.exchange is not None:
                self._ask(step.exchange)
        elif step.kind == "connect":
            self._connect(step)
        elif step.kind == "received":
            # The backend's words: a line break of any kind (U+2028 too) would end the comment.
            self.lines.append(f"// {one_line(self._redactor.text(step.line()))}")
        else:
            self.lines += [f"{self._action(step)};", "await pause();"]

    def _connect(self, step: Step) -> None:
        actor = step.actor or "nobody"
        slug = re.sub(r"[^a-z0-9]+", "_", actor.lower()).strip("_")
        slug = slug if slug[:1].isalpha() else f"user{slug}"
        self._count[slug] += 1
        number = self._count[slug]
        socket = f"{slug}_{number}"
        self._sockets[_Socket.of(step, number)] = socket
        # Which of a user's sockets gets something is to be seen in what the script prints.
        name = step.who if step.device is not None or number == 1 else f"{actor} {number}"
        own = self._redactor.placeholder(name_of_token(actor))
        if step.query is None:
            token = self._string(own if step.token is None else step.token)
            query = f"{{ token: {token} }}"
            if step.made_with and token.startswith("process.env."):
                self.makers[token.removeprefix("process.env.")] = step.made_with
        else:
            query = js(self._redactor(step.query))
        transports = TRANSPORTS[step.transport]
        self.lines.append(f"const {socket} = await open({js(name)}, {query}, {transports});")

    def end(self, expected: str, observed: str) -> None:
        """Waits for what is still on its way, and says what to look for."""
        self.lines.append("await pause(2000);")
        for name, said in (("Expected:", expected), ("The run saw:", observed)):
            if said:
                told = textwrap.shorten(one_line(self._redactor.text(said)), 300, placeholder=" …")
                self.lines.append(f"console.log({js(f'{name} {told}')});")

    def _open(self, step: Step) -> "_Socket | None":
        """The open socket that acts in a step; the actor's last one where the step does not say."""
        mine = [it for it in self._sockets if it.actor == (step.actor or "nobody")]
        if step.connection is not None:
            mine = [it for it in mine if it.connection == step.connection]
        elif step.device is not None:
            mine = [it for it in mine if it.device == step.device]
        return mine[-1] if mine else None

    def _action(self, step: Step) -> str:
        actor = step.actor or "nobody"
        key = self._open(step)
        if key is None:
            opening = Step.of_connect(
                actor, "websocket", device=step.device, connection=step.connection
            )
            self._connect(opening)
            key = list(self._sockets)[-1]
        socket = self._sockets[key]
        if step.kind in ("close", "drop"):
            del self._sockets[key]
        match step.kind:
            case "emit":
                clean = self._redactor([step.event, *step.args])
                args = [js(arg) for arg in clean]
                if step.acknowledge:
                    told = js(f"{actor} gets the acknowledgement")
                    args.append(f"(...args) => console.log({told}, JSON.stringify(args))")
                return f"{socket}.emit({', '.join(args)})"
            case "raw":
                # Only a WebSocket has a place where a packet can be put in as it is.
                return f"{socket}.io.engine.transport.ws.send({js(self._redactor(step.packet))})"
            case "drop":
                return f"{socket}.io.engine.transport.ws?.terminate()"
            case _:
                return f"{socket}.disconnect()"

    def _ask(self, exchange: Exchange) -> None:
        headers = {
            name: value
            for name, value in exchange.request_headers.items()
            if name.lower() not in SENT_ANYWAY
        }
        fields = ", ".join(f"{js(name)}: {self._string(value)}" for name, value in headers.items())
        body = exchange.request_body
        path = self._redactor.text(origin_and_target(exchange.url)[1].decode("utf-8", "replace"))
        args = [js(exchange.method), js(path), f"{{ {fields} }}"]
        if body is not None and exchange.method not in ("GET", "HEAD"):
            text = body.decode("utf-8") if _is_printable(body) else None
            args.append(js(self._redactor.data(body)) if text is None else self._string(text))
        self.lines.append(f"await ask({', '.join(args)});")

    def _string(self, text: str) -> str:
        """A string with secrets taken from the environment."""
        clean = self._redactor.text(text)
        names = {name for name in self._redactor.secrets.values() if name in clean}
        if re.fullmatch(r"\$[A-Z0-9_]+", clean):
            names.add(clean)
        parts = re.split("(" + "|".join(map(re.escape, sorted(names, key=len)[::-1])) + ")", clean)
        if not names:
            return js(clean)
        self.environment |= {name[1:] for name in parts if name in names}
        terms = [f"process.env.{p[1:]}" if p in names else js(p) for p in parts if p]
        return " + ".join(terms)


def js(value: Any) -> str:
    """A JSON value, with bytes anywhere in it, as a JavaScript expression."""
    match value:
        case bytes() | bytearray():
            return f'Buffer.from("{base64.b64encode(value).decode()}", "base64")'
        case Mapping():
            return "{" + ", ".join(f"[{js(str(k))}]: {js(v)}" for k, v in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(js, value)) + "]"
        case _:
            return json.dumps(value)
