"""Reads YAML and JSON as Kubernetes reads it, over libyaml's events.

Every `---` document is read alone, so that one that is broken does not take the others with it. Only the data is built
here; `location` finds out later where a part of it stands.
"""

import os.path
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import yaml as pyyaml

from .document import Document, Failure, Placeholder, SourceFile
from .files import ancestors
from .scalars import key_of, resolve

SURROGATES = re.compile(r"\\u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})", re.IGNORECASE)
"""How JSON escapes a character beyond U+FFFF, which libyaml refuses."""

MAX_DEPTH = 200
MAX_NODES = 2_000_000
"""Nodes of one document after aliases are expanded; real documents have some thousands."""

_SEPARATOR = re.compile(r"^(?:---(?=[ \t\r\n]|\Z)|\.\.\.(?:[ \t\r][^\n]*)?(?:\n|\Z))", re.MULTILINE)
_DIRECTIVES = re.compile(r"(?:^%[^\n]*\n)+\Z", re.MULTILINE)
_PLACEHOLDER = re.compile(r"\$\{[^{}\s]+\}|\$\([A-Za-z0-9_.:-]+\)")
_TEMPLATE = re.compile(r"^\s*\{\{|^[^#'\"\n]*?[:\-]\s+\{\{|\{\{-|-\}\}", re.MULTILINE)
_ADVICE = {
    "cannot start any token": "indent with spaces, not tabs, and quote text that starts with @, ` or %",
    "mapping values are not allowed": "quote text that holds `: `, or correct the indentation",
    "could not find expected ':'": "give the key its colon, or indent the lines of a longer text",
    "did not find expected key": "correct the indentation, or close the quote before it",
    "did not find expected '-'": "indent the items of a list alike",
    "did not find expected ','": "add the comma, or close the bracket before it",
    "unexpected end of stream": "close the quote",
    "unexpected document indicator": "close the quote",
    "unknown escape character": "double the backslash, or use single quotes",
    "undefined tag handle": "quote text that starts with !",
    "cannot be a key": "quote it if it is text",
    "is no number": "quote it if it is text",
    "<document start>": "put `---` between two documents",
    "this is not read": "split it",
}
_HINT = "correct the YAML there"


class LibyamlMissing(Exception):
    """PyYAML was installed without libyaml, and its own parser reads another language than Kubernetes does."""

    def __init__(self) -> None:
        super().__init__("PyYAML has no libyaml here: install a PyYAML wheel (pip install --only-binary :all: pyyaml)")


class YamlError(Exception):
    """Text that is not YAML, or not YAML that Kubernetes takes. Line and column are 1-based, in the text."""

    def __init__(self, line: int, column: int, message: str) -> None:
        super().__init__(f"line {line}, column {column}: {message}")
        self.line = line
        self.column = column
        self.message = message

    @property
    def advice(self) -> str:
        """What to do about it."""
        return next((advice for part, advice in _ADVICE.items() if part in self.message), _HINT)


class _Limit(YamlError):
    """A document beyond the caps."""


_TOO_DEEP = f"nested deeper than {MAX_DEPTH} levels; this is not read"


class Loaded(NamedTuple):
    """What a file holds. `helm`: it is a template of a chart, which is YAML only once it is rendered."""

    documents: tuple[Document, ...]
    failures: tuple[Failure, ...]
    helm: bool = False


def load(file: SourceFile) -> Loaded:
    """The documents of a file; empty ones are left out. A document that cannot be read is a Failure.

    JSON that does not say `apiVersion` (package.json and the like) is not looked at.
    """
    if file.name.endswith(".json") and '"apiVersion"' not in file.text:
        return Loaded((), ())
    if _is_chart_template(file):
        return Loaded((), (), True)
    documents: list[Document] = []
    failures: list[Failure] = []
    for start, end, line in _pieces(file.text):
        try:
            documents += _documents(file, start, end, line)
        except YamlError as error:
            if _is_template(file.text[start:end], error.line - line + 1):
                return Loaded((), (), True)
            failures.append(_failure(file, error))
    return Loaded(tuple(documents), tuple(failures))


def load_whole(file: SourceFile) -> Iterator[Document]:
    """The documents of a file that is read as a whole or not at all. Raises YamlError, with the place in the file."""
    for start, end, line in _pieces(file.text):
        yield from _documents(file, start, end, line)


def parse(text: str) -> Any:
    """The data of YAML that a string holds; its first document. Raises YamlError."""
    return next((data for data, _ in _read(text)), None)


def parse_all(text: str) -> list[Any]:
    """The data of every document of a text, empty ones included. Raises YamlError."""
    return [data for data, _ in _read(text)]


def parser(text: str) -> Any:
    """libyaml's event parser for a text. Raises LibyamlMissing."""
    if not pyyaml.__with_libyaml__:
        raise LibyamlMissing
    from yaml.cyaml import CParser  # type: ignore[attr-defined]

    return CParser(text)


