"""Ports that the same decides about, and which callers that tells apart.

Callers that no policy of a gate names are all alike to it, so that it is asked about one of them.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator
from functools import cached_property
from typing import NamedTuple

from ...subjects import Port
from .authorization import alike
from .calls import Identity, Kind
from .filters import Guard
from .matching import Pattern
from .passage import passage
from .policies import Policy
from .survey import Answer

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


class Gate:
    """Ports that the same decides about. `known` are the callers that its policies name."""

    def __init__(self, guard: Guard, known: tuple[Known, ...]) -> None:
        self.ports: list[Port] = []
        self._guard = guard
        self._known = known
        self._answers: dict[Identity | str, Answer] = {}

    def is_stranger(self, identity: Identity) -> bool:
        """Whether no policy tells a caller from others that it does not name."""
        return not any(known.has(identity) for known in self._known)

    def passage(self, identity: Identity | None) -> Answer:
        """What becomes of the calls of a caller that get furthest."""
        key = "plaintext" if identity is None else "stranger" if self.is_stranger(identity) else identity
        if key not in self._answers:
            self._answers[key] = passage(self._guard, identity)
        return self._answers[key]


class Gates:
    """All gates of some ports, found by the callers that they name."""

    def __init__(self, doors: Iterable[tuple[Port, Guard]]) -> None:
        self._known: dict[int, Known] = {}
        self._with: dict[int, list[Gate]] = defaultdict(list)
        found: dict[Hashable, Gate] = {}
        for port, guard in doors:
            key = alike(guard)
            if key not in found:
                found[key] = self._gate(guard)
            found[key].ports.append(port)
        self.all = tuple(found.values())

    def naming(self, identity: Identity) -> Iterator[Gate]:
        """The gates that may tell a caller from strangers; some of them several times."""
        named = self._by_account.get((identity.namespace, identity.account), ())
        for policy in (*named, *self._by_namespace.get(identity.namespace, ()), *self._wide):
            yield from self._with[policy]

    def _gate(self, guard: Guard) -> Gate:
        policies = {id(policy): policy for policy in (*guard.applied.policies, *guard.applied.dry)}
        for key, policy in policies.items():
            if key not in self._known:
                self._known[key] = _known(policy)
        gate = Gate(guard, tuple(self._known[key] for key in policies))
        for key in policies:
            self._with[key].append(gate)
        return gate

    @cached_property
    def _by_account(self) -> dict[tuple[str, str], list[int]]:
        found = defaultdict(list)
        for policy, known in self._known.items():
            for account in known.accounts:
                found[account].append(policy)
        return found

    @cached_property
    def _by_namespace(self) -> dict[str, list[int]]:
        found = defaultdict(list)
        for policy, known in self._known.items():
            for namespace in known.namespaces:
                found[namespace].append(policy)
        return found

    @cached_property
    def _wide(self) -> list[int]:
        return [policy for policy, known in self._known.items() if known.wide]


def _known(policy: Policy) -> Known:
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
