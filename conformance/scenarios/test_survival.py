"""What must not take the service down (ALL-04, MSG-07)."""

import json
import re
from collections.abc import Iterator

from conformance.evidence.steps import Step
from conformance.scenarios import requirement, undisturbed
from conformance.scenarios.props.bodies import attachment
from conformance.scenarios.props.lifeline import Lifeline, come_back
from conformance.scenarios.props.payloads import DEEP, Payload
from conformance.stage.actor import Actor
from conformance.stage.stage import Stage
from conformance.wire.deadlines import Deadline
from conformance.wire.sessions import Transport
from conformance.wire.sockets import Closed
from conformance.wire.transports import NotConnected, Packet

LONG = 3_000_000
"""Characters of an over-long payload: beyond the megabyte that most servers take."""
PATIENCE = 5
"""Settle times for which a connection may be neither ended nor used after broken packets."""
GLANCE = 0.005
"""Seconds between two looks at whether broken packets have been handled."""

Broken = tuple[str, tuple[Packet, ...]]
"""What is the matter with some Engine.IO packets, and the packets, one after the other."""


def broken_packets(nobody: str) -> Iterator[Broken]:
    """Packets that no client of the protocol sends; what could be taken for a message goes to
    `nobody`, an id without a user. Source: the protocols of Engine.IO 4 and
    Socket.IO 5, and what has taken servers down in the field.
    """
    message = json.dumps({"recipientId": nobody, "text": "broken"})
    yield "an empty packet", ("",)
    yield "a packet of unknown Engine.IO type", ("9", "x", "\u0000")
    yield "an OPEN packet from the client", ('0{"sid":"x"}',)
    yield "a ping, a pong and an upgrade out of place", ("2", "3", "2probe", "3probe", "5", "6")
    yield "a message without content", ("4",)
    yield "a packet of unknown Socket.IO type", ("49", "47[]", "4x")
    yield "an event without data", ("42", "42[]", "42{}", "42null", '42"typing"', "42 ")
    yield "JSON that breaks off", ('42["sendMessage"', "42[", '42["sendMessage",{"recipientId":')
    yield "no JSON", ("42[sendMessage]", "42['typing']", "42[\u0001]", '42["\ud800"]')
    yield "an event whose name is no string", ("42[1]", "42[null]", "42[[]]", "42[true,{}]")
    yield (
        "an event whose name is an object",
        ("42[{}]", '42[{"toString":"x"}]', '42[{"toString":{"toString":"x"}}]'),
    )
    yield (
        "an event with a reserved name",
        tuple(
            f'42["{name}",{{}}]'
            for name in (
                "connect",
                "connect_error",
                "disconnect",
                "disconnecting",
                "connection",
                "error",
                "newListener",
                "removeListener",
            )
        ),
    )
    yield (
        "an event named like a member of every object",
        tuple(
            f'42["{name}",{message}]'
            for name in ("__proto__", "constructor", "toString", "hasOwnProperty", "__init__", "")
        ),
    )
    yield "an unknown event", (f'42["sendMesage",{message}]', '42["*"]', '42["join","x"]')
    yield "an unknown event that asks for an acknowledgement", ('4217["subscribe",{}]',)
    yield "a broken acknowledgement id", ('42-1["typing"]', f'42{"9" * 40}["typing",{{}}]')
    yield "an acknowledgement of nothing", ("43[]", "430[]", '4399999999["x"]', "43", "430{}")
    yield "a second CONNECT", ("40", '40{"token":"x"}', "40[]", "40null", '40"x"', "40{")
    yield "an unknown namespace", ("40/admin,", "40/admin,{}", '42/admin,["sendMessage",{}]')
    yield "a broken namespace", ("40/", "42/", "42/,", '42//["typing"]', "41/admin,", "40/\u0000,")
    yield "a CONNECT_ERROR from the client", ('44{"message":"x"}', "44")
    yield "a binary message that nobody announced", (b"\x00\x01\x02", b"", b"\xff" * 64)
    place = '{"_placeholder":true,"num":0}'
    yield "an announced binary part that is text", (f'451-["sendMessage",{place}]', "42[]")
    yield (
        "a binary part with a wrong number",
        (
            '451-["sendMessage",{"_placeholder":true,"num":7}]',
            b"x",
            '451-["sendMessage",{"_placeholder":true,"num":-1}]',
            b"x",
            '451-["sendMessage",{"_placeholder":true,"num":"splice"}]',
            b"x",
        ),
    )
    yield "more binary parts than anybody sends", (f'45999999999-["sendMessage",{place}]', b"x")
    yield "a broken count of binary parts", ('45-["typing"]', '45x-["typing"]', '451["typing"]')
    yield "an event nested very deep", (f'42["typing",{"[" * DEEP}{"]" * DEEP}]',)
    yield "JSON that opens and never closes", (f'42["typing",{"[" * DEEP}',)
    yield "a huge number", (f'42["typing",1e{"9" * 400}]', f'42["typing",{"9" * 5000}]')
    long = json.dumps({"recipientId": nobody, "text": "x" * LONG})
    yield "an over-long payload", (f'42["sendMessage",{long}]',)
    yield "over-long binary data", (f'451-["sendMessage",{place}]', b"\x00" * LONG)


