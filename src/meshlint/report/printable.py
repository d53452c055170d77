"""Text of manifests made safe to print."""

from __future__ import annotations

import re
import unicodedata

_COMMAND = re.compile(r"##(?=\w*\[)")

UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories that steer a terminal or hide what stands there: controls, bidi marks, surrogates, line separators."""


def printable(text: str) -> str:
    """The text on one line, with every character that steers a terminal as an escape such as `\\x1b`."""
    return text if text.isprintable() else "".join(map(visible, text))


def visible(character: str) -> str:
    """The character itself, or its escape."""
    if unicodedata.category(character) not in UNPRINTABLE:
        return character
    if character in "\t\n\r":
        return repr(character)[1:-1]
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def logged(text: str, *, first: bool = True) -> str:
    """What is printed, such that no runner takes it for a command: GitHub's `::error::` and `##[error]`, Azure's `##vso[…]`.

    `first` says that a line begins with it; what has `##` counts anywhere in one.
    """
    text = _COMMAND.sub(r"#\\x23", text)
    return text.replace("::", r"\x3a:", 1) if first and text.lstrip().startswith("::") else text
