"""Turns the text of a document into a JSON value and refuses what JSON cannot hold."""

import errno
import json
import re
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from contract.errors import DocumentError

Json = Any
"""A decoded JSON value: dict, list, str, int, float, bool or None."""

_TAG = "tag:yaml.org,2002:"
_MERGE = _TAG + "merge"
_TAGS = {_TAG + kind for kind in ("map", "seq", "str", "int", "float", "bool", "null", "merge")}
_ENDLESS = re.compile(r"[-+]?\.(inf|nan)", re.IGNORECASE)
_Base = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader


LARGEST_FILE = 10_000_000
"""Bytes of a file written by hand, many times over."""


def read_text(file: Path) -> str:
    """The text of a regular file: one that ends, and that nobody has to be waited for.

    A byte order mark is no part of it. Raises UnicodeDecodeError, and OSError, whose `strerror`
    says it in words, also for a FIFO, a device, or a file beyond LARGEST_FILE.
    """
    kind = file.stat().st_mode
    if not stat.S_ISREG(kind) and not stat.S_ISDIR(kind):  # a folder has an error of its own
        raise OSError(errno.EINVAL, "Not a regular file", str(file))
    with file.open("rb") as opened:
        content = opened.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise OSError(errno.EFBIG, f"Larger than {LARGEST_FILE:,} bytes", str(file))
    return content.decode("utf-8-sig")


def read_file(file: Path) -> Json:
    """The JSON value in a file: JSON where its name ends in `.json`, YAML otherwise.

    Raises DocumentError when the file cannot be read, is neither, names a key twice, or holds what
    JSON cannot.
    """
    try:
        text = read_text(file)
    except OSError as error:
        raise DocumentError(file, "", error.strerror or "cannot be read") from None
    except UnicodeDecodeError as error:
        raise DocumentError(file, f"byte {error.start}", "is not UTF-8") from None
    try:
        return _json(file, text) if file.suffix == ".json" else _yaml(file, text)
    except RecursionError:
        raise DocumentError(file, "", "is nested too deeply") from None


def line_of(file: Path, path: Iterable[str | int]) -> int:
    """The line, counted from 1, on which the value at a path of keys and indices stands in a file
    that `read_file` takes: that of its key, or its own in a list.

    A path that leads nowhere gives the line it leads to.
    """
    node = _Base(read_text(file)).get_single_node()
    line = 0
    for part in path:
        entry = None
        if isinstance(node, yaml.MappingNode):
            entry = next((pair for pair in node.value if pair[0].value == part), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            entry = (node.value[part],) * 2 if part < len(node.value) else None
        if entry is None:
            break
        line, node = entry[0].start_mark.line, entry[1]
    return line + 1


def _json(file: Path, text: str) -> Json:
    try:
        return json.loads(text, object_pairs_hook=_each_once, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise DocumentError(file, place, f"is not JSON: {error.msg}") from None
    except ValueError as error:
        raise DocumentError(file, "", f"is not JSON: {error}") from None


def _each_once(pairs: Iterable[tuple[str, Json]]) -> dict[str, Json]:
    mapping: dict[str, Json] = {}
    for key, value in pairs:
        if key in mapping:
            raise ValueError(f"the key {key} stands twice")
        mapping[key] = value
    return mapping


def _no_constant(name: str) -> Json:
    raise ValueError(f"{name} is no JSON value")


def _yaml(file: Path, text: str) -> Json:
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        _prepare(node, set(), set())
        return loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = error.problem or error.context or "it cannot be parsed"
    except yaml.reader.ReaderError as error:
        number = text[: text.find(chr(error.character))].count("\n") + 1
        place = f"line {number}"
        problem = f"the character U+{error.character:04X} is not allowed"
    except (yaml.YAMLError, ValueError) as error:
        place, problem = "", str(error)
    raise DocumentError(file, place, f"is not YAML: {' '.join(str(problem).split())}") from None


class _Loader(_Base):  # type: ignore[misc, valid-type]  # one of two bases
    """Reads timestamps and `=` as strings, as JSON does."""


_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern)
        for tag, pattern in resolvers
        if tag not in (_TAG + "timestamp", _TAG + "value")
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _prepare(node: yaml.Node, above: set[int], done: set[int]) -> None:
    """Makes every key a string, as JSON has them, and refuses what JSON has no place for.

    It works on the nodes and not while they are constructed, because merge keys are expanded then,
    and what they bring may be overridden.
    """
    if id(node) in above:
        raise _problem(node, "an alias stands inside what it repeats")
    if id(node) in done:
        return
    done.add(id(node))
    above.add(id(node))
    if node.tag not in _TAGS:
        raise _problem(node, f"the tag {node.tag.replace(_TAG, '!!')} is no JSON type")
    if isinstance(node, yaml.MappingNode):
        _prepare_mapping(node, above, done)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _prepare(item, above, done)
    elif node.tag == _TAG + "float" and _ENDLESS.fullmatch(node.value):
        raise _problem(node, f"{node.value} is no JSON number")
    above.remove(id(node))


def _prepare_mapping(node: yaml.MappingNode, above: set[int], done: set[int]) -> None:
    seen: set[str] = set()
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise _problem(key, "a key has to be a text")
        if key.tag != _MERGE:
            if key.value in seen:
                raise _problem(key, f"the key {key.value} stands twice")
            seen.add(key.value)
            key.tag = _TAG + "str"
        _prepare(value, above, done)


def _problem(node: yaml.Node, problem: str) -> yaml.constructor.ConstructorError:
    return yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