def broken_payloads(nobody: str) -> Iterator[Broken]:
    """Bodies of a POST that no client sends."""
    yield "an empty body", ("",)
    yield "a body of separators", ("\x1e" * 1000,)
    yield "a packet of unknown type", ("x\x1e9\x1e",)
    yield "binary data that is no base64", ("b", "b%%%", "bAAA=A")
    yield "a body that is no UTF-8", (b"\xff\xfe4\x00",)
    yield "thousands of packets in one body", ("\x1e".join(["3"] * 10_000),)
    yield "an event that breaks off", ('42["typing"',)
    long = json.dumps({"recipientId": nobody, "text": "x" * LONG})
    yield "an over-long payload", (f'42["sendMessage",{long}]',)


HANDSHAKES = (
    ("a handshake of protocol version 3", "GET", "EIO=3&transport=polling", None),
    ("a handshake of an unknown protocol version", "GET", "EIO=99&transport=polling", None),
    ("a handshake without parameters", "GET", "", None),
    ("a handshake of an unknown transport", "GET", "EIO=4&transport=carrier-pigeon", None),
    ("a poll of an unknown session", "GET", "EIO=4&transport=polling&sid=nobody", None),
    ("a POST to an unknown session", "POST", "EIO=4&transport=polling&sid=nobody", b"42[]"),
    ("a POST without a session", "POST", "EIO=4&transport=polling", b"\x00\xff\x1e"),
    (
        "a session whose id is an object's member",
        "GET",
        "EIO=4&transport=polling&sid=__proto__",
        None,
    ),
    ("a WebSocket handshake without an upgrade", "GET", "EIO=4&transport=websocket", None),
    ("a query that cannot be decoded", "GET", "EIO=4&transport=polling&token=%E0%A4%A&%=%", None),
)
"""What an Engine.IO endpoint is asked over HTTP: what it is, method, query and body."""


TOKENS = (
    ("two tokens in the query", "token=one&token=two"),
    ("a token in the query that is part of an object", "token[a]=one&token[b][]=two"),
    (
        "a token that every object has",
        "token[__proto__][a]=one&__proto__=x",
    ),
)
"""What some parsers of queries make no text of, though a backend may take it for one."""


def ask_to_connect(stage: Stage, query: str) -> None:
    """Asks for the namespace over polling with this query, as far as the server lets one."""
    path = f"/socket.io/?EIO=4&transport=polling&{query}"
    opening = stage.world.http.send("GET", path)
    if sid := re.search(rb'"sid":"([^"]+)"', opening.body):
        stage.world.http.send("POST", f"{path}&sid={sid[1].decode()}", body=b"40")


@undisturbed
@requirement("ALL-04")
def test_broken_packets_do_not_take_the_service_down(stage: Stage) -> None:
    sender, witness, attacker = stage.cast()
    line = Lifeline(stage, "ALL-04", sender, witness)
    for what, method, query, body in HANDSHAKES:
        stage.world.http.send(method, f"/socket.io/?{query}", body=body)
        line.holds(what)
    for what, query in TOKENS:
        ask_to_connect(stage, query)
        line.holds(what)
    nobody, before = stage.unknown_id(), "requests to the Socket.IO endpoint"
    attacks: tuple[tuple[Transport, Iterator[Broken]], ...] = (
        ("websocket", broken_packets(nobody)),
        ("polling", broken_payloads(nobody)),
    )
    for transport, kinds in attacks:
        for what, packets in kinds:
            attack(stage, line, attacker, transport, packets, before)
            before = f"{what} over {transport}"
            line.holds(before)
    attack(stage, line, attacker, "websocket", (), before)


