"""The pods that objects of the input make: one pod template each, wherever their kind keeps it."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from ..source.document import Path
from . import kinds
from .kinds import GroupKind
from .resource import Resource, get, strings


class PodTemplate(NamedTuple):
    """The pods of one template: what they carry and what they run.

    `path` leads to the mapping of `resource` whose `metadata` and `spec` become the pod's, `spec_path` to what becomes its
    spec. `labels` and `annotations` include those that the owner's controller is known to add. `replicas` is None where
    the input does not tell.
    """

    resource: Resource
    path: Path
    namespace: str
    name: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    spec: Mapping[str, Any]
    replicas: int | None
    container_paths: tuple[Path, ...]
    spec_path: Path

    @property
    def account(self) -> str:
        """The service account it runs as."""
        name = self.spec.get("serviceAccountName") or self.spec.get("serviceAccount")
        return name if isinstance(name, str) else "default"

    def containers(self) -> Iterator[tuple[Path, Mapping[str, Any]]]:
        """Init containers and containers, each with its path in the resource."""
        for path in self.container_paths:
            yield path, self.resource.mapping(*path)

    def applications(self) -> Iterator[tuple[Path, Mapping[str, Any]]]:
        """The containers beside the proxy; init containers are none."""
        for path, container in self.containers():
            if "initContainers" not in path and container.get("name") != "istio-proxy":
                yield path, container

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


def pod_templates(resource: Resource) -> Iterator[PodTemplate]:
    """The pod templates of an object; none for kinds without pods and for objects that keep theirs elsewhere."""
    kind = resource.group_kind
    if kind in _TEMPLATES:
        path, count = _TEMPLATES[kind]
        yield from _template(resource, path, _number(resource.get(*count), 1) if count else None)
    elif kind in _READERS:
        yield from _READERS[kind](resource)


def container_ports(pod: PodTemplate) -> Iterator[tuple[int, str | None]]:
    """The TCP ports that the application's containers declare, with their names; sidecar containers of Kubernetes count."""
    for _, container in _staying(pod):
        if container.get("name") == "istio-proxy":
            continue
        for number, name, transport in _ports(container):
            if transport == "TCP":
                yield number, name


def named_port(pod: PodTemplate, name: str, transport: str) -> int | None:
    """The number of the first port of a name, the proxy's own among them; sidecar containers of Kubernetes come last."""
    containers = sorted(_staying(pod), key=lambda each: "initContainers" in each[0])
    ports = (port for _, container in containers for port in _ports(container))
    return next((number for number, own, protocol in ports if (own, protocol) == (name, transport)), None)


def _staying(pod: PodTemplate) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """The containers that run as long as the pod does, each with its path."""
    for path, container in pod.containers():
        if "initContainers" not in path or container.get("restartPolicy") == "Always":
            yield path, container


def _ports(container: Mapping[str, Any]) -> Iterator[tuple[int, str | None, str]]:
    """The ports a container declares: number, name and transport."""
    listed = container.get("ports")
    for port in listed if isinstance(listed, list) else ():
        number = port.get("containerPort") if isinstance(port, dict) else None
        if isinstance(number, int):
            name = port.get("name")
            yield number, name if isinstance(name, str) else None, str(port.get("protocol") or "TCP")


_TEMPLATES: Mapping[GroupKind, tuple[Path, Path]] = {
    kinds.REPLICATION_CONTROLLER: (("spec", "template"), ("spec", "replicas")),
    kinds.DEPLOYMENT: (("spec", "template"), ("spec", "replicas")),
    kinds.STATEFUL_SET: (("spec", "template"), ("spec", "replicas")),
    kinds.REPLICA_SET: (("spec", "template"), ("spec", "replicas")),
    kinds.ROLLOUT: (("spec", "template"), ("spec", "replicas")),
    kinds.DAEMON_SET: (("spec", "template"), ()),
    kinds.JOB: (("spec", "template"), ("spec", "parallelism")),
    kinds.CRON_JOB: (("spec", "jobTemplate", "spec", "template"), ("spec", "jobTemplate", "spec", "parallelism")),
}
"""Where kinds with one template keep it, and the number of its pods, 1 by default; () = a number no field says."""


