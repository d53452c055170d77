"""What admission has to say about a part of an object."""

from collections.abc import Iterator
from typing import NamedTuple

from ...source.document import Path


class Complaint(NamedTuple):
    """Where something is wrong and what; `warns` where the object is taken all the same."""

    path: Path
    text: str
    warns: bool = False


Complaints = Iterator[Complaint]


def told(path: Path, text: str | None) -> Complaints:
    """The complaint that a text is, where there is one."""
    if text:
        yield Complaint(path, text)
