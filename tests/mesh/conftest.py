"""Meshes written down briefly: the first line of each document is `Kind namespace/name {more metadata}`.

A line that ends in `# <-` is the place that must decide; `assert_decides` compares it with the origin of a value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from meshlint.config import Settings
from meshlint.mesh.effective import Effective
from meshlint.mesh.mesh import Mesh
from meshlint.mesh.subjects import Host, Port, Route, Workload
from meshlint.resource.inventory import Inventory
from meshlint.resource.objects import resources
from meshlint.source import yaml
from meshlint.source.document import Location, SourceFile

MARK = "# <-"

_VERSIONS: Mapping[str, str] = {
    **dict.fromkeys(["Namespace", "Node", "Service", "ConfigMap", "Pod"], "v1"),
    **dict.fromkeys(["Deployment", "StatefulSet", "DaemonSet"], "apps/v1"),
    "Job": "batch/v1",
    **dict.fromkeys(
        ["VirtualService", "DestinationRule", "Gateway", "ServiceEntry", "Sidecar", "WorkloadEntry"],
        "networking.istio.io/v1",
    ),
    **dict.fromkeys(["PeerAuthentication", "AuthorizationPolicy", "RequestAuthentication"], "security.istio.io/v1"),
    **dict.fromkeys(["NetworkPolicy", "Ingress"], "networking.k8s.io/v1"),
    **dict.fromkeys(
        ["ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"], "admissionregistration.k8s.io/v1"
    ),
    "ProxyConfig": "networking.istio.io/v1beta1",
    **dict.fromkeys(["ServiceMonitor", "PodMonitor", "Prometheus"], "monitoring.coreos.com/v1"),
    "Telemetry": "telemetry.istio.io/v1",
    "IstioOperator": "install.istio.io/v1alpha1",
    "APIService": "apiregistration.k8s.io/v1",
    "CustomResourceDefinition": "apiextensions.k8s.io/v1",
    "HTTPRoute": "gateway.networking.k8s.io/v1",
    "InferencePool": "inference.networking.k8s.io/v1",
    "InferenceService": "serving.kserve.io/v1beta1",
    "LLMInferenceService": "serving.kserve.io/v1alpha1",
    "SeldonDeployment": "machinelearning.seldon.io/v1",
    "RayService": "ray.io/v1",
    "Canary": "flagger.app/v1beta1",
    "HorizontalPodAutoscaler": "autoscaling/v2",
    "ScaledObject": "keda.sh/v1alpha1",
    "EndpointSlice": "discovery.k8s.io/v1",
    "EnvoyFilter": "networking.istio.io/v1alpha3",
    "HealthCheckPolicy": "networking.gke.io/v1",
    "BackendConfig": "cloud.google.com/v1",
}
_HEADER = re.compile(r"^([A-Z]\w+) (?:([\w.-]+)/)?([\w.-]+)(?: \{(.*)\})?( # <-)?$", re.MULTILINE)


def manifests(text: str) -> str:
    """The YAML of a text whose documents start with a brief header."""
    return _HEADER.sub(_header, text.strip() + "\n")


def _header(found: re.Match[str]) -> str:
    kind, namespace, name, more, mark = found.groups()
    parts = [f"name: {name}", *([f"namespace: {namespace}"] if namespace else []), *([more] if more else [])]
    return f"apiVersion: {_VERSIONS[kind]}\nkind: {kind}\nmetadata: {{{', '.join(parts)}}}{mark or ''}"


def mesh_of(text: str, **settings: Any) -> Mesh:
    """The mesh of one file with these manifests."""
    loaded = yaml.load(SourceFile("mesh.yaml", manifests(text)))
    assert not loaded.failures, loaded.failures
    return Mesh(Inventory(resources(loaded.documents, lambda _: None).resources), Settings(**settings))


def created(day: int) -> str:
    """Metadata of an object from a cluster, made on this day of a month."""
    return f'{{creationTimestamp: "2024-05-{day:02}T10:00:00Z"}}'


def marked(text: str) -> list[str]:
    """The marked lines of a text, without the mark."""
    return [line.removesuffix(MARK).strip() for line in manifests(text).splitlines() if line.endswith(MARK)]


def line_of(location: Location | None) -> list[str]:
    """The source line a location is on."""
    if location is None:
        return []
    text = location.document.file.text.splitlines()[location.span.start_line - 1]
    return [text.removesuffix(MARK).strip()]


def assert_decides(value: Effective[Any], text: str) -> None:
    """The origin of a value is the marked line; without a mark it has none."""
    assert line_of(value.origin) == marked(text), [reason.text for reason in value.because]


def port_of(mesh: Mesh, name: str, number: int | None) -> Port:
    return next(p for p in mesh.ports if str(p.workload) == name and p.number == number)


def workload_of(mesh: Mesh, name: str) -> Workload:
    return next(w for w in mesh.workloads.all if str(w) == name)


def route_of(mesh: Mesh, name: str) -> Route:
    """The first route whose object has this name."""
    return next(r for r in mesh.routes if f"{r.resource.namespace}/{r.resource.name}" == name)


def host_of(mesh: Mesh, name: str) -> Host:
    return next(host for host in mesh.hosts if host.name == name)
