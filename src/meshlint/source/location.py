"""Finds where a part of a document stands in its file. The only module that knows positions.

The document is read again, this time with libyaml's marks, when the first place in it is asked for.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import yaml as pyyaml

from .document import Document, DuplicateKey, Path, Place, SourceFile, Span
from .scalars import key_of, resolve
from .yaml import SURROGATES, YamlError, parse, parse_all, parser

_PROPERTIES = re.compile(r"(?:[&!]\S*[ \t]*)*")
_ENDS = (pyyaml.MappingEndEvent, pyyaml.SequenceEndEvent)
_REST = re.compile(r"[^\n]*\n?(?:[ \t\r]*\n)*")
_BLANK = re.compile(r"(?:[ \t]*(?:#[^\n]*)?\r?\n)*[ \t]*")


class Node:
    """A value with offsets in the file. `entries` of a mapping: key text, key node, value node, in order; `<<` is None.

    `style` is the quote or block sign of a scalar, "flow" or "block" of a collection.
    """

    __slots__ = ("end", "entries", "items", "kind", "start", "style", "target", "text")

    def __init__(
        self, start: int, end: int, kind: str, text: str = "", style: str = "", target: Node | None = None
    ) -> None:
        self.start = start
        self.end = end
        self.kind = kind  # scalar, mapping, sequence, alias
        self.text = text
        self.style = style
        self.items: list[Node] = []
        self.entries: list[tuple[str | None, Node, Node]] = []
        self.target = target

    @property
    def real(self) -> Node:
        """The node itself, or the one an alias stands for."""
        return self.target if self.target else self


class Step(NamedTuple):
    """A part on the way to another: its value, its key, and the collection it is in, which an alias may have led to."""

    node: Node
    key: Node | None = None
    holder: Node | None = None


def place(document: Document, path: Path) -> Place:
    """The place of a part of a document, of its nearest parent where there is no such part."""
    tree = tree_of(document)
    known = tree.places.get((document.root, path))
    if known is None:
        known = tree.places[document.root, path] = _place(tree, document, path)
    return known


def _place(tree: Tree, document: Document, path: Path) -> Place:
    wanted = document.root + path
    way = tree.way(wanted)
    depth = len(way) - 1
    node, key, _ = way[-1]
    found = wanted[len(document.root) : max(depth, len(document.root))]
    if depth <= len(document.root):
        key = None
    at_key = tree.span(key.start, key.end) if key else None
    shown = at_key if at_key and depth < len(wanted) else tree.shown(key, node)
    target = tree.span(node.target.start, node.target.end) if node.target else None
    return Place(found, at_key, tree.span(node.start, node.end), shown, target)


def duplicates(document: Document) -> tuple[DuplicateKey, ...]:
    """The keys that a mapping of a document has twice."""
    tree = tree_of(document)
    return tuple(_duplicates(tree, tree.root, ()))


def region(file: SourceFile, start: int, end: int) -> Span:
    """The stretch of a file between two offsets."""
    lines = _line_starts(file.text)
    line, end_line = bisect_right(lines, start), bisect_right(lines, end)
    return Span(line, start - lines[line - 1] + 1, end_line, end - lines[end_line - 1] + 1)


def scalars_of(document: Document) -> Iterator[tuple[int, int]]:
    """Offsets in the file of every scalar and key: where a `#` begins no comment."""
    tree = tree_of(document)
    pending = [tree.root]
    while pending:
        node = pending.pop()
        if node.kind == "scalar":
            yield document.start + node.start, document.start + node.end
        pending += node.items
        for _, key, value in node.entries:
            pending += [key, value]


def _duplicates(tree: Tree, node: Node, path: Path) -> Iterator[DuplicateKey]:
    first: dict[str, Node] = {}
    for name, key, value in node.entries:
        if name is None:
            continue
        if name in first:
            yield DuplicateKey(
                (*path, name), tree.span(first[name].start, first[name].end), tree.span(key.start, key.end)
            )
        first.setdefault(name, key)
        yield from _duplicates(tree, value, (*path, name))
    for index, item in enumerate(node.items):
        yield from _duplicates(tree, item, (*path, index))


class Tree:
    """The nodes of one document, those of its YAML where none are given, and the lines of its text."""

    def __init__(self, document: Document, root: Node | None = None) -> None:
        text = document.text
        self._first_line = document.line
        self.text = text
        self._lines = _line_starts(text)
        self.root = root or _Reader(text).root()
        self.inside: dict[int, Node | None] = {}
        self.places: dict[tuple[Path, Path], Place] = {}

    @cached_property
    def newline(self) -> str:
        return "\r\n" if "\r\n" in self.text else "\n"

    @cached_property
    def data(self) -> Any:
        """All of the document, whatever part of it is asked about."""
        return next(data for data in parse_all(self.text) if data is not None)

    def way(self, path: Path) -> list[Step]:
        """The root and what leads from it to a part of the document, as far as there is any of it."""
        steps = [Step(self.root)]
        for name in path:
            step = _step(self, steps[-1].node.real, name)
            if step is None:
                break
            steps.append(step)
        return steps

    def collection(self, node: Node) -> Node | None:
        """The mapping or sequence that a node is, stands for or, being a text, holds."""
        if node.real.kind != "scalar":
            return node.real
        inside = self.embedded(node.real)
        return inside if inside and inside.kind != "scalar" else None

    def content(self, node: Node) -> int:
        """Where a value begins, behind its anchor and tag."""
        behind = self.behind_properties(node)
        return behind if behind == node.start else min(self._behind_blank(behind), node.end)

    def behind_properties(self, node: Node) -> int:
        """Where the anchor and tag of a value end; its start where it has none."""
        match = _PROPERTIES.match(self.text, node.start, max(node.start, node.end))
        return node.start + len(match[0].rstrip()) if match else node.start

    def parts(self, node: Node) -> list[tuple[int, int]]:
        """The stretches of the entries of a mapping or the items of a sequence, dashes included."""
        if node.kind == "mapping":
            return [(key.start, max(key.end, self.end(value))) for _, key, value in node.entries]
        if node.style == "flow":
            return [(item.start, self.end(item)) for item in node.items]
        found: list[tuple[int, int]] = []
        position = self.content(node)
        for item in node.items:
            dash = self._behind_blank(position)
            found.append((dash, max(dash + 1, self.end(item))))
            position = found[-1][1]
        return found

    def end(self, node: Node) -> int:
        """Where a value ends, without what is blank behind it."""
        return self._trimmed(node.start, node.end)

    def extent(self, node: Node) -> int:
        """Where a collection ends with all that may count to it: its bracket, or the blank lines behind it."""
        if node.style == "flow":
            return node.end
        match = _REST.match(self.text, self.end(node))
        return match.end() if match else node.end

    def column(self, offset: int) -> int:
        """0-based."""
        return offset - self.line_start(offset)

    def line_start(self, offset: int) -> int:
        return self._lines[bisect_right(self._lines, offset) - 1]

    def line_end(self, offset: int) -> int:
        """The offset of the line break behind an offset, or of the end of the text."""
        newline = self.text.find("\n", offset)
        if newline < 0:
            return len(self.text)
        return newline - 1 if newline > offset and self.text[newline - 1] == "\r" else newline

    def _behind_blank(self, offset: int) -> int:
        """The offset of what follows spaces, comments and line breaks."""
        match = _BLANK.match(self.text, offset)
        return match.end() if match else offset

    def span(self, start: int, end: int) -> Span:
        line, column = self._position(start)
        end_line, end_column = self._position(self._trimmed(start, end))
        return Span(line, column, end_line, end_column)

    def shown(self, key: Node | None, node: Node) -> Span:
        """What is shown of a node, on one line."""
        if node.kind in ("scalar", "alias") and node.end > node.start and "\n" not in self.text[node.start : node.end]:
            return self.span(node.start, node.end)
        if key is not None:
            return self.span(key.start, key.end)
        if node.start == node.end:
            return self.span(node.start - 1, node.start)
        return self.span(node.start, self._first_line_end(node))

    def embedded(self, node: Node) -> Node | None:
        """The tree of YAML that a literal block scalar holds, its offsets those of this document."""
        if node.style != "|":
            return None
        if id(node) not in self.inside:
            self.inside[id(node)] = self._embedded(node)
        return self.inside[id(node)]

    def _embedded(self, node: Node) -> Node | None:
        header = self.text.index("\n", node.start) + 1
        lines = [f"{line}\n" for line in self.text[header : node.end].split("\n")]
        indent = _indent(lines, node.text.split("\n"))
        starts, position = [], header
        for line in lines:
            starts.append(position + min(indent, len(line.rstrip("\r\n"))))
            position += len(line)
        inner = _line_starts(node.text)
        try:
            parse(node.text)
        except YamlError:
            return None
        root = _Reader(node.text).root()
        _shift(root, inner, starts)
        return root

    def _first_line_end(self, node: Node) -> int:
        newline = self.text.find("\n", node.start)
        line_end = newline if newline >= 0 else len(self.text)
        if node.end <= line_end:
            return node.end
        return max((end for end in _ends(node) if end <= line_end), default=min(node.end, line_end))

    def _trimmed(self, start: int, end: int) -> int:
        """Where a value ends without the blank lines and spaces that libyaml counts to block collections."""
        return start + len(self.text[start:end].rstrip()) if end > start else end

    def _position(self, offset: int) -> tuple[int, int]:
        line = bisect_right(self._lines, offset) - 1
        return self._first_line + line, offset - self._lines[line] + 1


@lru_cache(maxsize=4)
def _line_starts(text: str) -> list[int]:
    """The offsets of the lines of a text; those of a long one are asked for again and again."""
    return [0, *(match.end() for match in re.finditer("\n", text))]


def _indent(raw: Sequence[str], value: Sequence[str]) -> int:
    """How far the lines of a block scalar are indented beyond those of its value."""
    pairs = zip(raw, value, strict=False)
    return next((len(line.rstrip("\r\n")) - len(own) for line, own in pairs if own.strip()), 0)


def _ends(node: Node) -> Iterator[int]:
    """Ends of everything that makes up a node."""
    yield node.end
    for _, key, value in node.entries:
        yield key.end
        yield from _ends(value)
    for item in node.items:
        yield from _ends(item)


def _shift(node: Node, inner: Sequence[int], starts: Sequence[int]) -> None:
    """Turns offsets in the text of a block scalar into offsets in the document around it."""

    def moved(offset: int) -> int:
        line = bisect_right(inner, offset) - 1
        if line >= len(starts):
            return starts[-1] if starts else 0
        return starts[line] + offset - inner[line]

    pending = [node]
    while pending:
        current = pending.pop()
        last = moved(current.end - 1) + 1 if current.end > current.start else moved(current.end)
        current.start, current.end = moved(current.start), last
        for _, key, value in current.entries:
            pending += [key, value]
        pending += current.items


def _step(tree: Tree, node: Node, name: str | int) -> Step | None:
    holder = tree.collection(node)
    if holder is None:
        return None
    if isinstance(name, int):
        return Step(holder.items[name], None, holder) if 0 <= name < len(holder.items) else None
    return _entry(holder, name)


def _entry(node: Node, name: str) -> Step | None:
    """The entry that counts: the last of a name, a merge being an entry for every key it brings."""
    for key, key_node, value in reversed(node.entries):
        if key == name:
            return Step(value, key_node, node)
        if key is None:
            merged = value.real
            for source in merged.items or [merged]:
                found = _entry(source.real, name)
                if found:
                    return found
    return None


def tree_of(document: Document) -> Tree:
    if not document.trees:
        document.trees.append(Tree(document))
    tree: Tree = document.trees[0]
    return tree


class _Reader:
    """Builds nodes from libyaml's events."""

    def __init__(self, text: str) -> None:
        self._events: Any = parser(SURROGATES.sub(r"\\ue000\\ue000", text))
        self._anchors: dict[str, Node] = {}

    def root(self) -> Node:
        """The first document that is not empty."""
        while True:
            event: Any = self._events.get_event()
            if type(event) is pyyaml.StreamEndEvent:
                return Node(0, 0, "scalar")
            if type(event) is pyyaml.DocumentStartEvent:
                node = self._node(self._events.get_event())
                if node.kind != "scalar" or node.text:
                    return node

    def _node(self, event: Any) -> Node:
        start, end, anchor = event.start_mark.index, event.end_mark.index, event.anchor
        if type(event) is pyyaml.AliasEvent:
            return Node(start, end, "alias", target=self._anchors[anchor])
        if type(event) is pyyaml.ScalarEvent:
            node = Node(start, end, "scalar", event.value, event.style or "")
            self._keep(event, node)
            return node
        is_mapping = type(event) is pyyaml.MappingStartEvent
        node = Node(start, end, "mapping" if is_mapping else "sequence", style="flow" if event.flow_style else "block")
        self._keep(event, node)
        self._fill(node, is_mapping, event.flow_style)
        return node

    def _fill(self, node: Node, is_mapping: bool, is_flow: bool) -> None:
        """Reads what is in a collection. One in block style ends where the last thing in it does."""
        while True:
            event: Any = self._events.get_event()
            end = event.end_mark.index
            if type(event) in _ENDS:
                node.end = end if is_flow else node.end
                return
            part = self._node(event)
            if is_mapping:
                key, part = part, self._node(self._events.get_event())
                node.entries.append((_name(key), key, part))
            else:
                node.items.append(part)
            node.end = part.end

    def _keep(self, event: Any, node: Node) -> None:
        if event.anchor:
            self._anchors[event.anchor] = node


def _name(key: Node) -> str | None:
    """What a key is called in the data; None for the merge key `<<`."""
    text = key.real.text
    if key.real.style:
        return text
    return None if text == "<<" else key_of(resolve(text))
