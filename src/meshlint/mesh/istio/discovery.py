"""What istiod looks at: the namespaces that meshConfig.discoverySelectors take.

Mirrors `pkg/kube/namespace/filter.go newDiscoveryNamespacesFilter`, which both `serviceregistry/kube/controller` and
`config/kube/crdclient` ask. Proxies connect from everywhere.
"""

from __future__ import annotations

from ...resource.inventory import NAME_LABEL, Inventory
from ...resource.kinds import ENDPOINT_SLICE, ISTIO_GROUPS, SERVICE
from ...resource.match import LabelSelector
from ...resource.resource import Resource, each
from .meshconfig import MeshConfig


def discovered(inventory: Inventory, meshconfig: MeshConfig) -> Inventory:
    """The objects that istiod knows of; the inventory itself where it has nothing else. Pods are left, for their proxies."""
    stated = each(meshconfig.value("discoverySelectors").value)
    if not stated:
        return inventory
    selectors = [LabelSelector(selector) for selector in stated if isinstance(selector, dict)]
    taken = {name for name in inventory.namespaces if _is_taken(name, selectors, inventory)}
    left = [r for r in inventory.resources if r.namespace in taken or not _is_looked_for(r)]
    return inventory if len(left) == len(inventory.resources) else Inventory(left)


def _is_taken(namespace: str, selectors: list[LabelSelector], inventory: Inventory) -> bool:
    labels = inventory.namespace_labels(namespace) or {NAME_LABEL: namespace}
    return any(selector.matches(labels) for selector in selectors)


def _is_looked_for(resource: Resource) -> bool:
    return resource.key.group in ISTIO_GROUPS or resource.group_kind in (SERVICE, ENDPOINT_SLICE)
