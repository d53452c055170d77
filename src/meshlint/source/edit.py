"""Finds the text edits that change one thing of a document and leave everything else as it was written.

Each is proved: the edited text is read again, and its data must be what was meant. What cannot be done has no edits, as
where an anchor would carry the change to another place, or a comment would be lost.

So that a fix in a long document costs no more than one in a short one, only the collection around the edits is read where
that proves as much: what a collection reads as depends on nothing around it but its column, unless there are anchors.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, takewhile
from typing import Any, NamedTuple

from . import yaml
from .change import Append, Change, Edit, Put, Remove
from .document import Path, common
from .location import Step, Tree, tree_of
from .writer import Impossible, Piece, pieces


class Overlap(ValueError):
    """Two edits of one stretch, or two insertions at one place."""


def apply(text: str, edits: Iterable[Edit]) -> str:
    """The text of a file after edits of it. Raises Overlap."""
    return _replaced(text, [(edit.start, edit.end, edit.text) for edit in edits])


def edits(changes: Iterable[Change]) -> tuple[Edit, ...]:
    """The edits that make all of these changes and no other, in order; none where that cannot be done or is done already."""
    groups: dict[tuple[str, int], list[Change]] = {}
    for change in changes:
        document = change.location.document
        groups.setdefault((document.file.name, document.start), []).append(change)
    try:
        found = [edit for group in groups.values() for edit in _edits(group)]
    except (Impossible, Overlap):
        return ()
    return tuple(sorted(found, key=lambda edit: (edit.file.name, edit.start, edit.end)))


def _edits(changes: Sequence[Change]) -> list[Edit]:
    """The edits of one document."""
    document = changes[0].location.document
    tree = tree_of(document)
    written = [document.root + change.location.path for change in changes]
    before = _opened(tree.data, written)
    told = [(_pruned(before, path, change), change) for path, change in zip(written, changes, strict=True)]
    inside_out = sorted(told, key=lambda one: -len(one[0]))
    needed = (pieces(tree, path, change) for path, change in inside_out if _changed(before, path, change) != before)
    found = _joined(chain.from_iterable(needed))
    meant = _all_changed(before, told)
    if found and not _proved(tree, found, [path for path, _ in told], meant):
        raise Impossible
    return [Edit(document.file, document.start + start, document.start + end, new) for start, end, new in found]


def _joined(pieces: Iterable[Piece]) -> list[Piece]:
    """Edits in order; what is inserted at one place is one insertion."""
    joined: list[Piece] = []
    for start, end, new in sorted(pieces, key=lambda piece: piece[:2]):
        if joined and joined[-1][:2] == (start, end) == (start, start):
            joined[-1] = (start, end, joined[-1][2] + new)
        else:
            joined.append((start, end, new))
    return joined


def _replaced(text: str, pieces: Iterable[Piece]) -> str:
    parts: list[str] = []
    position = 0
    last: tuple[int, int] | None = None
    for start, end, new in sorted(pieces, key=lambda piece: piece[:2]):
        if start < position or (start, end) == last:
            raise Overlap(f"two edits at offset {start}")
        parts += [text[position:start], new]
        position, last = end, (start, end)
    return "".join([*parts, text[position:]])


# ---- what is proved --------------------------------------------------------------------------------------------------


class _Window(NamedTuple):
    """A stretch of a document's text from an offset on, and the path of its data."""

    start: int
    text: str
    path: Path


def _proved(tree: Tree, found: Sequence[Piece], written: Sequence[Path], meant: Any) -> bool:
    """Whether the text after edits reads as is meant, with the texts along paths opened."""
    return any(_proves(window, tree, found, written, meant) for window in _windows(tree, found, written))


def _windows(tree: Tree, found: Sequence[Piece], written: Sequence[Path]) -> Iterator[_Window]:
    """In what edits can be proved: the innermost collection around them, if it reads alone as it does there, and all."""
    way = [] if "&" in tree.text else list(takewhile(_is_collection, tree.way(common(written))))
    first, last = found[0][0], max(end for _, end, _ in found)
    for depth in range(len(way) - 1, 0, -1):
        node = way[depth].node
        end = tree.extent(node)
        if node.start < first and last <= (end if node.style == "block" else end - 1):
            window = _Window(node.start, tree.text[node.start : end], written[0][:depth])
            if _read(tree, window, window.text) == [_at(tree.data, window.path)]:
                yield window
            break
    yield _Window(0, tree.text, ())


