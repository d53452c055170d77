"""How names, hosts, addresses, numbers and headers are written, as Go and Istio read them.

A function that returns text says what is wrong, and nothing (None) where all is right.
"""

import re
from functools import cache

_LABEL = r"[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?"
_DNS_LABEL = re.compile(_LABEL)
_WILDCARD_LABEL = re.compile(rf"\*|(?:\*-?)?{_LABEL}")
_LABEL_NAME = re.compile(rf"({_LABEL}(?:\.{_LABEL})*/)?((?:[A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])")
_LABEL_VALUE = re.compile(r"(?:(?:[A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_INTEGER = re.compile(r"[-+]?[0-9]{1,100}")
_PREFIX_LENGTH = re.compile(r"0|[1-9][0-9]{0,2}")
_DATE_TIME = re.compile(
    r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])[Tt](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:.\d+)?(?:[Zz]|[-+]\d\d:\d\d)",
    re.ASCII,
)
_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
_GENERATED_SNI = re.compile(r"outbound_\.*([^_]*)_[^_]*_([^_]*)")

MAX_LABEL = 63
MAX_HOST = 255
MAX_PREFIX = 253


def is_dns_label(text: str) -> bool:
    """A DNS label, in which Istio allows capital letters (`labels.IsDNS1123Label`)."""
    return len(text) <= MAX_LABEL and _DNS_LABEL.fullmatch(text) is not None


def bad_fqdn(host: str) -> str | None:
    """`agent.ValidateFQDN`: labels with dots between them, the last no number, with or without a dot at the end."""
    return _bad_length(host) or _bad_labels(host, host)


def bad_host(host: str) -> str | None:
    """`agent.ValidateWildcardDomain`: like an FQDN, but `*` may stand for or before the first label, which may be a number."""
    first, dot, rest = host.partition(".")
    if wrong := _bad_length(host):
        return wrong
    if len(first) > MAX_LABEL or not _WILDCARD_LABEL.fullmatch(first):
        return f"{host} is no host: {first!r} is no label"
    return _bad_labels(rest, host) if dot else None


def _bad_length(host: str) -> str | None:
    if not host:
        return "a host must not be empty"
    return f"{host} is longer than {MAX_HOST} characters" if len(host.encode()) > MAX_HOST else None


def _bad_labels(text: str, host: str) -> str | None:
    *labels, top = text.split(".")
    if integer(top) is not None:
        return f"{host} is no host: its last label is a number"
    wrong = next((label for label in [*labels, *([top] if top else [])] if not is_dns_label(label)), None)
    return None if wrong is None else f"{host} is no host: {wrong!r} is no label"


def bad_gateway_host(host: str, is_sni: bool) -> str | None:
    """`agent.ValidateWildcardDomainForVirtualServiceBoundToGateway`: also `outbound_.80_._.host` where it is an SNI."""
    if is_sni and host.startswith("outbound_") and not _bad_length(host):
        parts = host.split("_")
        named = len(parts) >= 4 and re.search("[0-9]", parts[1]) and re.search("[a-zA-Z]", parts[3].strip("."))
        return None if named else f"{host} is not of the form outbound_.PORT_._.HOST"
    return bad_host(host)


def is_partial_wildcard(host: str) -> bool:
    """Whether `*` stands for less than whole labels (`*-a.com`)."""
    return "*" in host and host != "*" and not host.startswith("*.")


def bad_label(key: str, value: str) -> str | None:
    """`labels.Instance.Validate`: a label as Kubernetes takes them."""
    found = _LABEL_NAME.fullmatch(key)
    if not found or len(found[1] or "/") - 1 > MAX_PREFIX or len(found[2]) > MAX_LABEL:
        return f"{key!r} is no name of a label"
    return None if _LABEL_VALUE.fullmatch(value) else f"{value!r} is no value of a label"


@cache
def is_ip(text: str) -> bool:
    """An IPv4 or IPv6 address, the latter with or without a zone (`netip.ParseAddr`)."""
    import ipaddress

    address, percent, zone = text.partition("%")
    try:
        return (
            ipaddress.ip_address(address).version == 6 and bool(zone) if percent else bool(ipaddress.ip_address(text))
        )
    except ValueError:
        return False


