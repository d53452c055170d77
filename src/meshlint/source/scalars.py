"""What a plain YAML scalar means to Kubernetes: the resolution of sigs.k8s.io/yaml (go-yaml v2, then JSON).

Differs from PyYAML and from YAML 1.2: `y` is true, `0644` is 420, `08` is 8, `1e3` is 1000, `1:30` and dates are strings.
"""

from __future__ import annotations

import math
import re
from typing import Any

_WORDS: dict[str, Any] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_INTEGERS = (
    (re.compile(r"[-+]?0[xX][0-9a-fA-F]+"), 16),
    (re.compile(r"[-+]?0[bB][01]+"), 2),
    (re.compile(r"[-+]?0[oO]?[0-7]+"), 8),
    (re.compile(r"[-+]?(?:0|[1-9][0-9]*)"), 10),
)
_SIGN_AFTER_PREFIX = re.compile(r"0b([-+][01]+)")
_LEADING = frozenset("+-.0123456789")
_LARGEST, _SMALLEST = 2**64 - 1, -(2**63)


def resolve(text: str) -> Any:
    """The value of a plain scalar: bool, None, int, float or the text itself. Floats without a fraction come as int.

    A number too large for a float (`7e409`, as abbreviated commits look) is text.
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _LEADING:
        return text
    number = _number(text if text[0] == "." else text.replace("_", ""))
    return text if number is None else number


def _number(text: str) -> int | float | None:
    for pattern, base in _INTEGERS:
        if pattern.fullmatch(text):
            value = int(re.sub("[oOxXbB]", "", text, count=1) if base != 10 else text, base)
            if _SMALLEST <= value <= _LARGEST:
                return value
    if match := _SIGN_AFTER_PREFIX.fullmatch(text):
        return int(match[1], 2)
    if _FLOAT.fullmatch(text) and math.isfinite(float(text)):
        return whole(float(text))
    return None


def whole(value: float) -> int | float:
    """A float as JSON writes it: 8.0 is 8."""
    return int(value) if value.is_integer() and abs(value) < 1e21 else value


def key_of(value: Any) -> str | None:
    """The string a resolved key becomes in JSON; None where there is none (null, and what is no scalar)."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return _float_key(value) if isinstance(value, float) else str(value)
    return None


def _float_key(value: float) -> str:
    """A float as a key, to six digits; those that are no numbers are spelled as YAML does."""
    if math.isfinite(value):
        return f"{value:g}"
    return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
