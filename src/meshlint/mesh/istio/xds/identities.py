"""The names that servers behind a service may prove to have: the SANs that mTLS of the mesh accepts.

Mirrors `model/push_context.go addServiceAccounts`, `spiffe.ExpandWithTrustDomains`, `kube.ConvertService`.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....resource.resource import each
from ..meshconfig import MeshConfig
from .registry import Registry, Service

_SPIFFE = "spiffe://"
_SPELLED_OUT, _BY_NAME = "alpha.istio.io/canonical-serviceaccounts", "alpha.istio.io/kubernetes-serviceaccounts"


class Identities:
    """The accepted names of each host of a namespace."""

    def __init__(self, registry: Registry, meshconfig: MeshConfig) -> None:
        self._registry = registry
        domain = meshconfig.value("trustDomain").value
        self._domain = domain if isinstance(domain, str) and domain else "cluster.local"
        self._aliases = [
            alias for alias in each(meshconfig.value("trustDomainAliases").value) if isinstance(alias, str)
        ]
        self._stated = {service.key: service for service in registry.services}
        self._known: dict[tuple[str, str], tuple[str, ...]] = {}

    def of(self, service: Service) -> tuple[str, ...]:
        """Of the accounts its endpoints run as and of what its youngest object says, sorted."""
        if service.key not in self._known:
            identities = {endpoint.identity for endpoint in self._registry.endpoints(service)} - {""}
            names = {self._name(*identity.split("/", 1)) for identity in identities}
            names.update(self._of_object(self._stated[service.key]))
            self._known[service.key] = tuple(sorted({name for one in names for name in self._with_aliases(one)}))
        return self._known[service.key]

    def _of_object(self, service: Service) -> Iterator[str]:
        resource = service.resource
        if not service.of_kubernetes:
            yield from (name for name in resource.items("spec", "subjectAltNames") if isinstance(name, str))
            return
        yield from filter(None, resource.annotations.get(_SPELLED_OUT, "").split(","))
        for account in filter(None, resource.annotations.get(_BY_NAME, "").split(",")):
            yield self._name(service.namespace, account)

    def _name(self, namespace: str, account: str) -> str:
        return f"{_SPIFFE}{self._domain}/ns/{namespace}/sa/{account}"

    def _with_aliases(self, name: str) -> Iterator[str]:
        yield name
        _, _, rest = name.removeprefix(_SPIFFE).partition("/")
        parts = rest.split("/")
        if name.startswith(_SPIFFE) and len(parts) == 4 and (parts[0], parts[2]) == ("ns", "sa"):
            yield from (f"{_SPIFFE}{alias}/{rest}" for alias in self._aliases)