def _failure(file: SourceFile, error: YamlError) -> Failure:
    kind = "limit" if isinstance(error, _Limit) else "yaml"
    message = f"{error.message} (column {error.column}); {error.advice}; the rest of the file was checked"
    return Failure(kind, file.name, error.line, message)


def _is_template(text: str, line: int) -> bool:
    """Whether a document is broken on a line because of template actions there or before."""
    lines = text.splitlines(keepends=True)[:line]
    if "{{" not in text or "}}" not in text or not lines:
        return False
    return "{{" in lines[-1] or _TEMPLATE.search("".join(lines)) is not None


def _is_chart_template(file: SourceFile) -> bool:
    """Whether a file with template actions lies in `templates/` of a Helm chart: it is one however well it parses."""
    if file.path is None or "{{" not in file.text:
        return False
    templates = (d for d in ancestors(os.path.abspath(file.path)) if os.path.basename(d) == "templates")
    return any(os.path.isfile(os.path.join(os.path.dirname(d), "Chart.yaml")) for d in templates)


def _pieces(text: str) -> Iterator[tuple[int, int, int]]:
    """Offsets of the documents, from one `---` to the next or to the end of a line `...`, and the lines they begin on.

    Both end a document wherever they stand at the start of a line; directives go with the document they stand before.
    """
    starts = [0]
    for match in _SEPARATOR.finditer(text):
        cut = match.start() if match[0].startswith("-") else match.end()
        directives = _DIRECTIVES.search(text, starts[-1], cut)
        starts.append(directives.start() if directives else cut)
    line = 1
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        if end > start:
            yield start, end, line
        line += text.count("\n", start, end)


def _documents(file: SourceFile, start: int, end: int, line: int) -> Iterator[Document]:
    """The document of a piece, read to the end of the piece, so that nothing behind it is lost quietly. Raises YamlError."""
    from . import location

    try:
        found = list(_read(file.text[start:end]))
    except YamlError as error:
        raise type(error)(line + error.line - 1, error.column, error.message) from None
    for data, has_duplicates in found:
        if data is not None:
            document = Document(file, start, end, line, data)
            if has_duplicates:
                document.duplicates = location.duplicates(document)
            yield document


def _read(text: str) -> Iterator[tuple[Any, bool]]:
    """The documents of a text: data, and whether some mapping has a key twice."""
    events = parser(SURROGATES.sub(_character, text) if text.lstrip().startswith("{") else text)
    try:
        while True:
            event: Any = events.get_event()
            kind = type(event)
            if kind is pyyaml.StreamEndEvent:
                return
            if kind is pyyaml.DocumentStartEvent:
                builder = _Builder(events)
                yield builder.build(), builder.duplicates
    except pyyaml.reader.ReaderError as error:
        line, column = _position(text.encode()[: error.position].decode(errors="ignore"))
        raise YamlError(line, column, f"the control character {error.character:#04x} is not allowed in YAML") from None
    except pyyaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        if "nesting depth" in (error.problem or ""):
            raise _Limit(line, column, _TOO_DEEP) from None
        raise YamlError(line, column, f"not YAML: {error.problem or error.context}") from None


def _character(pair: re.Match[str]) -> str:
    """The escape in YAML for a surrogate pair."""
    return f"\\U{0x10000 + (int(pair[1], 16) - 0xD800) * 0x400 + int(pair[2], 16) - 0xDC00:08x}"


def _position(before: str) -> tuple[int, int]:
    """Line and column of what follows a text."""
    return before.count("\n") + 1, len(before) - before.rfind("\n")


_UNSET = object()


class _Frame:
    """A collection that is being read. `key` waits for its value; `merged` are the keys that `<<` brought."""

    __slots__ = ("anchor", "count", "key", "merged", "value")

    def __init__(self, value: Any, anchor: str | None, count: int) -> None:
        self.value = value
        self.key: Any = _UNSET
        self.merged: set[str] = set()
        self.anchor = anchor
        self.count = count


_MERGE = object()


