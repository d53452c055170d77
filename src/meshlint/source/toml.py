"""Reads TOML: tomllib says what it means, the nodes built here say where it stands."""

import re
import tomllib
from datetime import date, time
from typing import Any

from .document import Document, SourceFile
from .location import Node, Tree

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_KEY = re.compile(r'"(?:\\.|[^"\\])*"|\'[^\']*\'|[A-Za-z0-9_-]+')
_SCALAR = re.compile(
    r'"""(?:\\.|[^\\])*?"""(?!")'
    r"|'''.*?'''(?!')"
    r'|"(?:\\.|[^"\\])*"'
    r"|'[^']*'"
    r"|[^,\]}#\r\n]*[^,\]}#\s]",
    re.DOTALL,
)
_PLACE = re.compile(r"(?P<what>.*) \(at line (?P<line>\d+), column (?P<column>\d+)\)")


class TomlError(Exception):
    """Text that is not TOML. Line and column are 1-based."""

    def __init__(self, line: int, column: int, message: str) -> None:
        super().__init__(f"line {line}, column {column}: {message}")
        self.line = line
        self.column = column
        self.message = message


def load(file: SourceFile) -> Document:
    """A file as one document; dates and times are text, as in YAML. Raises TomlError."""
    try:
        data = tomllib.loads(file.text)
    except tomllib.TOMLDecodeError as error:
        place = _PLACE.fullmatch(str(error))
        line, column = (int(place["line"]), int(place["column"])) if place else (file.text.count("\n") + 1, 1)
        raise TomlError(line, column, f"not TOML: {place['what'] if place else error}") from None
    except RecursionError:
        raise TomlError(1, 1, "nested too deep to be read") from None
    document = Document(file, 0, len(file.text), 1, _plain(data))
    document.trees.append(Tree(document, _Reader(file.text).root()))
    return document


def _plain(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _plain(value) for key, value in data.items()}
    if isinstance(data, list):
        return [_plain(value) for value in data]
    return data.isoformat() if isinstance(data, date | time) else data


class _Reader:
    """Builds the nodes of a text that is TOML for certain."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def root(self) -> Node:
        root = table = Node(0, 0, "mapping")
        while opening := self._next():
            if opening == "[":
                table = self._header(root)
            else:
                self._pair(table)
        _close(root)
        return root

    def _next(self) -> str:
        """The character behind spaces, line ends and comments; "" at the end."""
        match = _BLANK.match(self._text, self._at)
        self._at = match.end() if match else self._at
        return self._text[self._at : self._at + 1]

    def _header(self, root: Node) -> Node:
        """The table that `[a.b]` or `[[a.b]]` begins."""
        start, is_item = self._at, self._text.startswith("[[", self._at)
        self._at += 1 + is_item
        *outer, last = self._keys()
        self._next()
        self._at += 1 + is_item
        table = root
        for key in outer:
            table = _into(table, key)
        if not is_item:
            return _into(table, last)
        item = Node(start, self._at, "mapping")
        _entry(table, last, "sequence").items.append(item)
        return item

    def _pair(self, table: Node) -> None:
        *outer, last = self._keys()
        for key in outer:
            table = _into(table, key)
        self._at += 1  # =
        table.entries.append((last.text, last, self._value()))

    def _keys(self) -> list[Node]:
        keys = [self._key()]
        while self._next() == ".":
            self._at += 1
            keys.append(self._key())
        return keys

    def _key(self) -> Node:
        node = self._token(_KEY)
        text = self._text[node.start : node.end]
        node.text = tomllib.loads(f"key = {text}")["key"] if text[0] in "\"'" else text
        return node

    def _value(self) -> Node:
        opening = self._next()
        if opening not in ("[", "{"):
            return self._token(_SCALAR)
        node = Node(self._at, self._at, "sequence" if opening == "[" else "mapping", style="flow")
        self._at += 1
        while self._next() not in ("]", "}"):
            if opening == "[":
                node.items.append(self._value())
            else:
                self._pair(node)
            if self._next() == ",":
                self._at += 1
        self._at += 1
        node.end = self._at
        return node

    def _token(self, pattern: re.Pattern[str]) -> Node:
        self._next()
        match = pattern.match(self._text, self._at)
        start, self._at = self._at, match.end() if match else self._at
        return Node(start, self._at, "scalar")


def _into(table: Node, key: Node) -> Node:
    """The table of a key, of a list of tables the last one."""
    found = _entry(table, key, "mapping")
    return found.items[-1] if found.kind == "sequence" else found


def _entry(table: Node, key: Node, kind: str) -> Node:
    for name, _, value in table.entries:
        if name == key.text:
            return value
    value = Node(key.start, key.end, kind)
    table.entries.append((key.text, key, value))
    return value


def _close(node: Node) -> None:
    """Lets every table end where the last thing in it does."""
    for inner in (*node.items, *(value for _, _, value in node.entries)):
        _close(inner)
        node.end = max(node.end, inner.end)
