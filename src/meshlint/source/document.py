"""A document of a source file: its data, and where every part of it stands."""

from __future__ import annotations

import pathlib
from dataclasses import dataclass
from typing import Any, NamedTuple

Path = tuple[str | int, ...]
"""Steps from the root of a document to a part of it: keys of mappings, indexes of lists."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that was read. `name` is what people see, with forward slashes; `path` is None for stdin."""

    name: str
    text: str
    path: pathlib.Path | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Something that could not be checked: what (`kind`), where, and what to do about it (`message`)."""

    kind: str
    file: str
    line: int | None
    message: str


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A value that another tool fills in later (`${VAR}`, `$(VAR)`): unknown, so never equal to a string."""

    text: str

    def __str__(self) -> str:
        return self.text


class Span(NamedTuple):
    """A stretch of a file: 1-based lines, 1-based columns in code points, end column exclusive."""

    start_line: int
    start_column: int
    end_line: int
    end_column: int


class DuplicateKey(NamedTuple):
    """A key that a mapping has twice; Kubernetes keeps the last one. `path` names the key."""

    path: Path
    first: Span
    again: Span


class Document:
    """One YAML or JSON document, or a part of one that stands for itself (an item of a `kind: List`).

    `data` is plain Python as sigs.k8s.io/yaml reads it (keys are strings), with `Placeholder`s; `root` leads from the
    document's own root to `data`. `start` and `end` are offsets of the document's text in the file, `line` is the line
    `start` is on.
    """

    __slots__ = ("file", "start", "end", "line", "data", "root", "duplicates", "_positions")

    def __init__(
        self,
        file: SourceFile,
        start: int,
        end: int,
        line: int,
        data: Any,
        root: Path = (),
        duplicates: tuple[DuplicateKey, ...] = (),
    ) -> None:
        self.file = file
        self.start = start
        self.end = end
        self.line = line
        self.data = data
        self.root = root
        self.duplicates = duplicates
        self._positions: Any = None

    @property
    def text(self) -> str:
        return self.file.text[self.start : self.end]

    def at(self, *path: str | int) -> Location:
        """The place of a part of `data`. A part that is missing is at its nearest parent."""
        return Location(self, path)

    def within(self, *path: str | int) -> Document:
        """The part of this document at `path` as a document of its own."""
        data = self.data
        for step in path:
            data = data[step]
        return Document(self.file, self.start, self.end, self.line, data, self.root + path)


@dataclass(frozen=True, slots=True)
class Location:
    """A place: a document and a path in it, which may go on inside YAML that a string of the document holds."""

    document: Document
    path: Path

    @property
    def file(self) -> str:
        return self.document.file.name

    @property
    def key(self) -> Span | None:
        """The key at the end of the path; None for a list item and for a whole document."""
        return _place(self).key

    @property
    def value(self) -> Span:
        """The whole value, over as many lines as it has."""
        return _place(self).value

    @property
    def span(self) -> Span:
        """The part to show, always on one line: a scalar's own text, else the key, else the first line of the value."""
        return _place(self).span

    @property
    def found(self) -> Path:
        """The longest part of the path that exists."""
        return _place(self).path

    @property
    def pointer(self) -> str:
        """`found` as people write it: `spec.http[0].retries`, `metadata.annotations['a.b/c']`."""
        return pointer(self.found)

    def order(self) -> tuple[str, Span]:
        return (self.file, self.span)


def _place(location: Location) -> Any:
    from .location import place

    return place(location.document, location.path)


def pointer(path: Path) -> str:
    """A path in the notation of the catalogue's header."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif step and all(c.isalnum() and c.isascii() or c in "_-" for c in step):
            text += f".{step}" if text else step
        else:
            escaped = step.replace("\\", "\\\\").replace("'", "\\'")
            text += f"['{escaped}']"
    return text
