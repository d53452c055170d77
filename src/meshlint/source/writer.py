"""Where a change of a document is written, and how: block or flow, quotes, indentation and line ends as they are found."""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

from .change import Append, Change, Put, Rename
from .document import Path
from .location import Node, Step, Tree
from .scalars import key_of, resolve

Piece = tuple[int, int, str]
"""An edit of a document's text: offsets in it, and the new text."""

INDENT = 2
"""Columns that what is in a mapping is indented by, where the document shows none."""

_PLAIN = re.compile(r"[A-Za-z0-9_./][A-Za-z0-9_./*+=@~-]*")
_PLAIN_IN_BLOCK = re.compile(r"[A-Za-z0-9_./][A-Za-z0-9_./*+=@~,-]*(?: [A-Za-z0-9_./*+=@~,-]+)*")
_LIKE_NUMBER = re.compile(r"[-+.0-9][-+.0-9eExXoO_]*")
_COMMENT = re.compile(r"[ \t]*#[^\r\n]*")


class Impossible(Exception):
    """No edit does it, or none that is known to be right."""


def pieces(tree: Tree, path: Path, change: Change) -> Iterator[Piece]:
    """The edits for a change at a path of a document. Raises Impossible."""
    way = tree.way(path)
    missing = path[len(way) - 1 :]
    writer = _Writer(tree, way)
    if isinstance(change, Put | Append) and missing:
        value = [change.value] if isinstance(change, Append) else change.value
        for name in reversed(missing[1:]):
            value = {name: value}
        return writer.entered(missing[0], value, isinstance(change, Put) and change.first)
    if missing:
        raise Impossible
    if isinstance(change, Put):
        return writer.put(change.value)
    if isinstance(change, Append):
        return writer.appended(change.value)
    return writer.renamed(change.name) if isinstance(change, Rename) else writer.removed()