def is_cidr(text: str) -> bool:
    """An address range `ADDRESS/LENGTH`, whose address may have bits beyond the length (`netip.ParsePrefix`)."""
    address, slash, length = text.rpartition("/")
    fits = slash and "%" not in address and is_ip(address) and _PREFIX_LENGTH.fullmatch(length)
    return bool(fits) and int(length) <= (128 if ":" in address else 32)


def bad_subnet(text: str) -> str | None:
    """`agent.ValidateIPSubnet`: an address, or a range."""
    fits = is_cidr(text) if text.count("/") == 1 else is_ip(text)
    return None if fits else f"{text} is neither an address nor an address range"


def bad_port(number: int) -> str | None:
    return None if 1 <= number <= 65535 else f"port {number} is not from 1 to 65535"


def integer(text: str) -> int | None:
    """`strconv.Atoi`: a whole number of 64 bits, with or without a sign."""
    if not _INTEGER.fullmatch(text):
        return None
    number = int(text)
    return number if -(2**63) <= number < 2**63 else None


def split_host_port(text: str) -> tuple[str, str] | None:
    """`net.SplitHostPort`: the host and the port of `HOST:PORT` and `[HOST]:PORT`; None where that is not its form."""
    host, colon, port = text.rpartition(":")
    if not colon:
        return None
    if host.startswith("["):
        host, bracket, rest = host[1:].partition("]")
        return (host, port) if bracket and not rest and not set(host + port) & set("[]") else None
    return None if ":" in host or set(host + port) & set("[]") else (host, port)


_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~A-Za-z0-9]+")
_STRICT_HEADER = re.compile(r"[-_A-Za-z0-9]+")
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f]")
PSEUDO_HEADERS = frozenset({":method", ":scheme", ":authority", ":path", ":status"})


def is_header(name: str) -> bool:
    """A token of RFC 7230."""
    return _TOKEN.fullmatch(name) is not None


def is_strict_header(name: str) -> bool:
    return _STRICT_HEADER.fullmatch(name) is not None


def is_claim_header(name: str) -> bool:
    """The notation for claims of a token in header matches: `@request.auth.claims.x`, `…[x][y]` (`jwt.ToRoutingClaim`)."""
    rest = name[len("@request.auth.claims") :]
    bracketed = rest.startswith("[") and rest.endswith("]") and len(rest) > 2
    return name.lower().startswith("@request.auth.claims") and ((rest.startswith(".") and len(rest) > 1) or bracketed)


_AFTER: dict[str, dict[str | None, str]] = {
    "name": {"%": "", "(": "arguments", None: "name"},
    "arguments": {"[": "quote", " ": "arguments", None: "text"},
    "quote": {'"': "text", " ": "quote"},
    "text": {")": "end", '"': "comma", None: "text"},
    "comma": {",": "quote", "]": "bracket", " ": "comma"},
    "bracket": {")": "end", " ": "bracket"},
    "end": {"%": "", " ": "end"},
}
"""What may come next in a variable `%NAME(ARGUMENTS)%` of Envoy, and what it leads to; None is any other character."""


def bad_header_value(text: str) -> str | None:
    """`ValidateHTTPHeaderValue`: no control characters, `%` only doubled or around a variable."""
    if _CONTROL.search(text):
        return f"{text!r} has control characters"
    state: str | None = ""
    position = 0
    while position < len(text) and state is not None:
        character = text[position]
        if state:
            after = _AFTER[state]
            escapes = state == "text" and character == "\\"
            state = state if escapes else after.get(character, after.get(None))
            position += escapes
        elif character == "%":
            doubled = text.startswith("%", position + 1)
            state = "" if doubled else "name"
            position += doubled
        position += 1
    return None if state == "" else f"{text!r} has a % that is neither doubled nor around a variable"


def is_base64(text: str) -> bool:
    return _BASE64.fullmatch(text.replace("\r", "").replace("\n", "")) is not None


def is_date_time(text: str) -> bool:
    """A point in time as strfmt's `date-time` takes it."""
    return _DATE_TIME.fullmatch(text) is not None
