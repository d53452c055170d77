"""Which callers a policy may tell from others; all that it does not name are alike to it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from .calls import Identity, Kind
from .matching import Pattern
from .policies import Policy

_ACCOUNT = re.compile(r"/ns/([^/*]+)/sa/([^/*]+)\Z")
_NAMESPACE = re.compile(r"/ns/([^/*]+)/")


class Known(NamedTuple):
    """Whom a policy may tell from other callers: service accounts (namespace, name), all of some namespaces, or (`wide`) anybody."""

    accounts: frozenset[tuple[str, str]]
    namespaces: frozenset[str]
    wide: bool

    def has(self, identity: Identity) -> bool:
        named = (identity.namespace, identity.account) in self.accounts or identity.namespace in self.namespaces
        return named or self.wide


def known(policy: Policy) -> Known:
    """Whom a policy names."""
    accounts, namespaces, wide = set(), set(), False
    for pattern in _identities(policy):
        text = "".join(part if isinstance(part, str) else "*" for part in pattern.parts)
        if account := _ACCOUNT.search(text):
            accounts.add((account[1], account[2]))
        elif namespace := _NAMESPACE.search(text):
            namespaces.add(namespace[1])
        else:
            wide = wide or text not in _EVERYBODY
    return Known(frozenset(accounts), frozenset(namespaces), wide)


_EVERYBODY = ("*", "spiffe://*")
"""Patterns that no certificate of the mesh tells apart."""


def _identities(policy: Policy) -> Iterator[Pattern]:
    conditions = (c for rule in policy.rules for c in rule.conditions if c.kind is Kind.IDENTITY)
    tests = (test for c in conditions for value in (*c.values, *c.excluded) for test in value.tests or ())
    return (test.wanted for test in tests if isinstance(test.wanted, Pattern))
