"""What is to become of a document, said by places; `edit` finds the text edits that do it."""

from typing import Any, NamedTuple

from .document import Location, SourceFile, Span


class Put(NamedTuple):
    """A value in place of what is there. What is missing on the way is made, after what the mapping has or before it (`first`)."""

    location: Location
    value: Any
    first: bool = False


class Append(NamedTuple):
    """A value as the last item of a list, which is made where it is missing."""

    location: Location
    value: Any


class Rename(NamedTuple):
    """Another name for the key at the end of a path."""

    location: Location
    name: str


class Remove(NamedTuple):
    """An entry of a mapping or an item of a list less. What it leaves empty goes too (`prune`), else it is `{}` or `[]`."""

    location: Location
    prune: bool = False


Change = Put | Append | Rename | Remove


class Edit(NamedTuple):
    """A replacement: what a file has from offset `start` to `end` (exclusive) becomes `text`."""

    file: SourceFile
    start: int
    end: int
    text: str

    @property
    def span(self) -> Span:
        """What is replaced; empty where something is inserted."""
        from .location import region

        return region(self.file, self.start, self.end)
