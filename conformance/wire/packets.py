"""Socket.IO packets, taken apart and put together.

Source: https://github.com/socketio/socket.io-protocol (revision 5).
"""

from typing import Any

from socketio import packet as codec

from conformance.wire.stringify import stringify
from conformance.wire.transports import Packet

CONNECT, DISCONNECT, CONNECT_ERROR = codec.CONNECT, codec.DISCONNECT, codec.CONNECT_ERROR
EVENTS = (codec.EVENT, codec.BINARY_EVENT)
ACKNOWLEDGEMENTS = (codec.ACK, codec.BINARY_ACK)

MALFORMED = (ValueError, TypeError, LookupError, AttributeError, RecursionError)
"""What the codec of python-socketio raises for packets that are none."""


class _AsBrowsersDo:
    """The JSON module of the codec, which would escape all that is not ASCII."""

    dumps = staticmethod(lambda value, **_: stringify(value))
    loads = staticmethod(codec.Packet.json.loads)


class _Packet(codec.Packet):  # type: ignore[misc]  # it has no types
    json = _AsBrowsersDo


def connect(auth: dict[str, Any] | None) -> str:
    """The packet, in one message of Engine.IO, that asks for the default namespace."""
    return f"4{_Packet(codec.CONNECT, data=auth).encode()}"


def disconnect() -> str:
    """The packet that says goodbye."""
    return f"4{codec.DISCONNECT}"


def event(name: str, args: tuple[Any, ...], id: int | None) -> list[Packet]:
    """An event, and an attachment for each of the bytes in `args`; `id` asks for an answer."""
    encoded = _Packet(codec.EVENT, data=[name, *args], id=id).encode()
    text, *attachments = [encoded] if isinstance(encoded, str) else encoded
    return [f"4{text}", *map(bytes, attachments)]


class Assembly:
    """Puts packets and their attachments together, in the order in which they come."""

    def __init__(self) -> None:
        self._partial: codec.Packet | None = None  # waits for its attachments

    def add(self, data: Packet) -> Any:
        """The packet that `data` completes, if it does (`packet_type`, `namespace`, `id`, `data`).
        Raises what is in MALFORMED.
        """
        if isinstance(data, str):
            if self._partial is not None:
                raise ValueError("text instead of an attachment")
            packet = codec.Packet(encoded_packet=data)
            binary = packet.packet_type in (codec.BINARY_EVENT, codec.BINARY_ACK)
            if binary and packet.attachment_count:
                self._partial = packet
                return None
            return packet
        if self._partial is None:
            raise ValueError("an attachment of nothing")
        if not self._partial.add_attachment(data):
            return None
        packet, self._partial = self._partial, None
        return packet
