"""What the expression of a metric label or span tag reads (CEL over Envoy's attributes, semantics §9)."""

import re
from collections.abc import Iterator
from typing import NamedTuple

_HEADER = re.compile(r"request\.headers(?:\[\s*(?P<quote>['\"])(?P<name>.+?)(?P=quote)\s*\]|\.(?P<field>\w+))")
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_ATTRIBUTE = re.compile(r"request\.(path|url_path|query|id|useragent|referer)\b")
_SAID = {
    "path": "the request path",
    "url_path": "the request path",
    "query": "the query string",
    "id": "the request id",
}
_HEADERS = {"useragent": "user-agent", "referer": "referer"}
_FEW_VALUES = {":method", ":scheme", ":protocol"}
_BOOLEAN = re.compile(r"[=!<>]=|&&|\|\||[<>]|\bin\b|^!|^has\(|\.(?:startsWith|endsWith|contains|matches|exists|all)\($")
_OPENING, _CLOSING = "([{", ")]}"


class Read(NamedTuple):
    """Something a caller chooses freely, and that ends up in a value. `header` is None for what is no header."""

    header: str | None
    text: str


def reads(expression: str) -> list[Read]:
    """What of the request may become the value of an expression, each once.

    What only decides between values that the expression itself names (`x == 'a' ? 'a' : 'other'`) is not among them.
    """
    found = (read for result in _results(expression) if not _is_boolean(result) for read in _attributes(result))
    return list(dict.fromkeys(found))


def _attributes(text: str) -> Iterator[Read]:
    outside = _QUOTED.sub(lambda quoted: " " * len(quoted[0]), text)
    for match in _HEADER.finditer(text):
        if outside[match.start()] == " ":
            continue
        name = (match["name"] or match["field"]).lower()
        if name == ":path":
            yield Read(None, _SAID["path"])
        elif name not in _FEW_VALUES:
            yield Read(name, name)
    for match in _ATTRIBUTE.finditer(outside):
        header = _HEADERS.get(match[1])
        yield Read(header, header or _SAID[match[1]])


def _results(expression: str) -> Iterator[str]:
    """The parts of an expression that may be its value: both branches of a conditional, of each of these, and so on."""
    text = _bare(expression)
    outer = _outer(text)
    question = outer.find("?")
    if question < 0:
        yield text
        return
    depth = 0
    for position in range(question, len(outer)):
        depth += {"?": 1, ":": -1}.get(outer[position], 0)
        if depth == 0:
            yield from _results(text[question + 1 : position])
            yield from _results(text[position + 1 :])
            return


def _is_boolean(text: str) -> bool:
    return bool(_BOOLEAN.search(_outer(text).rstrip(" )")))


def _bare(text: str) -> str:
    """An expression without parentheses, or a conversion to text, around all of it."""
    text = text.strip()
    inside = text.removeprefix("string") if text.startswith("string(") else text
    if inside.startswith("(") and _outer(inside).rstrip() == "(" + " " * (len(inside) - 2) + ")":
        return _bare(inside[1:-1])
    return text


def _outer(text: str) -> str:
    """An expression, as long as before, with blanks for what is in quotes and within brackets."""
    found: list[str] = []
    depth, quote = 0, ""
    for character in text:
        if quote:
            quote = "" if character == quote else quote
            found.append(" ")
            continue
        depth -= character in _CLOSING
        found.append(character if depth == 0 and character not in "'\"" else " ")
        depth += character in _OPENING
        quote = character if character in "'\"" else ""
    return "".join(found)
