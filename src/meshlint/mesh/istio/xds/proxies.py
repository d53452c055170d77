"""The pods of a mesh as istiod meets them: where they are, how they are labelled, whether a proxy stands beside them.

Manifests give pods no address: here they get one from a usual range, in the order of their names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from ....resource.inventory import Inventory
from ....resource.kinds import NODE
from ....resource.resource import get, strings
from ....resource.workload import PodTemplate
from ...effective import Effective
from ...subjects import DataPlane
from ..injection import data_plane
from ..meshconfig import MeshConfig

TLS_MODE = "security.istio.io/tlsMode"
"""Label by which istiod knows endpoints that take mTLS; the injector sets it."""

REGION, ZONE, SUBZONE = "topology.kubernetes.io/region", "topology.kubernetes.io/zone", "topology.istio.io/subzone"
_BETA = {f"failure-domain.beta.kubernetes.io/{part}": f"topology.kubernetes.io/{part}" for part in ("region", "zone")}
"""Old labels of nodes, which count where the new ones are not set (`getPodLocality`)."""
_PODS_PER_BLOCK, _BLOCKS = 250, 250
_MOST_PODS = 1000
"""Pods of a template that get an address: what nobody runs must not take the memory of whoever lints it."""


class Proxy(NamedTuple):
    """The pods of one template, which are all alike. `plane` says whether a proxy stands beside them.

    `labels` are the pod's and those of its place, as istiod matches sourceLabels and workloadSelectors with them.
    `locality` is `region/zone/subzone` as far as known. `addresses` has one per pod, up to a thousand; a workload scaled to
    zero has one that nothing answers at (`running` is False).
    """

    pod: PodTemplate
    plane: Effective[DataPlane]
    labels: Mapping[str, str]
    locality: str
    node: str
    addresses: tuple[str, ...]
    running: bool

    @property
    def namespace(self) -> str:
        return self.pod.namespace

    @property
    def key(self) -> str:
        return f"{self.pod.namespace}/{self.pod.name}"

    @property
    def account(self) -> str:
        """Name of the service account."""
        name = self.pod.spec.get("serviceAccountName")
        return name if isinstance(name, str) and name else "default"

    @property
    def is_sidecar(self) -> bool:
        return self.plane.value is DataPlane.SIDECAR

    @property
    def is_gateway(self) -> bool:
        return self.plane.value is DataPlane.GATEWAY

    @property
    def proxied(self) -> bool:
        return self.is_sidecar or self.is_gateway


def proxies(pods: Iterable[PodTemplate], inventory: Inventory, meshconfig: MeshConfig) -> Iterator[Proxy]:
    """The proxies of pod templates, by name."""
    nodes = {node.name: _renamed(node.labels) for node in inventory.all(NODE)}
    serial = 0
    for pod in sorted(pods, key=str):
        replicas = 1 if pod.replicas is None else pod.replicas
        first, serial = serial + 1, serial + min(max(replicas, 1), _MOST_PODS)
        addresses = tuple(map(_address, range(first, serial + 1)))
        node, locality = _place(pod, nodes)
        plane = data_plane(pod, inventory, meshconfig)
        labels = placed(pod.labels, locality, node)
        if plane.value in (DataPlane.SIDECAR, DataPlane.GATEWAY):
            labels[TLS_MODE] = "istio"
        yield Proxy(pod, plane, labels, locality, node, addresses, replicas > 0)


def _address(serial: int) -> str:
    third = serial // _PODS_PER_BLOCK
    return f"10.{10 + third // _BLOCKS}.{third % _BLOCKS}.{serial % _PODS_PER_BLOCK + 1}"


def _place(pod: PodTemplate, nodes: dict[str, Mapping[str, str]]) -> tuple[str, str]:
    """Name of the node and locality: of the Node object, else what the pod asks of its node (`istio-locality` goes first)."""
    selector = strings(pod.spec.get("nodeSelector"))
    region, zone = selector.get(REGION, ""), selector.get(ZONE, "")
    name = get(pod.spec, "nodeName")
    if not isinstance(name, str) or not name:
        name = f"node-{f'{region}-{zone}'.strip('-')}" if region or zone else "node"
    labels = nodes.setdefault(name, {label: value for label, value in ((REGION, region), (ZONE, zone)) if value})
    stated = pod.labels.get("istio-locality")
    if stated:
        return name, stated.replace(".", "/")
    return name, "/".join(labels.get(label, "") for label in (REGION, ZONE, SUBZONE)).rstrip("/")


def _renamed(labels: Mapping[str, str]) -> Mapping[str, str]:
    return {**{_BETA.get(label, label): value for label, value in labels.items()}, **labels}


def placed(labels: Mapping[str, str], locality: str, node: str) -> dict[str, str]:
    """Labels with those of the place (`serviceregistry/util/label AugmentLabels`); `node` "" = on none."""
    parts = zip((REGION, ZONE, SUBZONE), locality.split("/"), strict=False)
    place = {label: part for label, part in parts if part}
    host = {"kubernetes.io/hostname": node} if node else {}
    return {**labels, **place, "topology.istio.io/cluster": "Kubernetes", **host}
