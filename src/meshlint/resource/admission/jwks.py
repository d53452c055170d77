"""Sets of JSON Web Keys as istiod parses them (`jwk.Parse` of lestrrat-go/jwx). What certificates hold is not looked at."""

import json
import re
from typing import Any

_NEEDED = {"RSA": ("e", "n"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x"), "oct": ("k",)}
_BYTES = {"RSA": ("d", "e", "n", "p", "q", "dp", "dq", "qi"), "EC": ("d", "x", "y"), "OKP": ("d", "x"), "oct": ("k",)}
_TEXTS = ("alg", "crv", "kid", "use", "x5t", "x5t#S256", "x5u")
_LISTS = ("key_ops", "x5c")
_STANDARD = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2,3})?")
_FOR_URLS = re.compile(r"(?:[A-Za-z0-9_-]{4})*(?:[A-Za-z0-9_-]{2,3})?")


def bad_jwks(text: str) -> str | None:
    """What is wrong with a set of keys, or a single key; what follows it is not read."""
    try:
        found: Any = json.JSONDecoder(parse_constant=_refuse).raw_decode(text.lstrip(" \t\r\n"))[0]
    except (ValueError, RecursionError):
        return "must be a set of keys in JSON"
    if not isinstance(found, dict):
        return "must be a mapping with keys"
    keys = found.get("keys", [found])
    if not isinstance(keys, list | None):
        return "keys must be a list"
    return next((wrong for key in keys or () if (wrong := _bad_key(key))), None)


def _refuse(constant: str) -> None:
    """Python's JSON has NaN, Go's has not."""
    raise ValueError(constant)


def _bad_key(key: Any) -> str | None:
    kind = key.get("kty") if isinstance(key, dict) else None
    if not isinstance(kind, str) or kind not in _NEEDED:
        return f"kty of a key must be one of {', '.join(_NEEDED)}"
    missing = [name for name in _NEEDED[kind] if name not in key]
    if missing:
        return f"a key of kty {kind} needs {' and '.join(missing)}"
    of_kind = {*_BYTES[kind], *(_TEXTS if "crv" in _NEEDED[kind] else set(_TEXTS) - {"crv"})}
    for name, value in key.items():
        if name in of_kind and value is not None and not isinstance(value, str):
            return f"{name} of a key must be a string"
        if name in _BYTES[kind] and value and not _is_base64(value):
            return f"{name} of a key must be base64"
        if name in _LISTS and not _are_strings(value):
            return f"{name} of a key must be a list of strings"
    return None


def _is_base64(text: str) -> bool:
    """With or without padding, in either alphabet."""
    text = text.replace("\r", "").replace("\n", "")
    digits = text.rstrip("=")
    padded = text == digits or (len(text) % 4 == 0 and len(text) - len(digits) < 3)
    return padded and (_STANDARD if "+" in text or "/" in text else _FOR_URLS).fullmatch(digits) is not None


def _are_strings(value: Any) -> bool:
    return value is None or (isinstance(value, list) and all(isinstance(item, str | None) for item in value))
