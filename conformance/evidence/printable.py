"""Text from outside, made fit for a terminal: a backend or a file must not steer it."""


def printable(text: str) -> str:
    """The text with control characters, line breaks excepted, spelt out."""
    return "".join(
        character if character.isprintable() or character == "\n" else ascii(character)[1:-1]
        for character in text
    )


def one_line(text: str) -> str:
    """The text on a single line, with control characters spelt out."""
    return printable(" ".join(text.split()))


def abridged(text: str, longest: int) -> str:
    """The text, or its beginning and its end where it is longer: what came last may matter most."""
    if len(text) <= longest:
        return text
    half = longest // 2
    return f"{text[:half]} … {text[-half:]}"