class _Builder:
    """Builds the data of one document from its events, without recursion."""

    def __init__(self, events: Any) -> None:
        self._events = events
        self._anchors: dict[str, Any] = {}
        self._sizes: dict[str, int] = {}
        self._nodes = 0
        self.duplicates = False

    def build(self) -> Any:
        """Up to the end of the document."""
        stack: list[_Frame] = []
        root: Any = None
        get_event = self._events.get_event
        while True:
            event = get_event()
            kind = type(event)
            self._nodes += 1
            if kind is pyyaml.ScalarEvent:
                value = self._scalar(event, stack)
            elif kind is pyyaml.MappingStartEvent or kind is pyyaml.SequenceStartEvent:
                self._open(event, stack)
                continue
            elif kind is pyyaml.MappingEndEvent or kind is pyyaml.SequenceEndEvent:
                frame = stack.pop()
                value = frame.value
                if frame.anchor:
                    self._anchors[frame.anchor] = value
                    self._sizes[frame.anchor] = self._nodes - frame.count
            elif kind is pyyaml.AliasEvent:
                value = self._alias(event)
            else:
                return root
            if self._nodes > MAX_NODES:
                raise _at(event, f"more than {MAX_NODES} values once aliases are expanded; this is not read", _Limit)
            if stack:
                self._put(stack[-1], value, event)
            else:
                root = value

    def _open(self, event: Any, stack: list[_Frame]) -> None:
        if len(stack) >= MAX_DEPTH:
            raise _at(event, _TOO_DEEP, _Limit)
        if stack and isinstance(stack[-1].value, dict) and stack[-1].key is _UNSET:
            raise _at(event, "a mapping or list cannot be a key in Kubernetes")
        value: Any = {} if isinstance(event, pyyaml.MappingStartEvent) else []
        stack.append(_Frame(value, event.anchor, self._nodes))
        if event.anchor:
            self._anchors[event.anchor] = _UNSET

    def _scalar(self, event: Any, stack: list[_Frame]) -> Any:
        text = event.value
        is_key = bool(stack) and isinstance(stack[-1].value, dict) and stack[-1].key is _UNSET
        if event.implicit[0]:
            value = _MERGE if is_key and text == "<<" else _resolved(text)
        elif event.tag and event.tag.startswith("tag:yaml.org,2002:"):
            value = _tagged(event)
        else:
            value = text
        if type(value) is float and (value != value or value in (float("inf"), -float("inf"))) and not is_key:
            raise _at(event, f"{text} is no number that Kubernetes takes")
        if not is_key and type(value) is str and "$" in value and _PLACEHOLDER.search(value) and _is_on_one_line(event):
            value = Placeholder(value)
        if event.anchor:
            self._anchors[event.anchor] = value
            self._sizes[event.anchor] = 1
        return value

    def _alias(self, event: Any) -> Any:
        if event.anchor not in self._anchors:
            raise _at(event, f"there is no anchor &{event.anchor} before *{event.anchor}")
        value = self._anchors[event.anchor]
        if value is _UNSET:
            raise _at(event, f"the anchor &{event.anchor} contains itself")
        self._nodes += self._sizes[event.anchor]
        return value

    def _put(self, frame: _Frame, value: Any, event: Any) -> None:
        if isinstance(frame.value, list):
            frame.value.append(value)
        elif frame.key is _UNSET:
            key = value if value is _MERGE else key_of(value)
            if key is None:
                raise _at(event, "null cannot be a key in Kubernetes")
            frame.key = key
        else:
            key, frame.key = frame.key, _UNSET
            if key is _MERGE:
                self._merge(frame, value, event)
                return
            if key in frame.value and key not in frame.merged:
                self.duplicates = True
            frame.value[key] = value

    def _merge(self, frame: _Frame, value: Any, event: Any) -> None:
        """`<<` sets the keys of a mapping, or of several, the first of which goes before the others."""
        sources = value if isinstance(value, list) and not isinstance(event, pyyaml.AliasEvent) else [value]
        for source in reversed(sources):
            if not isinstance(source, dict):
                raise _at(event, "<< takes a mapping or a list of mappings")
            frame.value.update(source)
            frame.merged.update(source)


def _is_on_one_line(event: Any) -> bool:
    return bool(event.start_mark.line == event.end_mark.line)


_resolutions: dict[str, Any] = {}


def _resolved(text: str) -> Any:
    """`resolve` with a memory: the plain scalars of manifests repeat."""
    try:
        return _resolutions[text]
    except KeyError:
        value = resolve(text)
        if len(_resolutions) < 50_000:
            _resolutions[text] = value
        return value


_TAGGED: dict[str, tuple[type, ...]] = {
    "bool": (bool,),
    "int": (int,),
    "float": (int, float),
    "null": (type(None),),
}


def _tagged(event: Any) -> Any:
    """The value of a scalar with one of YAML's tags; those that say nothing about plain data leave it text."""
    name = event.tag.removeprefix("tag:yaml.org,2002:")
    if name == "binary":
        return _decoded(event)
    if name not in _TAGGED:
        return event.value
    value = resolve(event.value)
    if type(value) not in _TAGGED[name]:
        raise _at(event, f"{event.value!r} is tagged !!{name} and is none")
    return value


def _decoded(event: Any) -> str:
    import base64
    import binascii

    try:
        return base64.b64decode("".join(event.value.split()), validate=True).decode("utf-8", "replace")
    except binascii.Error:
        raise _at(event, "!!binary is not base64") from None


def _at(event: Any, message: str, error: type[YamlError] = YamlError) -> YamlError:
    mark = event.start_mark
    return error(mark.line + 1, mark.column + 1, message)
