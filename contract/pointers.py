"""JSON pointers (RFC 6901), by which messages name a place in a document or a value."""

from collections.abc import Iterable


def pointer(path: Iterable[str | int]) -> str:
    """The pointer made of these keys and indices."""
    return "".join(f"/{escaped(str(part))}" for part in path)


def escaped(part: str) -> str:
    """A key as one part of a pointer."""
    return part.replace("~", "~0").replace("/", "~1")


def unescaped(part: str) -> str:
    """The key that one part of a pointer stands for."""
    return part.replace("~1", "/").replace("~0", "~")