def _proves(window: _Window, tree: Tree, found: Sequence[Piece], written: Sequence[Path], meant: Any) -> bool:
    text = _replaced(window.text, [(start - window.start, end - window.start, new) for start, end, new in found])
    if window.path and window.text.endswith("\n") != text.endswith("\n"):
        return False
    depth = len(window.path)
    read = [_opened(data, [path[depth:] for path in written]) for data in _read(tree, window, text)]
    return read == [_at(meant, window.path)] and (_is_json(text) or not _is_json(window.text))


def _is_collection(step: Step) -> bool:
    return step.node.kind != "scalar"


def _read(tree: Tree, window: _Window, text: str) -> list[Any]:
    """The documents that a text reads as in the column where a window begins; none where it is not YAML."""
    try:
        return [data for data in yaml.parse_all(" " * tree.column(window.start) + text) if data is not None]
    except yaml.YamlError:
        return []


def _at(data: Any, path: Path) -> Any:
    for step in path:
        data = data[step]
    return data


# ---- what is meant ---------------------------------------------------------------------------------------------------


def _is_json(text: str) -> bool:
    if not text.lstrip().startswith(("{", "[")):
        return False
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _opened(data: Any, paths: Iterable[Path]) -> Any:
    """Data in which the texts on the way along paths are the YAML that they hold."""
    for path in paths:
        data = _opened_along(data, path)
    return data


def _opened_along(data: Any, path: Path) -> Any:
    if not path:
        return data
    inside = _held(data)
    if not _has(inside, path[0]):
        return inside if isinstance(inside, dict | list) else data
    return _with(inside, path[0], _opened_along(inside[path[0]], path[1:]))


def _held(data: Any) -> Any:
    if not isinstance(data, str):
        return data
    try:
        return yaml.parse(data)
    except yaml.YamlError:
        return data


def _has(data: Any, step: str | int) -> bool:
    if isinstance(data, dict):
        return step in data
    return isinstance(data, list) and isinstance(step, int) and 0 <= step < len(data)


def _with(data: Any, step: str | int, value: Any) -> Any:
    """A copy of a collection with another value at a step."""
    copy = data.copy()
    copy[step] = value
    return copy


def _pruned(data: Any, path: Path, change: Change) -> Path:
    """The path of what a change is about: where nothing empty may stay behind, of all that has to go; items of lists stay."""
    holders = [data]
    for step in path:
        if not _has(holders[-1], step):
            return path
        holders.append(holders[-1][step])
    prune = isinstance(change, Remove) and change.prune
    while prune and len(path) > 1 and isinstance(path[-2], str) and len(holders[len(path) - 1]) == 1:
        path = path[:-1]
    return path


def _all_changed(data: Any, changes: Sequence[tuple[Path, Change]]) -> Any:
    """The data after changes, each told of the data as they are: items of lists go last, the last one first."""
    items = [(path, change) for path, change in changes if _is_item(path, change)]
    others = [(path, change) for path, change in changes if not _is_item(path, change)]
    for path, change in others:
        data = _changed(data, path, change)
    if any(isinstance(change, Put) and _changed(data, path, change) != data for path, change in others):
        raise Impossible
    for path, change in sorted(items, key=lambda item: item[0], reverse=True):
        data = _changed(data, path, change)
    return data


def _is_item(path: Path, change: Change) -> bool:
    return isinstance(change, Remove) and bool(path) and isinstance(path[-1], int)


def _changed(data: Any, path: Path, change: Change) -> Any:
    """The data after a change; only what is on the way to it is copied."""
    if not path:
        return _final(data, change)
    step, rest = path[0], path[1:]
    if isinstance(change, Put | Append):
        return _put(data, step, rest, change)
    if not _has(data, step):
        return data
    if rest:
        return _with(data, step, _changed(data[step], rest, change))
    if isinstance(change, Remove):
        copy = data.copy()
        del copy[step]
        return copy
    if not isinstance(data, dict) or change.name in data:
        raise Impossible
    return {change.name if key == step else key: value for key, value in data.items()}


def _put(data: Any, step: str | int, rest: Path, change: Put | Append) -> Any:
    if isinstance(step, str):
        data = {} if data is None else data
        if not isinstance(data, dict):
            raise Impossible
        return _with(data, step, _changed(data.get(step), rest, change))
    if not _has(data, step):
        raise Impossible
    return _with(data, step, _changed(data[step], rest, change))


def _final(data: Any, change: Change) -> Any:
    if isinstance(change, Put):
        return change.value
    if isinstance(change, Append) and (data is None or isinstance(data, list)):
        return [*(data or []), change.value]
    raise Impossible
