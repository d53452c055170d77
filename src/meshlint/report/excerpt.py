"""One line of a source file as a terminal shows it, with the columns of a stretch of it."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from .printable import visible

TAB = 4
ELLIPSIS = "…"
SMALLEST = 20
"""Columns an excerpt takes at least, however narrow the terminal is."""


def excerpt(line: str, start: int, end: int, room: int) -> tuple[str, int, int]:
    """A line for display, the columns before the characters from `start` to `end` (exclusive), and the columns of these.

    Nothing in it steers a terminal; tabs are spaces. A line of more than `room` columns is cut around the stretch. An empty
    stretch has one column.
    """
    cells = _cells(line)
    widths = [_width(cell) for cell in cells]
    first, last = _window(widths, start, end, max(room, SMALLEST))
    before = ELLIPSIS if first > 0 else ""
    after = ELLIPSIS if last < len(cells) else ""
    text = before + "".join(cells[first:last]) + after
    return text.rstrip(), len(before) + sum(widths[first:start]), max(1, sum(widths[start : min(end, last)]))


def _cells(line: str) -> list[str]:
    """What is shown for each character."""
    cells: list[str] = []
    column = 0
    for character in line:
        cell = " " * (TAB - column % TAB) if character == "\t" else visible(character)
        column += _width(cell)
        cells.append(cell)
    return cells


def _window(widths: Sequence[int], start: int, end: int, room: int) -> tuple[int, int]:
    """The cells to show: all if they fit, else the stretch, a third of the room before it, and what fits behind it."""
    if sum(widths) <= room:
        return 0, len(widths)
    free = room - 2 * len(ELLIPSIS)
    first = start
    before = max(free // 3, free - sum(widths[start:]))
    while first > 0 and sum(widths[first - 1 : start]) <= before:
        first -= 1
    last = first
    shown = 0
    while last < len(widths) and shown + widths[last] <= free:
        shown += widths[last]
        last += 1
    return first, last


def _width(text: str) -> int:
    """Columns of a terminal that a text takes."""
    if text.isascii():
        return len(text)
    return sum(_columns(character) for character in text)


def _columns(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1
