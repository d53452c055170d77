"""Which pods get a proxy.

Mirrors the webhooks of `manifests/charts/istio-control/istio-discovery/templates/mutatingwebhook.yaml`, whose selectors
decide on labels of the namespace and the pod, and `pkg/kube/inject/inject.go injectRequired`, which decides on the pod.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ...resource.inventory import Inventory
from ...resource.kinds import NAMESPACE
from ...resource.workload import PodTemplate
from ...source.document import Location
from ..effective import Basis, Effective, Reason
from ..subjects import DataPlane
from .meshconfig import MeshConfig

INJECT = "sidecar.istio.io/inject"
REVISION = "istio.io/rev"
GATEWAY_NAME = "gateway.networking.k8s.io/gateway-name"
"""Label of the pods that istiod makes for a Gateway of the Gateway API."""

_INCLUDED_RANGES = "traffic.sidecar.istio.io/includeOutboundIPRanges"
_EXCLUDED_RANGES = "traffic.sidecar.istio.io/excludeOutboundIPRanges"
_EXCLUDED_PORTS = "traffic.sidecar.istio.io/excludeOutboundPorts"
_EVERYWHERE = {"*", "0.0.0.0/0"}
IGNORED_NAMESPACES = {"kube-system", "kube-public", "kube-node-lease", "local-path-storage"}


def data_plane(pod: PodTemplate, inventory: Inventory, meshconfig: MeshConfig) -> Effective[DataPlane]:
    """What carries this pod's traffic, from the labels and annotations of the pod and its namespace."""
    explicit = _written_in_the_pod(pod)
    if explicit:
        return explicit
    if pod.spec.get("hostNetwork") is True:
        return _is(
            DataPlane.NONE, "the pod uses the host's network, which is never captured", _at(pod, "spec", "hostNetwork")
        )
    if pod.namespace in IGNORED_NAMESPACES:
        return Effective(DataPlane.NONE, (Reason(f"Istio never injects into {pod.namespace}"),))
    labels = inventory.namespace_labels(pod.namespace)
    return _refused(pod, labels, inventory) or _asked(pod, labels or {}, inventory) or _silent(pod, labels, meshconfig)


def captures_calls_to(pod: PodTemplate, port: int | None) -> bool:
    """Whether calls of a pod to a port, wherever it is, may go through its proxy; annotations take ports and ranges out."""
    if pod.annotations.get(_INCLUDED_RANGES) == "":
        return False
    return port is None or str(port) not in _listed(pod.annotations.get(_EXCLUDED_PORTS, ""))


def captures_calls_outside(pod: PodTemplate, port: int, meshconfig: MeshConfig) -> bool:
    """Whether calls of a pod to public addresses on a port go through its proxy; annotations take ports and ranges out."""
    ranges = pod.annotations.get(_INCLUDED_RANGES, meshconfig.chart("global", "proxy", "includeIPRanges") or "*")
    excluded = pod.annotations.get(_EXCLUDED_RANGES, meshconfig.chart("global", "proxy", "excludeIPRanges") or "")
    ports = pod.annotations.get(_EXCLUDED_PORTS, meshconfig.chart("global", "proxy", "excludeOutboundPorts") or "")
    if not _EVERYWHERE & set(_listed(ranges)) or _EVERYWHERE & set(_listed(excluded)):
        return False
    return str(port) not in _listed(ports)


def _listed(text: object) -> list[str]:
    return [part.strip() for part in str(text).split(",")]


def _written_in_the_pod(pod: PodTemplate) -> Effective[DataPlane] | None:
    """The proxy container stands in the manifest itself, or the pod is a gateway of the injector or the Gateway API."""
    if any("gateway" in name for name in pod.annotations.get("inject.istio.io/templates", "").split(",")):
        return _is(
            DataPlane.GATEWAY,
            "the injector turns the pod into a gateway",
            _annotation(pod, "inject.istio.io/templates"),
        )
    label = gateway_label(pod.labels)
    if label:
        return _is(DataPlane.GATEWAY, f"label {label}: {pod.labels[label]} marks a gateway", _label(pod, label))
    for path, container in pod.containers():
        if container.get("name") == "istio-proxy":
            plane = DataPlane.GATEWAY if _is_router(container) else DataPlane.SIDECAR
            if container.get("image") != "auto":
                return _is(plane, "the proxy container is written in the manifest", pod.resource.at(*path, "name"))
    return None


def gateway_label(labels: Mapping[str, Any]) -> str | None:
    """The label that marks pods as a gateway: istiod's, for a Gateway of the Gateway API, or that of Istio's charts."""
    if GATEWAY_NAME in labels:
        return GATEWAY_NAME
    return "istio" if str(labels.get("istio")).endswith("gateway") else None