def _pod(resource: Resource) -> Iterator[PodTemplate]:
    yield from _template(resource, (), 1)


def _knative(resource: Resource) -> Iterator[PodTemplate]:
    added = {"serving.knative.dev/service": resource.name}
    yield from _template(resource, ("spec", "template"), None, added=added)


def _kserve(resource: Resource) -> Iterator[PodTemplate]:
    """Each component is a pod spec, and its model server a container of its own under a key of its own.

    Labels: KServe's `pkg/constants/constants.go`.
    """
    for component in ("predictor", "transformer", "explainer"):
        base = ("spec", component)
        name = f"{resource.name}-{component}"
        added = {
            "app": f"isvc.{name}",
            "component": component,
            "serving.kserve.io/inferenceservice": resource.name,
        }
        replicas = _number(resource.get(*base, "minReplicas"), 1)
        yield from _inline(resource, base, replicas, f"-{component}", added)


def _llm_inference_service(resource: Resource) -> Iterator[PodTemplate]:
    """Pod specs for decoding and for prefilling, with workers where a replica has several nodes.

    Labels: KServe's `llmisvc/workload_multi_node.go`. Workers answer requests only where nothing leads them. What the object
    does not say its controller takes from an LLMInferenceServiceConfig, a whole pod spec if need be.
    """
    added = {"app.kubernetes.io/name": resource.name, "app.kubernetes.io/part-of": "llminferenceservice"}
    answering = {**added, "kserve.io/component": "workload"}
    parts: tuple[tuple[Path, str], ...] = ((("spec",), ""), (("spec", "prefill"), "-prefill"))
    for base, role in parts:
        replicas = _number(resource.get(*base, "replicas"), 1)
        yield from _inline(resource, (*base, "template"), replicas, role, answering)
        led = bool(resource.mapping(*base, "template"))
        if not led and resource.mapping(*base) and not resource.mapping(*base, "worker"):
            labels = {**resource.labels, **answering}
            name, path = resource.name + role, (*base, "template")
            yield PodTemplate(
                resource, (), resource.namespace, name, labels, resource.annotations, {}, replicas, (), path
            )
        yield from _inline(resource, (*base, "worker"), None, f"{role}-worker", added if led else answering)


def _leader_worker_set(resource: Resource) -> Iterator[PodTemplate]:
    """`replicas` groups of `size` pods; workers lead their group themselves where no template for leaders is given."""
    base = ("spec", "leaderWorkerTemplate")
    groups = _number(resource.get("spec", "replicas"), 1)
    size = _number(resource.get(*base, "size"), 1)
    led = bool(resource.mapping(*base, "leaderTemplate"))
    workers = None if groups is None or size is None else groups * (size - led)
    added = {"leaderworkerset.sigs.k8s.io/name": resource.name}
    yield from _template(resource, (*base, "leaderTemplate"), groups, added=added)
    yield from _template(resource, (*base, "workerTemplate"), workers, "-worker" if led else "", added)


def _ray(*base: str) -> Callable[[Resource], Iterator[PodTemplate]]:
    """Reads the head and the worker groups of the Ray cluster at a path."""

    def read(resource: Resource) -> Iterator[PodTemplate]:
        head = {"ray.io/node-type": "head", "ray.io/group": "headgroup"}
        yield from _template(resource, (*base, "headGroupSpec", "template"), 1, "-head", head)
        for index, group in enumerate(resource.items(*base, "workerGroupSpecs")):
            name = get(group, "groupName")
            added = {"ray.io/node-type": "worker"} | ({"ray.io/group": name} if isinstance(name, str) else {})
            path: Path = (*base, "workerGroupSpecs", index, "template")
            replicas = _number(get(group, "replicas"), None)
            yield from _template(resource, path, replicas, f"-worker-{name or index}", added)

    return read


