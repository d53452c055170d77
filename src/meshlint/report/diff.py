"""Edits of files as a unified diff that `git apply` takes."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Iterator

from ..source.document import SourceFile
from .text import Printer

_BOM = "\ufeff"
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\t": "\\t", "\n": "\\n", "\r": "\\r"}
_STYLES = {"-": "error", "+": "added", "@": "info", "d": "bold"}


def lines(file: SourceFile, text: str, root: str) -> Iterator[str]:
    """The lines that make another text of a file, with the line ends that these have; its path is relative to the root."""
    path = os.path.relpath(os.path.realpath(file.path or file.name), os.path.realpath(root)).replace(os.sep, "/")
    old, new = _name(f"a/{path}"), _name(f"b/{path}")
    end = "\t" if " " in path else ""
    yield f"diff --git {old} {new}\n"
    for line in difflib.unified_diff(_lines(file, file.text), _lines(file, text), old + end, new + end):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def print_lines(lines: Iterable[str], printer: Printer) -> None:
    """For people: in colour, and unable to steer a terminal; `git apply` takes it no more."""
    for line in lines:
        style = "bold" if line.startswith(("---", "+++")) else _STYLES.get(line[0], "")
        printer.line((line.rstrip("\r\n"), style))


def _lines(file: SourceFile, text: str) -> list[str]:
    return re.findall(r"[^\n]*\n|[^\n]+", (_BOM if file.bom else "") + text)


def _name(path: str) -> str:
    """A path as git writes it: quoted where it has quotes, backslashes or control characters."""
    if path.isprintable() and not any(character in path for character in '"\\'):
        return path
    escaped = "".join(_ESCAPES.get(c) or (f"\\{ord(c):03o}" if ord(c) < 0x20 or ord(c) == 0x7F else c) for c in path)
    return f'"{escaped}"'
