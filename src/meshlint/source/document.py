"""A document of a source file: its data, and where every part of it stands."""

from collections.abc import Sequence
from itertools import takewhile
from typing import Any, NamedTuple

Path = tuple[str | int, ...]
"""Steps from the root of a document to a part of it: keys of mappings, indexes of lists."""


class SourceFile(NamedTuple):
    """A file that was read. `name` is what people see, with forward slashes; `path` is None for stdin; `bom` begins no text."""

    name: str
    text: str
    path: str | None = None
    bom: bool = False


class Failure(NamedTuple):
    """Something that could not be checked: what (`kind`), where, and what to do about it (`message`).

    Kinds: `unreadable`, `yaml` and `limit` of files and documents, `settings` that istiod refuses, `rule` for one of ours,
    `write` of a file that was to be fixed.
    """

    kind: str
    file: str
    line: int | None
    message: str

    @property
    def place(self) -> str:
        """The file, and the line where one is known."""
        return f"{self.file}:{self.line}" if self.line else self.file


class Placeholder:
    """A value that another tool fills in later (`${VAR}`, `$(VAR)`): unknown, so never equal to a string."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Placeholder) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"Placeholder({self.text!r})"

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
    `start` is on. `trees` is where `location` keeps what it found out about positions, for all parts of the document.
    """

    __slots__ = ("data", "duplicates", "end", "file", "line", "root", "start", "trees")

    def __init__(
        self,
        file: SourceFile,
        start: int,
        end: int,
        line: int,
        data: Any,
        root: Path = (),
        duplicates: tuple[DuplicateKey, ...] = (),
        trees: list[Any] | None = None,
    ) -> None:
        self.file = file
        self.start = start
        self.end = end
        self.line = line
        self.data = data
        self.root = root
        self.duplicates = duplicates
        self.trees = [] if trees is None else trees

    @property
    def text(self) -> str:
        return self.file.text[self.start : self.end]

    def at(self, *path: str | int) -> "Location":
        """The place of a part of `data`. A part that is missing is at its nearest parent."""
        return Location(self, path)

    def replaced(self, data: Any) -> "Document":
        """This document with other data, whose parts are where they were."""
        return Document(self.file, self.start, self.end, self.line, data, self.root, self.duplicates, self.trees)

    def within(self, *path: str | int) -> "Document":
        """The part of this document at `path` as a document of its own."""
        data = self.data
        for step in path:
            data = data[step]
        inside = [d for d in self.duplicates if d.path[: len(path)] == path]
        duplicates = tuple(d._replace(path=d.path[len(path) :]) for d in inside)
        return Document(self.file, self.start, self.end, self.line, data, self.root + path, duplicates, self.trees)


class Location(NamedTuple):
    """A place: a document and a path in it, which may go on inside YAML that a string of the document holds."""

    document: Document
    path: Path

    @property
    def file(self) -> str:
        return self.document.file.name

    @property
    def source(self) -> SourceFile:
        return self.document.file

    @property
    def key(self) -> Span | None:
        """The key at the end of the path; None for a list item and for a whole document."""
        return _place(self).key

    @property
    def value(self) -> Span:
        """The whole value, over as many lines as it has."""
        return _place(self).value

    @property
    def target(self) -> Span | None:
        """The value that an alias stands for; None where it is none."""
        return _place(self).target

    @property
    def span(self) -> Span:
        """The part to show, always on one line: a scalar's own text, else the key, else the first line of the value."""
        return _place(self).span

    @property
    def words(self) -> str:
        """The part to show, as it is written."""
        return _written(self.source, self.span)

    @property
    def found(self) -> Path:
        """The longest part of the path that exists."""
        data = self.document.data
        for depth, step in enumerate(self.path):
            if isinstance(data, str):
                return _place(self).path
            if not _has(data, step):
                return self.path[:depth]
            data = data[step]
        return self.path

    @property
    def pointer(self) -> str:
        """`found` as people write it: `spec.http[0].retries`, `metadata.annotations['a.b/c']`."""
        return pointer(self.found)

    def order(self) -> tuple[str, Span]:
        return (self.file, self.span)


class Mark(NamedTuple):
    """The place of a comment, which is no part of a document's data."""

    source: SourceFile
    span: Span

    @property
    def file(self) -> str:
        return self.source.name

    @property
    def key(self) -> Span | None:
        return None

    @property
    def value(self) -> Span:
        return self.span

    @property
    def found(self) -> Path:
        return ()

    @property
    def pointer(self) -> str:
        return ""

    @property
    def words(self) -> str:
        """The comment itself."""
        return _written(self.source, self.span)

    def order(self) -> tuple[str, Span]:
        return (self.file, self.span)


class Place(NamedTuple):
    """Where a part of a document stands. `path` is the longest part of the path that exists, below the document's root.

    `target` is what the value stands for, where it is an alias.
    """

    path: Path
    key: Span | None
    value: Span
    span: Span
    target: Span | None = None


def _written(source: SourceFile, span: Span) -> str:
    """The text of a span on one line."""
    return source.text.split("\n")[span.start_line - 1][span.start_column - 1 : span.end_column - 1]


def common(paths: Sequence[Path]) -> Path:
    """What several paths begin with."""
    steps = takewhile(lambda steps: len(set(steps)) == 1, zip(*paths, strict=False))
    return tuple(step for step, *_ in steps)


def _has(data: Any, step: str | int) -> bool:
    if isinstance(data, list):
        return isinstance(step, int) and 0 <= step < len(data)
    return isinstance(data, dict) and step in data


def _place(location: Location) -> Place:
    from .location import place

    return place(location.document, location.path)


def pointer(path: Path) -> str:
    """A path in the notation of the catalogue's header."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif step and all((c.isalnum() and c.isascii()) or c in "_-" for c in step):
            text += f".{step}" if text else step
        else:
            escaped = step.replace("\\", "\\\\").replace("'", "\\'")
            text += f"['{escaped}']"
    return text
