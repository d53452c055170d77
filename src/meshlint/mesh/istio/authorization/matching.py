"""One value against what a policy says of it (semantics §5.4).

Mirrors `security/authz/matcher`, `security/authz/model/generator.go` and Envoy's URI templates. A pattern is text with
wildcards between; the regular expressions that come of it hold nothing of a manifest but escaped text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum
from functools import cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import NamedTuple

SPIFFE = "spiffe://"
_PCHAR = r"a-zA-Z0-9\-._~%!$&'()+,;:@=*"


class Wild(Enum):
    """A stretch of a pattern: which characters it may have, and whether it may be empty."""

    ANY = (".", "*")
    SOME = (".", "+")
    LABEL = ("[^/]", "*")
    NAME = ("[^/]", "+")
    PART = (f"[{_PCHAR}]", "*")
    SEGMENT = (f"[{_PCHAR}]", "+")
    REST = (f"[/{_PCHAR}]", "*")

    @property
    def regex(self) -> str:
        return "".join(self.value)

    @property
    def may_be_empty(self) -> bool:
        return self.value[1] == "*"

    @property
    def more(self) -> Wild:
        """What may follow once it has something: any number of the same characters."""
        return Wild((self.value[0], "*"))

    def takes(self, text: str) -> int:
        """How many characters at the start of a text it may hold."""
        found = _stretch(self.value[0]).match(text)
        return found.end() if found else 0

    def is_within(self, other: Wild) -> bool:
        """Whether the other one may have all of its characters."""
        return _WIDTH[self.value[0]] <= _WIDTH[other.value[0]]


_WIDTH = {f"[{_PCHAR}]": 0, f"[/{_PCHAR}]": 1, "[^/]": 1, ".": 2}


@cache
def _stretch(characters: str) -> re.Pattern[str]:
    return re.compile(f"{characters}*", re.DOTALL)


Parts = tuple[str | Wild, ...]


class Pattern:
    """Text and wildcards, one after the other; the whole value must fit. `exact` is the only text that does, if there is one."""

    __slots__ = ("_regex", "any_case", "exact", "parts")

    def __init__(self, parts: Parts, any_case: bool = False) -> None:
        self.parts = parts
        self.any_case = any_case
        self.exact = None if any(isinstance(part, Wild) for part in parts) else "".join(map(str, parts))
        self._regex: re.Pattern[str] | None = None

    def matches(self, value: str) -> bool:
        if self.exact is not None:
            return value == self.exact or (self.any_case and value.lower() == self.exact.lower())
        if self._regex is None:
            text = "".join(part.regex if isinstance(part, Wild) else re.escape(part) for part in self.parts)
            self._regex = re.compile(text, re.DOTALL | (re.IGNORECASE if self.any_case else 0))
        return self._regex.fullmatch(value) is not None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pattern) and (other.parts, other.any_case) == (self.parts, self.any_case)

    def __hash__(self) -> int:
        return hash((self.parts, self.any_case))

    def __repr__(self) -> str:
        return f"Pattern({self.parts!r})"


class Block(NamedTuple):
    """A range of addresses."""

    network: IPv4Network | IPv6Network

    def matches(self, value: str) -> bool:
        try:
            address = ip_address(value)
        except ValueError:
            return False
        return address in self.network


PRESENT = Pattern((Wild.ANY,))


def text(value: str) -> Pattern:
    """`matcher.StringMatcher`: `*` is any text but the empty one; else it counts only as the first or the last character."""
    return Pattern((Wild.SOME,)) if value == "*" else Pattern(tuple(_starred(value)))


def header(value: str) -> Pattern:
    """`matcher.HeaderMatcher`: like `text`, but that `*` asks only whether there is one."""
    return PRESENT if value == "*" else text(value)


def host(value: str) -> Pattern:
    """`matcher.HostMatcher`: a header in any case."""
    return Pattern(header(value).parts, any_case=True)


def path(value: str) -> Pattern:
    """`pathGenerator`: a text, or a template once it holds `{*}` or `{**}`."""
    return _template(value) if "{*}" in value or "{**}" in value else text(value)


def _template(value: str) -> Pattern:
    """`matcher.sanitizePathTemplate`, as Envoy reads it: `**` is anything of a path, `*` something of one segment."""
    parts = re.split(r"(\*\*|\*)", value.replace("{**}", "**").replace("{*}", "*"))
    return Pattern(tuple({"**": Wild.REST, "*": Wild.SEGMENT}.get(part, part) for part in parts if part))


def principal(value: str) -> Pattern:
    """`srcPrincipalGenerator`: of an identity without its scheme."""
    return Pattern((Wild.SOME,)) if value == "*" else Pattern((SPIFFE, *_starred(value)))


def namespace(value: str) -> Pattern:
    """`srcNamespaceGenerator`: `*` may stand anywhere. What it is matched with goes on, so that `*a` fits `/ns/shop/sa/` too."""
    return Pattern((Wild.ANY, "/ns/", *_globbed(value, Wild.ANY), "/", Wild.ANY))


def account(value: str, policy_namespace: str) -> Pattern:
    """`serviceAccountRegex`: ACCOUNT of the policy's namespace, or NAMESPACE/ACCOUNT; of any trust domain."""
    before, slash, after = value.partition("/")
    owner, name = (before, after) if slash else (policy_namespace, value)
    return Pattern((SPIFFE, Wild.SOME, f"/ns/{owner}/sa/{name}"))


def trust_domain(value: str) -> Pattern:
    """`srcTrustDomainGenerator`."""
    if value == "*":
        return Pattern((SPIFFE, Wild.ANY))
    before, star, after = value.partition("*")
    return Pattern((SPIFFE, before, *([Wild.LABEL] if star else []), after, "/", Wild.ANY))


def issuer_and_subject(value: str) -> tuple[Pattern, Pattern]:
    """`requestPrincipalGenerator`: the issuer may be a URL, so that the last `/` divides; either part may have the wildcard."""
    issuer, slash, subject = value.rpartition("/")
    anything = Pattern((Wild.SOME,))
    if value == "*":
        return anything, anything
    if not slash:
        if value.startswith("*"):
            return anything, Pattern((Wild.ANY, value[1:]))
        return (
            (Pattern((value[:-1], Wild.ANY)), anything) if value.endswith("*") else (Pattern((value,)), Pattern(("",)))
        )
    if value.startswith("*"):
        return anything if issuer == "*" else Pattern((Wild.ANY, issuer[1:])), Pattern((subject,))
    if value.endswith("*"):
        return Pattern((issuer,)), anything if subject == "*" else Pattern((subject[:-1], Wild.ANY))
    return Pattern((issuer,)), Pattern((subject,))


def block(value: str) -> Block | None:
    """`util.AddrStrToCidrRange`: an address, or a range with any address of it. Python would take a mask or `/08` as well."""
    _, slash, length = value.partition("/")
    if slash and not (length.isdecimal() and str(int(length)) == length):
        return None
    try:
        return Block(ip_network(value, strict=False))
    except ValueError:
        return None


def _starred(value: str) -> Iterator[str | Wild]:
    """A text whose first or last character may be a wildcard; every other `*` is one."""
    if value.startswith("*"):
        return iter((Wild.ANY, value[1:]))
    return iter((value[:-1], Wild.ANY) if value.endswith("*") else (value,))


def _globbed(value: str, wild: Wild) -> Iterator[str | Wild]:
    return (wild if part == "*" else part for part in re.split(r"(\*)", value) if part)
