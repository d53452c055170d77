"""Ports that the same decides about, and which callers that tells apart.

Callers that no policy of a gate names are all alike to it, so that it is asked about one of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TypeVar

from ...subjects import Port
from .authorization import alike
from .calls import Identity
from .filters import Guard
from .known import Known, known
from .passage import passage
from .survey import Answer

T = TypeVar("T", bound=Hashable)


class Gate:
    """Ports that the same decides about. `named` are the callers that its policies know apart."""

    def __init__(self, guard: Guard, named: tuple[Known, ...]) -> None:
        self.ports: list[Port] = []
        self._guard = guard
        self._named = named
        self._answers: dict[Identity | str, Answer] = {}

    def is_stranger(self, identity: Identity) -> bool:
        """Whether no policy tells a caller from others that it does not name."""
        return not any(named.has(identity) for named in self._named)

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
                self._known[key] = known(policy)
        gate = Gate(guard, tuple(self._known[key] for key in policies))
        for key in policies:
            self._with[key].append(gate)
        return gate

    @cached_property
    def _by_account(self) -> Mapping[tuple[str, str], Sequence[int]]:
        return _inverted({policy: named.accounts for policy, named in self._known.items()})

    @cached_property
    def _by_namespace(self) -> Mapping[str, Sequence[int]]:
        return _inverted({policy: named.namespaces for policy, named in self._known.items()})

    @cached_property
    def _wide(self) -> list[int]:
        return [policy for policy, named in self._known.items() if named.wide]


def _inverted(named: Mapping[int, Iterable[T]]) -> Mapping[T, Sequence[int]]:
    """The policies by what they name."""
    found: dict[T, list[int]] = defaultdict(list)
    for policy, names in named.items():
        for name in names:
            found[name].append(policy)
    return found
