"""JSON documents that are written while they are made."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, TextIO

_ENCODER = json.JSONEncoder(indent=2)


def dump(value: Any, out: TextIO, margin: str = "\n") -> None:
    """Writes data as `json.dump(indent=2)` does, in ASCII. An iterator is an array whose items are written as they come.

    It may be the value itself or one of an object's, and an item of it such an object.
    """
    if isinstance(value, Iterator):
        _collection("[]", (("", item) for item in value), out, margin)
    elif isinstance(value, dict) and any(isinstance(item, Iterator) for item in value.values()):
        _collection("{}", ((f"{_ENCODER.encode(key)}: ", item) for key, item in value.items()), out, margin)
    else:
        out.write(_ENCODER.encode(value).replace("\n", margin))


def _collection(brackets: str, items: Iterator[tuple[str, Any]], out: TextIO, margin: str) -> None:
    inner = f"{margin}  "
    before = brackets[0]
    for name, item in items:
        out.write(f"{before}{inner}{name}")
        dump(item, out, inner)
        before = ","
    out.write(margin + brackets[1] if before == "," else brackets)
