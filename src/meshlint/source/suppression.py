"""Suppression comments: `# meshlint: ignore[rule-id] reason`."""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from .document import Document, SourceFile, Span
from .location import scalars_of

_COMMENT = r"(?m)(?:^|(?<=\s))#\s*meshlint:\s*ignore(?P<rules>\[[^\]\n]*\])?(?P<reason>(?:(?!\s#\s)[^\r\n])*)"


class Comment(NamedTuple):
    """A suppression comment: `span` is its text, `lines` those it covers, `rules` the ids it names, in order."""

    file: SourceFile
    span: Span
    lines: frozenset[int]
    rules: tuple[str, ...]
    reason: str


def comments(file: SourceFile, documents: Sequence[Document]) -> list[Comment]:
    """The suppression comments of a file. One on a line of its own covers the next line that is none, too.

    A reason ends where another comment begins (` # `). A file without documents (a template, a broken one) has none.
    """
    if "meshlint:" not in file.text or not documents:
        return []
    inside = sorted(span for document in documents for span in scalars_of(document))
    return list(_comments(file, inside))


def _comments(file: SourceFile, scalars: Sequence[tuple[int, int]]) -> Iterator[Comment]:
    lines = file.text.split("\n")
    line, counted = 1, 0
    for match in re.finditer(_COMMENT, file.text):
        start = match.start()
        line += file.text.count("\n", counted, start)
        counted = start
        if _is_inside(start, scalars):
            continue
        column = start - file.text.rfind("\n", 0, start)
        end = column + len(match[0].rstrip())
        rules = tuple(word.strip() for word in (match["rules"] or "[]")[1:-1].split(",") if word.strip())
        reason = match["reason"].strip().lstrip(":-").strip()
        yield Comment(file, Span(line, column, line, end), frozenset(_covered(lines, line, column)), rules, reason)


def _is_inside(offset: int, scalars: Sequence[tuple[int, int]]) -> bool:
    """Whether an offset is in the text of a scalar; they are in order and apart from each other."""
    before = bisect_left(scalars, (offset,)) - 1
    return before >= 0 and offset < scalars[before][1]


def _covered(lines: Sequence[str], line: int, column: int) -> Iterator[int]:
    yield line
    if lines[line - 1][: column - 1].strip():
        return
    for number in range(line + 1, len(lines) + 1):
        following = lines[number - 1]
        if following.strip() and not following.lstrip().startswith("#"):
            yield number
            return
