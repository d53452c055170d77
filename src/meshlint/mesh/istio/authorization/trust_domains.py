"""The trust domains that stand for the mesh's own (`pilot/pkg/security/trustdomain`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ....resource.resource import each
from ..meshconfig import MeshConfig

_OWN = "cluster.local"
"""Means the mesh's own trust domain in every policy."""


class TrustDomains(NamedTuple):
    """The mesh's trust domain, first, and its aliases."""

    names: tuple[str, ...]

    @property
    def own(self) -> str:
        return self.names[0]

    def of_principal(self, principal: str) -> list[str]:
        """A principal of a policy in every trust domain that it stands for (`ReplaceTrustDomainAliases`)."""
        parts = principal.split("/")
        if len(parts) != 5 or parts[0] == "*":
            return [principal]
        if parts[0] != _OWN and not any(_alike(parts[0], name) for name in self.names):
            return [principal]
        return list(dict.fromkeys(self._replaced(parts)))

    def of_trust_domain(self, value: str) -> list[str]:
        """A trust domain of a policy with what it stands for (`ExpandTrustDomainAliases`)."""
        return list(self.names) if value in self.names else [value]

    def _replaced(self, parts: list[str]) -> Iterator[str]:
        for name in self.names:
            kept = parts[0].startswith("*") and name.endswith(parts[0][1:])
            yield "/".join(parts if kept else [name, *parts[1:]])


def trust_domains(meshconfig: MeshConfig) -> TrustDomains:
    own = meshconfig.value("trustDomain").value
    aliases = each(meshconfig.value("trustDomainAliases").value)
    known = own if isinstance(own, str) and own else _OWN
    return TrustDomains((known, *(alias for alias in aliases if isinstance(alias, str))))


def _alike(one: str, other: str) -> bool:
    """Whether two names are equal, or one is covered by the other's wildcard at its start or end (`stringMatch`)."""
    return one == other or any(
        (pattern.endswith("*") and name.startswith(pattern[:-1]))
        or (pattern.startswith("*") and name.endswith(pattern[1:]))
        for name, pattern in ((one, other), (other, one))
    )
