"""JSON documents that are written while they are made, and in which no runner that reads a log finds a command."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from json.encoder import encode_basestring_ascii as _string
from typing import Any, TextIO


def encoded(value: Any, **style: Any) -> str:
    """Data as json.dumps writes it."""
    return _harmless(json.dumps(value, **style))


def dump(value: Any, out: TextIO, margin: str = "\n") -> None:
    """Writes data as `json.dump(indent=2)` does, in ASCII. An iterator is an array whose items are written as they come.

    So it is in a dict, and in the dict that is an item of one; elsewhere it is read first.
    """
    if isinstance(value, Iterator):
        _write("[]", (("", item) for item in value), out, margin)
    elif isinstance(value, dict) and any(isinstance(item, Iterator) for item in value.values()):
        _write("{}", ((f"{_string(key)}: ", item) for key, item in value.items()), out, margin)
    else:
        out.write(_harmless(_text(value, margin)))


def _write(brackets: str, items: Iterable[tuple[str, Any]], out: TextIO, margin: str) -> None:
    inner = f"{margin}  "
    before = brackets[0]
    for name, item in items:
        out.write(f"{before}{inner}{name}")
        dump(item, out, inner)
        before = ","
    out.write(margin + brackets[1] if before == "," else brackets)


def _text(value: Any, margin: str) -> str:
    """Nothing is left behind: where json indents, each document leaves a cycle, and the program runs without the collector."""
    if isinstance(value, str):
        return _string(value)
    if value is None or isinstance(value, (int, float)):
        return json.dumps(value)
    inner = f"{margin}  "
    if isinstance(value, dict):
        brackets, items = "{}", [f"{inner}{_string(key)}: {_text(item, inner)}" for key, item in value.items()]
    else:
        brackets, items = "[]", [inner + _text(item, inner) for item in value]
    return f"{brackets[0]}{','.join(items)}{margin}{brackets[1]}" if items else brackets


def _harmless(text: str) -> str:
    """Only strings have `#`, and `##` begins commands (`##vso[…]`)."""
    return text.replace("##", r"#\u0023")
