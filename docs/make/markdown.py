"""Bits of Markdown."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

_CODE = re.compile(r"(^ *(`{3,}).*?^ *\2$)", re.MULTILINE | re.DOTALL)

_BAR = re.compile(r"\|(?=(?:[^`]*`[^`]*`)*[^`]*$)")


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table; a bar in a code span stays as it is."""
    heads = list(heads)
    lines = [heads, ["---"] * len(heads), *([_BAR.sub(r"\\\\|", cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def outside_code(text: str, change: Callable[[str], str]) -> str:
    """The text with everything but its code blocks changed."""
    done, parts = 0, []
    for block in _CODE.finditer(text):
        parts += [change(text[done : block.start()]), block[0]]
        done = block.end()
    return "".join([*parts, change(text[done:])])