def selects_gateway(labels: Mapping[str, Any]) -> bool:
    """Whether a selector asks for the pods of a gateway; the charts give those an `app` as well (`istio-ingressgateway`)."""
    return bool(gateway_label(labels) or re.fullmatch(r"istio-.*gateway", str(labels.get("app"))))


def _is_router(container: Mapping[str, object]) -> bool:
    args = container.get("args")
    return isinstance(args, list) and "router" in args


def _refused(pod: PodTemplate, labels: Mapping[str, str] | None, inventory: Inventory) -> Effective[DataPlane] | None:
    pod_word = pod.labels.get(INJECT, pod.annotations.get(INJECT))
    if pod_word == "false":
        where = _label(pod, INJECT) if INJECT in pod.labels else _annotation(pod, INJECT)
        return _ambient(pod, labels, inventory) or _is(DataPlane.NONE, f"the pod says {INJECT}: false", where)
    if labels and labels.get("istio-injection") == "disabled":
        place = _namespace_label(inventory, pod.namespace, "istio-injection")
        text = f"namespace {pod.namespace} says istio-injection: disabled"
        return _ambient(pod, labels, inventory) or _is(DataPlane.NONE, text, place)
    return None


def _asked(pod: PodTemplate, labels: Mapping[str, str], inventory: Inventory) -> Effective[DataPlane] | None:
    for label in ("istio-injection", REVISION):
        if labels.get(label) and (label == REVISION or labels[label] == "enabled"):
            text = f"namespace {pod.namespace} asks for injection ({label}: {labels[label]})"
            return _is(DataPlane.SIDECAR, text, _namespace_label(inventory, pod.namespace, label))
    if pod.labels.get(INJECT) == "true":
        return _is(DataPlane.SIDECAR, f"the pod says {INJECT}: true", _label(pod, INJECT))
    if pod.labels.get(REVISION):
        return _is(DataPlane.SIDECAR, f"the pod says {REVISION}: {pod.labels[REVISION]}", _label(pod, REVISION))
    return _ambient(pod, labels, inventory) or _linkerd(pod, inventory)


def _ambient(pod: PodTemplate, labels: Mapping[str, str] | None, inventory: Inventory) -> Effective[DataPlane] | None:
    mode = "istio.io/dataplane-mode"
    if pod.labels.get(mode) == "ambient":
        return _is(DataPlane.AMBIENT, f"the pod says {mode}: ambient", _label(pod, mode))
    if labels and labels.get(mode) == "ambient" and pod.labels.get(mode) != "none":
        where = _namespace_label(inventory, pod.namespace, mode)
        return _is(DataPlane.AMBIENT, f"namespace {pod.namespace} says {mode}: ambient", where)
    return None


def _linkerd(pod: PodTemplate, inventory: Inventory) -> Effective[DataPlane] | None:
    inject = "linkerd.io/inject"
    if pod.annotations.get(inject) in ("enabled", "ingress"):
        return _is(DataPlane.LINKERD, f"the pod says {inject}: {pod.annotations[inject]}", _annotation(pod, inject))
    namespace = inventory.find(NAMESPACE, "", pod.namespace)
    if namespace and namespace.annotations.get(inject) in ("enabled", "ingress") and inject not in pod.annotations:
        where = namespace.at("metadata", "annotations", inject)
        return _is(DataPlane.LINKERD, f"namespace {pod.namespace} asks Linkerd for injection", where)
    return None


def _silent(pod: PodTemplate, labels: Mapping[str, str] | None, meshconfig: MeshConfig) -> Effective[DataPlane]:
    if meshconfig.chart("sidecarInjectorWebhook", "enableNamespacesByDefault") is True:
        return Effective(DataPlane.SIDECAR, (Reason("the injector's chart values inject every namespace by default"),))
    if labels is None:
        text = f"no Namespace {pod.namespace} in the input, and the pod does not ask for a proxy"
        return Effective(DataPlane.UNKNOWN, (Reason(text, None, Basis.DEFAULT),))
    text = f"neither namespace {pod.namespace} nor the pod asks for a proxy"
    return Effective(DataPlane.NONE, (Reason(text, None, Basis.DEFAULT),))


def _is(plane: DataPlane, text: str, where: Location | None) -> Effective[DataPlane]:
    return Effective(plane, (Reason(text, where),))


def _at(pod: PodTemplate, *path: str) -> Location:
    return pod.resource.at(*pod.path, *path)


def _label(pod: PodTemplate, name: str) -> Location:
    return _at(pod, "metadata", "labels", name)


def _annotation(pod: PodTemplate, name: str) -> Location:
    return _at(pod, "metadata", "annotations", name)


def _namespace_label(inventory: Inventory, name: str, label: str) -> Location | None:
    namespace = inventory.find(NAMESPACE, "", name)
    return namespace.at("metadata", "labels", label) if namespace else None
