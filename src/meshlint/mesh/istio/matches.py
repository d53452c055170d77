"""What requests an HTTPMatchRequest takes (semantics §2.5).

Mirrors `core/route/route.go TranslateRouteMatch` and `IsCatchAllRoute`. No regular expression of a manifest is run: but for
those that plainly take every path, one may take any.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ...resource.resource import each, get
from ..subjects import Route

Match = Mapping[str, Any]

_EVERY_PATH = {".*", ".*?", "/.*", "/.*?", "/?.*", ".+", "/.+"}
"""Regular expressions that take every path, without their anchors and groups."""

_TEXTS = ("scheme", "method", "authority")
_MAPS = ("headers", "withoutHeaders", "queryParams")
_OF_THE_CALLER = ("port", "sourceNamespace")
_IN_WORDS = {
    "headers": "header",
    "withoutHeaders": "no header",
    "queryParams": "query parameter",
    "sourceLabels": "source label",
}


def takes_everything(match: Match) -> bool:
    """Whether every request is taken, of the callers that a match is for.

    Wider than what istiod calls a catch-all by the prefix `""` and by more regular expressions.
    """
    return _takes_every_path(match) and not any(field in (*_TEXTS, *_MAPS) for (field, _), _ in _asks(match))


def covers(one: Match, other: Match) -> bool:
    """Whether a match surely takes all that another takes."""
    asked = dict(_asks(other))
    if any(asked.get(condition) != value for condition, value in _asks(one)):
        return False
    gateways, narrowed = each(one, "gateways"), each(other, "gateways")
    if gateways and not (narrowed and all(name in gateways for name in narrowed)):
        return False
    return _takes_every_path(one) or _covers_path(one, other)


def may_take(match: Match, path: str) -> bool:
    """Whether some request with a path is taken: what a match asks for besides may be there."""
    form, value = _path(match)
    if match.get("ignoreUriCase"):
        value, path = value.lower(), path.lower()
    return form in ("regex", "unknown") or path == value or (form == "prefix" and path.startswith(value))


def takes(route: Route, match: Match) -> bool:
    """Whether a route surely takes all that a match takes; one that leads nowhere is none."""
    acts = route.answered_by_proxy or route.destinations
    return bool(acts) and (not route.matches or any(covers(own, match) for own, _ in route.matches))


def without_header(route: Route, match: Match, header: str) -> bool:
    """Whether a route surely takes what a match takes, were it not for the value of a header that one of them or both ask for."""
    less = _without(match, header)
    return not route.matches or any(covers(_without(own, header), less) for own, _ in route.matches)


def _without(match: Match, header: str) -> Match:
    headers = match.get("headers")
    kept = {k: v for k, v in headers.items() if k != header} if isinstance(headers, dict) else {}
    return {**match, "headers": kept}


def header_text(value: Any) -> str:
    """The value that a match asks of a header, as text."""
    return _text(value) or "any value"


def may_get(route: Route, path: str) -> bool:
    """Whether some request with a path may get a route."""
    return not route.matches or any(may_take(own, path) for own, _ in route.matches)


def described(match: Match) -> str:
    """A match in a few words: its path, or what else it asks for."""
    _, path = _path(match)
    if path != "/":
        method = get(match, "method", "exact")
        return f"{method} {path}" if isinstance(method, str) else path
    asked = [f"{_IN_WORDS.get(field, field)} {key or _text(value)}" for (field, key), value in _asks(match)]
    return " with ".join(asked) or path


def _text(value: Any) -> str:
    """A StringMatch, or what stands for itself, as text."""
    return str(next(iter(value.values()), "")) if isinstance(value, dict) else str(value)


def _path(match: Match) -> tuple[str, str]:
    """The form and value of the path; without one, every path as a prefix."""
    uri = match.get("uri") or {}
    if not isinstance(uri, dict):
        return ("unknown", str(uri))
    for form, value in uri.items():
        if form in ("exact", "prefix", "regex") and value is not None:
            return (form, value) if isinstance(value, str) else ("unknown", str(value))
    return ("prefix", "/")


def _takes_every_path(match: Match) -> bool:
    form, value = _path(match)
    if form == "regex":
        return value.strip("^$").replace("(", "").replace(")", "") in _EVERY_PATH
    return form == "prefix" and value in ("", "/")


def _covers_path(one: Match, other: Match) -> bool:
    (form, value), (others, theirs) = _path(one), _path(other)
    if one.get("ignoreUriCase"):
        value, theirs = value.lower(), theirs.lower()
    elif other.get("ignoreUriCase"):
        return False
    if form == "prefix":
        return others in ("exact", "prefix") and theirs.startswith(value)
    return form != "unknown" and (form, value) == (others, theirs)


def _asks(match: Match) -> Iterator[tuple[tuple[str, str], Any]]:
    """What is asked of a request besides its path: fields, and keys of their maps, with the values they must have."""
    for field in (*_TEXTS, *_OF_THE_CALLER):
        if match.get(field) is not None:
            yield (field, ""), match[field]
    for field in (*_MAPS, "sourceLabels"):
        entries = match.get(field)
        for key, value in entries.items() if isinstance(entries, dict) else ():
            yield (field, key), value