def attack(
    stage: Stage,
    line: Lifeline,
    attacker: Actor,
    transport: Transport,
    packets: tuple[Packet, ...],
    before: str,
) -> None:
    """Sends packets over a new connection, which shows that new ones are taken, and lets the
    backend handle them.
    """
    try:
        connection = come_back(stage, attacker, transport)
    except NotConnected as error:
        stage.condemn(
            "ALL-04",
            f"After {before} the backend takes no new connection",
            "a connection for a valid token",
            str(error),
        )
    notice = json.dumps(["typing", {"recipientId": line.sender.id}])
    since = line.socket.mark()
    try:
        for packet in (*packets, f"42{notice}"):
            stage.world.step(Step.of_raw(attacker.name, packet))
            connection.send_raw(packet)
    except Closed:
        pass
    # It has handled them once it ends the connection or goes on with it; it may do neither.
    deadline = Deadline(PATIENCE * stage.pace.settle)
    while deadline.left and not line.socket.received("typingStatus", since):
        if connection.rest(GLANCE):
            break
    stage.leave(connection)


def odd_messages(own: str, recipient: str, nobody: str) -> Iterator[Payload]:
    """Payloads of `sendMessage` that a backend may take or not (D2, D4, D5, D6, D16)."""
    file = attachment("odd")
    body = {"recipientId": recipient, "text": "odd"}
    for flaw, fields in (
        ("a text of white space", {"text": " \t\n "}),
        ("a text with U+0000", {"text": "a\u0000b"}),
        ("a text with a lone surrogate", {"text": "a\ud800b"}),
        ("a long text", {"text": "long " * 4000}),
        ("a text of null beside an attachment", {"text": None, "attachment": file}),
        ("an attachment of null", {"attachment": None}),
        ("an empty url", {"attachment": {"type": "image", "url": ""}}),
        ("a recipientId in capitals", {"recipientId": recipient.upper()}),
        ("a message to oneself", {"recipientId": own}),
        ("members that every object has", {"__proto__": {"x": 1}, "constructor": {"prototype": 1}}),
        ("members that look like methods", {"toString": 1, "toJSON": 1, "then": 1, "length": -1}),
        ("members that look like operators", {"$set": {"text": "x"}, "a.b": 1, "": 1}),
        ("a binary unknown field", {"extra": b"\x00\xff"}),
        ("a thousand unknown fields", {f"field{number}": number for number in range(1000)}),
    ):
        yield Payload(flaw, ({**body, **fields},))
    yield Payload("further arguments", (body, {"recipientId": own, "text": "x"}, None, [1, 2], "x"))
    deep = '{"a":' * DEEP + "1" + "}" * DEEP
    start = json.dumps(body)[:-1]
    # To nobody: who keeps the field and shows it again (D6, D16) is not to be read by everyone.
    lost = json.dumps({**body, "recipientId": nobody})[:-1]
    yield Payload(
        "an unknown field nested very deep", packet=f'42["sendMessage",{lost},"x":{deep}}}]'
    )
    yield Payload("the same member twice", packet=f'42["sendMessage",{start},"text":"other"}}]')


@undisturbed
@requirement("MSG-07")
def test_after_any_message_everyone_is_served(stage: Stage) -> None:
    sender, witness, _ = stage.cast()
    line = Lifeline(stage, "MSG-07", sender, witness)
    for payload in odd_messages(sender.id, witness.id, stage.unknown_id()):
        line.fire("sendMessage", (payload.flaw, [payload]))
    # And the other way round, over HTTP, and for somebody new.
    (again,) = stage.connect(sender)
    text, words = stage.text("after all that"), stage.text("and over HTTP")
    stage.emit(line.witness, "sendMessage", {"recipientId": sender.id, "text": text})
    sender.send(witness, text=words)
    for socket, expected in ((again, text), (line.witness, words)):
        stage.check(
            "MSG-07",
            stage.await_message(socket, text=expected) is not None,
            "After messages that a backend may refuse, others no longer arrive",
            "everyone is served",
            f"nothing within {stage.pace.delivery:.0f} s",
        )