def _seldon(resource: Resource) -> Iterator[PodTemplate]:
    added = {"seldon-deployment-id": resource.name}
    for i, predictor in enumerate(resource.items("spec", "predictors")):
        specs = get(predictor, "componentSpecs")
        for j, _ in enumerate(specs if isinstance(specs, list) else ()):
            path: Path = ("spec", "predictors", i, "componentSpecs", j)
            counts = (resource.get(*path, "replicas"), get(predictor, "replicas"), resource.get("spec", "replicas"))
            replicas = next((_number(count, None) for count in counts if count is not None), 1)
            suffix = f"-{get(predictor, 'name') or i}-{j}"
            yield from _template(resource, path, replicas, suffix, added)


_READERS: Mapping[GroupKind, Callable[[Resource], Iterator[PodTemplate]]] = {
    kinds.POD: _pod,
    kinds.KNATIVE_SERVICE: _knative,
    kinds.INFERENCE_SERVICE: _kserve,
    kinds.LLM_INFERENCE_SERVICE: _llm_inference_service,
    kinds.LEADER_WORKER_SET: _leader_worker_set,
    kinds.RAY_CLUSTER: _ray("spec"),
    kinds.RAY_SERVICE: _ray("spec", "rayClusterConfig"),
    kinds.RAY_JOB: _ray("spec", "rayClusterSpec"),
    kinds.SELDON_DEPLOYMENT: _seldon,
}


def _template(
    resource: Resource, path: Path, replicas: int | None, suffix: str = "", added: Mapping[str, str] | None = None
) -> Iterator[PodTemplate]:
    """The pod template at a path, if a pod spec is there. `added` are labels of the controller, `suffix` is its name's."""
    spec = resource.get(*path, "spec")
    if isinstance(spec, dict):
        labels = {**strings(resource.get(*path, "metadata", "labels")), **(added or {})}
        annotations = strings(resource.get(*path, "metadata", "annotations"))
        within: Path = (*path, "spec")
        containers = tuple(_containers(spec, within))
        name = resource.name + suffix
        yield PodTemplate(
            resource, path, resource.namespace, name, labels, annotations, spec, replicas, containers, within
        )


def _inline(
    resource: Resource, path: Path, replicas: int | None, suffix: str, added: Mapping[str, str]
) -> Iterator[PodTemplate]:
    """The pod spec at a path, if there is one, of an owner that passes its own labels and annotations on to its pods."""
    spec = resource.get(*path)
    if isinstance(spec, dict):
        labels = {**resource.labels, **strings(spec.get("labels")), **added}
        annotations = {**resource.annotations, **strings(spec.get("annotations"))}
        containers = (*_containers(spec, path), *_servers(spec, path))
        name = resource.name + suffix
        yield PodTemplate(resource, (), resource.namespace, name, labels, annotations, spec, replicas, containers, path)


def _containers(spec: Mapping[str, Any], path: Path) -> Iterator[Path]:
    for field in ("initContainers", "containers"):
        listed = spec.get(field)
        for index, container in enumerate(listed if isinstance(listed, list) else ()):
            if isinstance(container, dict):
                yield (*path, field, index)


_SERVERS = (
    *("model", "huggingface", "triton", "pytorch", "tensorflow", "onnx", "sklearn", "xgboost", "lightgbm", "paddle"),
    *("pmml", "art"),
)
"""Fields of a KServe component that are a container: its model server."""


def _servers(spec: Mapping[str, Any], path: Path) -> Iterator[Path]:
    return ((*path, field) for field in _SERVERS if isinstance(spec.get(field), dict))


def _number(value: Any, default: int | None) -> int | None:
    """A number of pods; None where it is there but not known."""
    if value is None:
        return default
    return value if isinstance(value, int) and not isinstance(value, bool) else None
