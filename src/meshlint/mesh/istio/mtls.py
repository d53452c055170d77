"""The mTLS mode a port really ends up with (semantics §4).

Mirrors `pilot/pkg/model/authentication.go addPeerAuthentication` (scopes, oldest wins) and
`pilot/pkg/security/authn/policy_applier.go ComposePeerAuthentication` (inheritance, port level).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from ...resource.inventory import Inventory
from ...resource.kinds import PEER_AUTHENTICATION
from ...resource.match import Selecting
from ...resource.resource import UNSET_NAMESPACE, Resource, required
from ...source.document import Path, Placeholder
from ..effective import Basis, Effective, Reason
from ..subjects import MtlsMode
from .order import one_of, possible_first, spread

_UNSET = "workloads without a namespace may belong to the one that a policy is for"
_TIE = "several policies of one scope: the oldest counts, and creation times are not in the input"


class PeerAuthentications:
    """The PeerAuthentications of a mesh, by scope. `first` finds those of one scope that may be the one that counts."""

    def __init__(
        self,
        inventory: Inventory,
        root_namespace: str,
        first: Callable[[Sequence[Resource]], Sequence[Resource]] = possible_first,
    ) -> None:
        self.all = tuple(inventory.all(PEER_AUTHENTICATION))
        self._root = root_namespace
        self._first = first
        self._by_namespace: dict[str, list[Resource]] = defaultdict(list)
        for policy in self.all:
            if not selector(policy):
                self._by_namespace[policy.namespace].append(policy)
        self._selecting = Selecting(self.all, selector)
        self._scoped: dict[str, Effective[MtlsMode]] = {}
        self._of_ports: dict[tuple[str, tuple[int, ...], int | None], Effective[MtlsMode]] = {}

    def of_namespace(self, namespace: str) -> Effective[MtlsMode]:
        """The mode of a namespace's workloads that no policy selects."""
        if namespace not in self._scoped:
            default = Reason("Istio's default is PERMISSIVE", None, Basis.DEFAULT)
            mode = self._over(Effective(MtlsMode.PERMISSIVE, (default,)), self._root, "the whole mesh")
            if namespace != self._root:
                scopes = [namespace, *self._may_be(namespace)]
                mode = one_of(
                    [self._over(mode, scope, f"namespace {scope}") for scope in scopes], _UNSET, Basis.ASSUMED
                )
            self._scoped[namespace] = mode
        return self._scoped[namespace]

    def _may_be(self, namespace: str) -> list[str]:
        """The namespaces with a policy that one may be which no object names, and for which none is."""
        is_open = namespace == UNSET_NAMESPACE and namespace not in self._by_namespace
        return [other for other in self._by_namespace if other != self._root] if is_open else []

    def selecting(self, namespace: str, labels: Mapping[str, str]) -> list[Resource]:
        """The policies whose selector takes these pods; none in the root namespace, where a selector is ignored."""
        return [] if namespace == self._root else self._selecting.of(namespace, labels)

    def of_port(self, namespace: str, labels: Mapping[str, str], port: int | None) -> Effective[MtlsMode]:
        """The mode of a container port; `port` None = one that no policy names."""
        base = self.of_namespace(namespace)
        policies = self.selecting(namespace, labels)
        if not policies:
            return base
        key = (namespace, tuple(map(id, policies)), port)
        if key not in self._of_ports:
            winners = self._first(policies)
            self._of_ports[key] = spread(
                base, lambda mode: one_of([_of_workload(mode, w, port) for w in winners], _TIE), _TIE
            )
        return self._of_ports[key]

    def named_ports(self, namespace: str, labels: Mapping[str, str]) -> dict[int, Resource]:
        """The ports that portLevelMtls names in a selecting policy that may be the one that counts."""
        policies = self.selecting(namespace, labels)
        winners = reversed(self._first(policies)) if policies else ()
        return {int(k): policy for policy in winners for k in policy.mapping("spec", "portLevelMtls") if k.isdigit()}

    def _over(self, base: Effective[MtlsMode], namespace: str, scope: str) -> Effective[MtlsMode]:
        policies = self._by_namespace.get(namespace)
        if not policies:
            return base
        winners, path = self._first(policies), ("spec", "mtls", "mode")
        return spread(base, lambda mode: one_of([_set(mode, w, path, f"for {scope}") for w in winners], _TIE), _TIE)


def selector(policy: Resource) -> Mapping[str, str]:
    """`spec.selector.matchLabels`; empty = the policy is for its whole scope."""
    return required(policy.get("spec", "selector", "matchLabels"))


def _of_workload(base: Effective[MtlsMode], policy: Resource, port: int | None) -> Effective[MtlsMode]:
    mode = _set(base, policy, ("spec", "mtls", "mode"), "for the workloads it selects")
    if port is None:
        return mode
    return _set(mode, policy, ("spec", "portLevelMtls", str(port), "mode"), f"for port {port}")


def _set(base: Effective[MtlsMode], policy: Resource, path: Path, scope: str) -> Effective[MtlsMode]:
    """The mode a policy says at a path, else what it inherits (absent, empty and UNSET inherit)."""
    value = policy.get(*path)
    if isinstance(value, Placeholder):
        text = f"{policy} takes its mode from {value}, which is not known here"
        return Effective(base.value, (*base.because, Reason(text, policy.at(*path), Basis.ASSUMED)))
    try:
        mode = MtlsMode(value)
    except ValueError:
        return base
    return Effective(mode, (*base.because, Reason(f"{policy} sets {mode.value} {scope}", policy.at(*path))))
