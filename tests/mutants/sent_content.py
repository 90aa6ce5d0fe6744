"""Mutants of what becomes of a text on its way (SEND-13)."""

import html
import re
import unicodedata
from dataclasses import replace

from reference_server.asgi import _Exchange
from reference_server.chat import Chat
from tests.mutants.history import stored
from tests.mutants.patching import Patch
from tests.mutants.registry import mutant


def texts(patch, change):
    """Let `change(text)` see every text before it is stored."""

    async def send(chat, sender, recipient, text, attachment):
        text = text and (change(text) or "?")
        return await original(chat, sender, recipient, text, attachment)

    original = patch(Chat, send)


@mutant("SEND-13", protocol="both", subtle=True)
def long_texts_are_cut(patch: Patch) -> None:
    """A column holds 4,096 characters, and what is longer is cut off without a word."""
    texts(patch, lambda text: text[:4096])


@mutant("SEND-13", protocol="both")
def texts_are_escaped_for_html(patch: Patch) -> None:
    """`<`, `&` and quotes are stored as entities."""
    texts(patch, html.escape)


@mutant("SEND-13", protocol="both", subtle=True)
def astral_letters_are_lost(patch: Patch) -> None:
    """A database of three-byte UTF-8 keeps `?` in the place of an emoji."""
    texts(patch, lambda text: "".join("?" if ord(letter) > 0xFFFF else letter for letter in text))


@mutant("SEND-13", protocol="both", subtle=True)
def texts_are_normalised(patch: Patch) -> None:
    """Texts are stored in the composed form: a letter with a combining mark becomes another."""
    texts(patch, lambda text: unicodedata.normalize("NFC", text))


@mutant("SEND-13", protocol="both", subtle=True)
def line_ends_become_newlines(patch: Patch) -> None:
    """CR LF is stored as LF."""
    texts(patch, lambda text: text.replace("\r\n", "\n"))


@mutant("SEND-13", protocol="both", subtle=True)
def line_breaks_become_spaces(patch: Patch) -> None:
    """A text is one line: line breaks become spaces."""
    texts(patch, lambda text: text.replace("\n", " "))


@mutant("SEND-13", protocol="both", subtle=True)
def marks_of_direction_are_stripped(patch: Patch) -> None:
    """Format characters are taken out, marks of direction and joiners of emoji among them."""
    texts(patch, lambda text: "".join(c for c in text if unicodedata.category(c) != "Cf"))


@mutant("SEND-13", protocol="both", subtle=True)
def tags_are_stripped(patch: Patch) -> None:
    """A sanitiser removes `<script>`; all other texts pass."""
    texts(patch, lambda text: text.replace("<script>", "").replace("</script>", ""))


@mutant("SEND-13", protocol="both", subtle=True)
def numeric_texts_are_parsed(patch: Patch) -> None:
    """Texts that look like numbers are parsed and written again: `00123.4500` becomes `123.45`."""

    def parsed(text):
        return f"{float(text):g}" if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text) else text

    texts(patch, parsed)


@mutant("SEND-13", protocol="both", subtle=True)
def quotes_are_escaped_in_events(patch: Patch) -> None:
    """Only the event carries backslashes before quotes; answer and history are right."""

    def escaped(message):
        return {**message, "text": message["text"].replace('"', '\\"')}

    patch.changed_deliveries("receiveMessage", escaped)


@mutant("SEND-13", protocol="rest", subtle=True)
def histories_are_read_as_latin1(patch: Patch) -> None:
    """The answer shows what was sent, the history mojibake."""

    def garbled(one, other, found):
        return [replace(m, text=m.text.encode().decode("latin-1")) for m in found]

    stored(patch, garbled)


@mutant("SEND-13", protocol="rest", subtle=True)
def bodies_are_decoded_piece_by_piece(patch: Patch) -> None:
    """`body += chunk` of Node: a letter that two pieces of a body share is lost."""

    def data_received(self, chunk):
        return original(self, chunk.decode("utf-8", "replace").encode())

    original = patch(_Exchange, data_received)
