"""How names, hosts, addresses, numbers and headers are written, as Go and Istio read them.

A function that returns text says what is wrong, and nothing (None) where all is right.
"""

import re
from functools import cache

MAX_LABEL = 63
MAX_HOST = 255
MAX_PREFIX = 253


def is_dns_label(text: str) -> bool:
    """A DNS label, in which Istio allows capital letters (`labels.IsDNS1123Label`)."""
    return len(text) <= MAX_LABEL and _is_word(text, "-")


def _is_word(text: str, within: str) -> bool:
    """Letters and digits, with other characters only between them."""
    if not text or not text.isascii() or not text[0].isalnum() or not text[-1].isalnum():
        return False
    for character in within:
        text = text.replace(character, "")
    return text.isalnum()


def bad_fqdn(host: str) -> str | None:
    """`agent.ValidateFQDN`: labels with dots between them, the last no number, with or without a dot at the end."""
    return _bad_length(host) or _bad_labels(host, host)


def bad_host(host: str) -> str | None:
    """`agent.ValidateWildcardDomain`: like an FQDN, but `*` may stand for or before the first label, which may be a number."""
    first, dot, rest = host.partition(".")
    if wrong := _bad_length(host):
        return wrong
    label = first.removeprefix("*-") if first.startswith("*-") else first.removeprefix("*")
    if len(first) > MAX_LABEL or not (first == "*" or _is_word(label, "-")):
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
    prefix, slash, name = key.rpartition("/")
    is_domain = len(prefix) <= MAX_PREFIX and all(_is_word(label, "-") for label in prefix.split("."))
    if (slash and not is_domain) or len(name) > MAX_LABEL or not _is_word(name, "-_."):
        return f"{key!r} is no name of a label"
    return None if not value or _is_word(value, "-_.") else f"{value!r} is no value of a label"


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
    fits = slash and "%" not in address and is_ip(address) and re.fullmatch("0|[1-9][0-9]{0,2}", length)
    return bool(fits) and int(length) <= (128 if ":" in address else 32)


def bad_subnet(text: str) -> str | None:
    """`agent.ValidateIPSubnet`: an address, or a range."""
    fits = is_cidr(text) if text.count("/") == 1 else is_ip(text)
    return None if fits else f"{text} is neither an address nor an address range"


def bad_port(number: int) -> str | None:
    return None if 1 <= number <= 65535 else f"port {number} is not from 1 to 65535"


def integer(text: str) -> int | None:
    """`strconv.Atoi`: a whole number of 64 bits, with or without a sign."""
    if not re.fullmatch("[-+]?[0-9]{1,100}", text):
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


PSEUDO_HEADERS = frozenset({":method", ":scheme", ":authority", ":path", ":status"})


def is_header(name: str) -> bool:
    """A token of RFC 7230, or one with commas, which Istio lets pass."""
    return re.fullmatch(r"[!#$%&'*+,\-.^_`|~A-Za-z0-9]+", name) is not None


def is_strict_header(name: str) -> bool:
    return re.fullmatch("[-_A-Za-z0-9]+", name) is not None


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
    if re.search("[\x00-\x08\x0a-\x1f\x7f]", text):
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


_BASE64 = "(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"
_DATE_TIME = (
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]+)?"
    r"(?:[Zz]|[-+][0-9]{2}:[0-9]{2})"
)


def is_base64(text: str) -> bool:
    return re.fullmatch(_BASE64, text.replace("\r", "").replace("\n", "")) is not None


def is_date_time(text: str) -> bool:
    """A point in time as Kubernetes takes it (RFC 3339)."""
    found = re.fullmatch(_DATE_TIME, text)
    if not found:
        return False
    year, month, day = map(int, found.groups())
    is_leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return 1 <= month <= 12 and 1 <= day <= (28 + is_leap if month == 2 else 30 if month in (4, 6, 9, 11) else 31)
