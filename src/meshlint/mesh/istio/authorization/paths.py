"""Paths as a proxy reads them, before any policy does (Envoy's `path_normalization`; semantics §5.4)."""

from __future__ import annotations

import re

from .calls import Normalization

_SLASHES = {"%2f": "/", "%5c": "\\"}
_PLAIN = re.compile(r"%(?:2[de]|3[0-9]|[46][1-9a-f]|[57][0-9a]|5f|7e)", re.IGNORECASE)
"""Escaped letters, digits and `-._~`; every other escape stays."""


def normalized(path: str, normalization: Normalization) -> str:
    """Without query and fragment; then escaped slashes, dot segments and several slashes, as far as the mode goes."""
    path = re.split("[?#]", path, maxsplit=1)[0]
    if normalization is Normalization.DECODE_AND_MERGE_SLASHES:
        path = re.sub("%2f|%5c", lambda found: _SLASHES[found[0].lower()], path, flags=re.IGNORECASE)
    if normalization is not Normalization.NONE:
        path = _PLAIN.sub(lambda found: chr(int(found[0][1:], 16)), path).replace("\\", "/")
        path = _without_dots(path) if "/." in path else path
    if normalization in (Normalization.MERGE_SLASHES, Normalization.DECODE_AND_MERGE_SLASHES):
        path = re.sub("/+", "/", path)
    return path


def _without_dots(path: str) -> str:
    """Without the segments `.` and `..`; one of them at the end leaves a slash."""
    kept: list[str] = []
    segments = path.split("/")
    for segment in segments:
        if segment not in (".", ".."):
            kept.append(segment)
        elif segment == ".." and len(kept) > 1:
            kept.pop()
    if segments[-1] in (".", ".."):
        kept.append("")
    return "/".join(kept)