class _Writer:
    """Writes edits of what a way leads to."""

    def __init__(self, tree: Tree, way: Sequence[Step]) -> None:
        self._tree = tree
        self._text = tree.text
        self._way = way
        self._step = way[-1]
        self._newline = tree.newline
        self._json = any(_has_json_keys(node) for step in way for node in (step.holder, step.node.real) if node)

    def put(self, value: Any) -> Iterator[Piece]:
        node, holder = self._step.node, self._step.holder
        if node.style != "block":
            start = self._tree.content(node)
            new = self._flow(value, holder is not None and holder.style == "flow", node)
            yield start, max(start, self._tree.end(node)), self._apart(start, new)
        elif isinstance(value, dict | list) and value:
            parts = self._tree.parts(node)
            start, column = parts[0][0], self._tree.column(parts[0][0])
            margin = ""
            if self._step.key and node.kind == "sequence" and isinstance(value, dict):
                start, column = self._tree.line_start(start), self._column_below(self._step.key, value)
                margin = " " * column
            yield start, parts[-1][1], margin + self._lines(value, column)
        else:
            yield from self._inlined(self._step, node, self._flow(value, False))

    def renamed(self, name: str) -> Iterator[Piece]:
        key, holder = self._step.key, self._step.holder
        if key is None or holder is None:
            raise Impossible
        yield self._tree.content(key), key.end, self._key(name, key)

    def entered(self, name: str | int, value: Any, first: bool) -> Iterator[Piece]:
        """A new entry of a mapping."""
        holder = self._tree.collection(self._step.node)
        if isinstance(name, int) or (holder and holder.kind != "mapping"):
            raise Impossible
        entry = f"{self._key(name)}: {self._flow(value)}"
        return self._inserted(holder, {name: value}, entry, first)

    def appended(self, value: Any) -> Iterator[Piece]:
        """A new item of a sequence."""
        holder = self._tree.collection(self._step.node)
        if holder and holder.kind != "sequence":
            raise Impossible
        return self._inserted(holder, [value], self._flow(value), False)

    def removed(self) -> Iterator[Piece]:
        holder = self._step.holder
        if holder is None:
            raise Impossible
        values = holder.items or [value for _, _, value in holder.entries]
        index = next(i for i, value in enumerate(values) if value is self._step.node)
        parts = self._tree.parts(holder)
        if len(parts) == 1 and holder.style == "flow":
            yield self._emptied(holder, parts[0])
        elif len(parts) == 1:
            yield from self._inlined(self._way[-2], holder, "[]" if holder.items else "{}")
        elif holder.style == "flow":
            yield self._out_of_flow(parts, index)
        else:
            yield self._out_of_block(parts, index)

    # ---- additions ---------------------------------------------------------------------------------------------------

    def _inserted(self, holder: Node | None, added: Any, entry: str, first: bool) -> Iterator[Piece]:
        """One part more: `added` is a collection that has it alone, `entry` it as flow style writes it."""
        if holder is None:
            yield self._filled(added)
        elif holder.style == "flow":
            yield from self._into_flow(holder, entry, first)
        else:
            parts = self._tree.parts(holder)
            column = self._tree.column(parts[0][0])
            margin = self._newline + " " * column
            if first:
                yield parts[0][0], parts[0][0], self._lines(added, column) + margin
            else:
                end = self._tree.line_end(parts[-1][1])
                yield end, end, margin + self._lines(added, column)

    def _filled(self, value: Any) -> Piece:
        """A collection where there is null."""
        node, key, holder = self._step
        if node.kind != "scalar" or node.style or resolve(node.text) is not None:
            raise Impossible
        start = self._tree.content(node)
        if start < node.end or key is None or holder is None or holder.style == "flow":
            return start, node.end, self._apart(start, self._flow(value))
        end = self._tree.line_end(start)
        column = self._column_below(key, value)
        return end, end, f"{self._newline}{' ' * column}{self._lines(value, column)}"

    def _into_flow(self, holder: Node, entry: str, first: bool) -> Iterator[Piece]:
        opening = self._tree.content(holder)
        if self._text[opening : opening + 1] not in ("{", "["):
            raise Impossible
        parts = self._tree.parts(holder)
        if not parts:
            yield opening + 1, opening + 1, entry
            return
        previous = parts[-2][1] if len(parts) > 1 and not first else opening + 1
        start, end = parts[0 if first else -1]
        gap = self._text[previous:start]
        margin = self._newline + gap.rpartition("\n")[2] if "\n" in gap else " "
        line_end = self._tree.line_end(end)
        if first:
            yield start, start, f"{entry},{margin}"
        elif margin == " " or holder.end <= line_end:
            yield end, end, f",{margin}{entry}"
        elif self._text[end:line_end].lstrip().startswith(","):
            yield line_end, line_end, f"{margin}{entry},"
        else:
            yield end, end, ","
            yield line_end, line_end, f"{margin}{entry}"

    # ---- removals ----------------------------------------------------------------------------------------------------

    def _out_of_block(self, parts: Sequence[tuple[int, int]], index: int) -> Piece:
        start, end = parts[index]
        before = self._text[self._tree.line_start(start) : start]
        if not before.strip():
            return self._whole_lines(start, end)
        if before.strip(" -") or index + 1 == len(parts):
            raise Impossible
        following = parts[index + 1][0]
        if not self._text[self._tree.line_end(end) : following].strip():
            return start, following, ""
        return self._tree.line_start(start) + len(before.rstrip()), self._tree.line_end(end), ""

    def _out_of_flow(self, parts: Sequence[tuple[int, int]], index: int) -> Piece:
        start, end = parts[index]
        if index + 1 < len(parts):
            following = parts[index + 1][0]
            kept = self._text[end:following].partition("\n")[2]
            end = following
        else:
            kept = self._text[parts[index - 1][1] : start]
            start = parts[index - 1][1]
            comment = _COMMENT.match(self._text, end)
            end = comment.end() if comment and "\n" in kept else end
        if "#" in kept:
            raise Impossible
        return start, end, ""

    def _emptied(self, holder: Node, part: tuple[int, int]) -> Piece:
        start, end = self._tree.content(holder) + 1, holder.end - 1
        if self._text[start - 1] not in "{[" or "#" in self._text[start : part[0]] + self._text[part[1] : end]:
            raise Impossible
        return start, end, ""

    def _inlined(self, step: Step, holder: Node, new: str) -> Iterator[Piece]:
        """A text in place of a block collection: behind its key, where it has one of its own."""
        parts = self._tree.parts(holder)
        start, end = parts[0][0], parts[-1][1]
        if step.node is not holder or step.key is None:
            yield start, end, new
            return
        behind = self._tree.behind_properties(holder)
        if behind == holder.start:
            behind = self._text.index(":", step.key.end) + 1
        yield behind, behind, f" {new}"
        yield self._whole_lines(start, end)

    def _whole_lines(self, start: int, end: int) -> Piece:
        """The lines that a stretch is on, with the line break behind or, at the end of the text, before them."""
        first, last = self._tree.line_start(start), self._tree.line_end(end)
        if last < len(self._text):
            return first, self._text.index("\n", last) + 1, ""
        if first == 0:
            raise Impossible
        return len(self._text[: first - 1].removesuffix("\r")), last, ""

    # ---- values ------------------------------------------------------------------------------------------------------

    def _apart(self, offset: int, new: str) -> str:
        """New text with a space before it, if need be."""
        return new if offset == 0 or self._text[offset - 1] in " \t\n[{" else f" {new}"

    def _key(self, name: str, like: Node | None = None) -> str:
        plain = not self._json and _PLAIN.fullmatch(name) and key_of(resolve(name)) == name
        return name if plain and not (like and like.style) else _quoted(name, like)

    def _flow(self, value: Any, in_flow: bool = True, like: Node | None = None) -> str:
        if isinstance(value, dict):
            return f"{{{', '.join(f'{self._key(name)}: {self._flow(part)}' for name, part in value.items())}}}"
        if isinstance(value, list):
            return f"[{', '.join(map(self._flow, value))}]"
        if not isinstance(value, str):
            return _other(value)
        plain = not self._json and _is_plain(value, in_flow)
        return value if plain and not (like and like.style in ("'", '"')) else _quoted(value, like)

    def _lines(self, value: Any, column: int) -> str:
        """A collection in block style, its first line at a column."""
        return f"{self._newline}{' ' * column}".join(self._block(value))

    def _block(self, value: Any) -> Iterator[str]:
        entries = (
            [("-", item) for item in value]
            if isinstance(value, list)
            else [(f"{self._key(k)}:", v) for k, v in value.items()]
        )
        mapping, sequence = self._indents
        for head, part in entries:
            if not isinstance(part, dict | list) or not part:
                yield f"{head} {self._flow(part, False)}"
            elif head == "-":
                first, *others = self._block(part)
                yield from (f"- {first}", *(f"  {line}" for line in others))
            else:
                margin = " " * (mapping if isinstance(part, dict) else sequence)
                yield from (head, *(margin + line for line in self._block(part)))

    def _column_below(self, key: Node, value: Any) -> int:
        """Where a collection in block style begins below its key."""
        mapping, sequence = self._indents
        return self._tree.column(key.start) + (mapping if isinstance(value, dict) else sequence)

    @cached_property
    def _indents(self) -> tuple[int, int]:
        """How far the document indents mappings and sequences in a mapping: as the first of each."""
        found: dict[str, int] = {}
        pending = deque([self._tree.root])
        while pending and len(found) < 2:
            node = pending.popleft()
            pending += [*node.items, *(value for _, _, value in node.entries)]
            for _, key, value in node.entries if node.style == "block" else ():
                if value.style == "block" and value.kind not in found:
                    found[value.kind] = self._tree.column(self._tree.content(value)) - self._tree.column(key.start)
        mapping = found.get("mapping", INDENT)
        return mapping, found.get("sequence", mapping)


def _has_json_keys(node: Node) -> bool:
    return node.style == "flow" and bool(node.entries) and node.entries[0][1].style == '"'


def _other(value: Any) -> str:
    """A scalar that is no text. What is not known (a placeholder) cannot be written either."""
    if value is None or isinstance(value, bool | int | float):
        return json.dumps(value)
    raise Impossible


def _is_plain(text: str, in_flow: bool) -> bool:
    pattern = _PLAIN if in_flow else _PLAIN_IN_BLOCK
    return pattern.fullmatch(text) is not None and resolve(text) == text and not _LIKE_NUMBER.fullmatch(text)


def _quoted(text: str, like: Node | None) -> str:
    if like and like.style == "'" and text.isprintable():
        return "'" + text.replace("'", "''") + "'"
    return json.dumps(text, ensure_ascii=False)
