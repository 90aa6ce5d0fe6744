"""JSON as browsers and Node write it on the wire."""

import json
import re
from typing import Any

_SURROGATE = re.compile("[\ud800-\udfff]")


def stringify(value: Any) -> str:
    """`value` as JSON.stringify writes it: characters as they are, lone surrogates escaped."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
