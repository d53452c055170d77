"""URLs as Go reads them (`net/url`): what is one, and its scheme."""

import re

from .syntax import is_ip

_CONTROL = "[\x00-\x1f\x7f]"
_SCHEME = r"([a-zA-Z][-a-zA-Z0-9+.]*):"
_BAD_ESCAPE = r"%(?![0-9a-fA-F]{2})"
_BAD_IN_HOST = r"%(?!25|[89a-fA-F][0-9a-fA-F])|[^-a-zA-Z0-9._~!$&'()*+,;=:\[\]<>\"%\x80-\U0010ffff]"
_USER = r"[-A-Za-z0-9._:~!$&'()*+,;=%@]*"
_PORT = r"(?::[0-9]*)?"


def is_request_uri(text: str) -> bool:
    """Whether it is an absolute URL, or an absolute path (`url.ParseRequestURI`)."""
    return text != "" and _scheme(text, True) is not None


def scheme(text: str) -> str | None:
    """The scheme of a URL in lower case, "" where it has none (`url.Parse`); None for what is no URL."""
    url, _, fragment = text.partition("#")
    return None if re.search(_BAD_ESCAPE, fragment) else _scheme(url, False)


def is_module_url(text: str) -> bool:
    """A place that Wasm modules are fetched from; without a scheme it is a name in an image registry."""
    url = text if is_request_uri(text) else f"http://{text}"
    return is_request_uri(url) and scheme(url) in ("", "http", "https", "file", "oci")


def _scheme(text: str, is_request: bool) -> str | None:
    if re.search(_CONTROL, text) or text.startswith(":"):
        return None
    if text == "*":
        return ""
    found = re.match(_SCHEME, text)
    name = found[1].lower() if found else ""
    rest = text[found.end() if found else 0 :].partition("?")[0]
    if not rest.startswith("/"):
        if name:
            return name
        return None if is_request or ":" in rest.partition("/")[0] else _path(rest, name)
    if not rest.startswith("//") or (not name and (is_request or rest.startswith("///"))):
        return _path(rest, name)
    authority, slash, path = rest[2:].partition("/")
    return _path(slash + path, name) if _is_authority(authority, name) else None


def _path(text: str, name: str) -> str | None:
    return None if re.search(_BAD_ESCAPE, text) else name


def _is_authority(text: str, name: str) -> bool:
    user, at, host = text.rpartition("@")
    if at and (not re.fullmatch(_USER, user) or re.search(_BAD_ESCAPE, user)):
        return False
    if "[" in host:
        address, bracket, port = host[1:].rpartition("]")
        is_literal = host.rfind("[") == 0 and bracket and re.fullmatch(_PORT, port)
        return bool(is_literal) and ":" in address and is_ip(_address(address))
    first, last = host.find(":"), host.rfind(":")
    port = host[first if name in ("http", "https") else last :] if first >= 0 else ""
    return bool(re.fullmatch(_PORT, port)) and not re.search(_BAD_ESCAPE, host) and not re.search(_BAD_IN_HOST, host)


def _address(text: str) -> str:
    """The address in brackets; `%25` stands before its zone."""
    address, percent, zone = text.partition("%25")
    return f"{address}%{zone}" if percent else text
