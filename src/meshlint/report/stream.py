"""JSON documents that are written while they are made, and in which no runner that reads a log finds a command."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, TextIO


def encoded(value: Any, **style: Any) -> str:
    """Data as json.dumps writes it. Only strings have `#`, and `##` begins commands (`##vso[…]`)."""
    return json.dumps(value, **style).replace("##", r"#\u0023")


def dump(value: Any, out: TextIO, margin: str = "\n") -> None:
    """Writes data as `json.dump(indent=2)` does, in ASCII. An iterator is an array whose items are written as they come.

    Nothing is left behind: where json indents, each document leaves a cycle, and the program runs without the collector.
    """
    if isinstance(value, str | int | float | None):
        out.write(encoded(value))
    elif isinstance(value, dict):
        _collection("{}", ((f"{encoded(key)}: ", item) for key, item in value.items()), out, margin)
    else:
        _collection("[]", (("", item) for item in value), out, margin)


def _collection(brackets: str, items: Iterator[tuple[str, Any]], out: TextIO, margin: str) -> None:
    inner = f"{margin}  "
    before = brackets[0]
    for name, item in items:
        out.write(f"{before}{inner}{name}")
        dump(item, out, inner)
        before = ","
    out.write(margin + brackets[1] if before == "," else brackets)
