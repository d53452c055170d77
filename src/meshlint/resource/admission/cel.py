"""The CEL rules of Istio's CustomResourceDefinitions, by the words `scripts/schemas` gives them.

A rule reads a value whose shape is right. What CEL cannot evaluate (a number that is none, a URL that is none) is broken.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from ..match import duration_ns
from .syntax import is_dns_label
from .url import is_module_url, is_request_uri, scheme


class _Rule(NamedTuple):
    """What a rule asks, as a whole sentence without its subject, and whether a value satisfies it."""

    asks: str
    holds: Callable[[Any], bool]


def broken_rule(rule: str, value: Any) -> str | None:
    """What a value should be that breaks a rule (`at-most-one selector targetRefs`); None where it does not."""
    name, *fields = rule.split()
    if fields:
        least, most, asks = COUNTS[name]
        there = sum(field in value for field in fields)
        return None if least <= there <= most else f"{asks} {', '.join(fields)} must be set"
    return None if RULES[name].holds(value) else RULES[name].asks


COUNTS = {"at-most-one": (0, 1, "at most one of"), "exactly-one": (1, 1, "exactly one of"), "any": (1, 9, "one of")}


def _is_port(text: str) -> bool:
    digits = text.removeprefix("-") if text.startswith("-") else text.removeprefix("+")
    return digits.isdecimal() and digits.isascii() and 0 < int(text) <= 65535


def _socket_is_absolute(address: str) -> bool:
    return not address.startswith("unix://") or address[7:8] in ("/", "@")


def _cidr_fits(entry: Mapping[str, Any]) -> bool:
    has_cidr = any("/" in address for address in entry.get("addresses", ()))
    return not has_cidr or entry.get("resolution", "NONE") in ("STATIC", "NONE")


def _numbers_differ(ports: Sequence[Mapping[str, Any]]) -> bool:
    return len({port["number"] for port in ports}) == len(ports)


def _accounts_alone(source: Mapping[str, Any]) -> bool:
    accounts = "serviceAccounts" in source or "notServiceAccounts" in source
    return not (accounts and source.keys() & {"principals", "notPrincipals", "namespaces", "notNamespaces"})


def _has_selector(policy: Mapping[str, Any]) -> bool:
    return "portLevelMtls" not in policy or bool(policy.get("selector", {}).get("matchLabels"))


RULES: dict[str, _Rule] = {
    "at-least-1ms": _Rule("must be a duration of 1ms or more", lambda text: (duration_ns(text) or 0) >= 1_000_000),
    "cidr-needs-none-or-static": _Rule("address ranges need resolution NONE or STATIC", _cidr_fits),
    "empty": _Rule("must not be set: references to other namespaces are not supported", lambda text: not text),
    "host-variable-has-no-value": _Rule(
        "value must not be set when valueFrom is HOST",
        lambda variable: variable.get("valueFrom", "") != "HOST" or "value" not in variable,
    ),
    "http-url": _Rule(
        "must be a URL that starts with http:// or https://",
        lambda text: is_request_uri(text) and scheme(text) in ("http", "https"),
    ),
    "keys-are-port-names": _Rule(
        "port names must be DNS labels of less than 63 characters",
        lambda ports: all(len(name) < 63 and is_dns_label(name) for name in ports),
    ),
    "keys-are-port-numbers": _Rule("ports must be numbers from 1 to 65535", lambda ports: all(map(_is_port, ports))),
    "keys-not-empty": _Rule("labels must have a name", lambda labels: "" not in labels),
    "keys-without-wildcard": _Rule(
        "names of labels must not hold *", lambda labels: not any("*" in key for key in labels)
    ),
    "module-url": _Rule("must be a URL with the scheme http, https, file or oci, or none", is_module_url),
    "none-has-no-endpoints": _Rule(
        "endpoints must not be set when resolution is NONE",
        lambda entry: entry.get("resolution", "NONE") != "NONE" or "endpoints" not in entry,
    ),
    "not-just-wildcard": _Rule("must not be *", lambda host: host != "*"),
    "port-modes-need-selector": _Rule("portLevelMtls needs a selector with matchLabels", _has_selector),
    "port-number": _Rule("must be a port from 1 to 65535", lambda port: 0 < port <= 65535),
    "port-numbers-differ": _Rule("two ports must not have one number", _numbers_differ),
    "probe-scheme": _Rule("must be HTTP or HTTPS", lambda scheme: scheme in ("", "HTTP", "HTTPS")),
    "remove-has-no-value": _Rule(
        "value must not be set when operation is REMOVE",
        lambda tag: tag.get("operation", "") != "REMOVE" or "value" not in tag,
    ),
    "round-robin-has-one-endpoint": _Rule(
        "there must be at most one endpoint when resolution is DNS_ROUND_ROBIN",
        lambda entry: entry.get("resolution", "") != "DNS_ROUND_ROBIN" or len(entry.get("endpoints", ())) <= 1,
    ),
    "service-accounts-alone": _Rule("serviceAccounts exclude principals and namespaces", _accounts_alone),
    "socket-is-absolute": _Rule("a socket must be an absolute path, or start with @", _socket_is_absolute),
    "socket-is-no-folder": _Rule(
        "a socket must not end with /",
        lambda address: not (address.startswith("unix://") and address.endswith("/")),
    ),
    "socket-without-ports": _Rule(
        "a socket has no ports",
        lambda entry: not entry.get("address", "").startswith("unix://") or "ports" not in entry,
    ),
    "upsert-has-value": _Rule(
        "value must be set when operation is UPSERT",
        lambda tag: tag.get("operation", "") != "UPSERT" or bool(tag.get("value")),
    ),
    "waypoint-goes-with-its-context": _Rule(
        "waypoint must be set when context is WAYPOINT, and only then",
        lambda match: ("waypoint" in match) == (match.get("context") == "WAYPOINT"),
    ),
    "without-wildcard": _Rule("must not hold *", lambda text: "*" not in text),
}
