"""The workloads of a mesh: pods of the input, and what policies imply where a namespace has none.

Terms `proxied workload`, `implied workload` and `generated service` of the catalogue.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from ..config import Settings
from ..resource.inventory import Inventory
from ..resource.kinds import FLAGGER_CANARY, INFERENCE_POOLS, PEER_AUTHENTICATION, SERVICE
from ..resource.match import Selecting, matches, pool_labels, resolve, split_service_host
from ..resource.resource import Resource, required
from ..resource.workload import PodTemplate
from ..source.document import Location
from . import inference
from .effective import Basis, Effective, Reason
from .istio.injection import data_plane, selects_gateway
from .istio.meshconfig import MeshConfig
from .istio.routes import Rule
from .membership import SELECTING, Membership
from .subjects import DataPlane, Inference, ModelKind, Workload

_NAME_LABELS = ("app", "app.kubernetes.io/name", "name")


class Workloads:
    """All workloads, and the way from a host to those behind it."""

    def __init__(self, inventory: Inventory, settings: Settings, meshconfig: MeshConfig, rules: Sequence[Rule]) -> None:
        self._inventory = inventory
        self._settings = settings
        self._meshconfig = meshconfig
        self._domain = settings.cluster_domain
        self._membership = Membership(inventory, meshconfig, rules, self._domain)
        self._generates = self._generation_paths(rules)
        self._pools = Selecting((p for kind in INFERENCE_POOLS for p in inventory.all(kind)), pool_labels)
        self._implied_selectors = dict(self._implied())
        self.supplied = tuple(self._supplied(pod) for pod in inventory.pods)
        self._by_pod = {id(w.pod): w for w in self.supplied}
        self.implied = tuple(
            self._imply(ns, labels, policy) for (ns, labels), policy in self._implied_selectors.items()
        )
        self.all = (*self.supplied, *self.implied)
        self._behind: dict[str, Sequence[Workload]] = {}
        self._in_namespace: dict[str, list[Workload]] = defaultdict(list)
        for workload in self.all:
            self._in_namespace[workload.namespace].append(workload)

    def in_namespace(self, namespace: str) -> Sequence[Workload]:
        return self._in_namespace.get(namespace, ())

    def selected(self, namespace: str, labels: Mapping[str, str]) -> list[Workload]:
        """The workloads of a namespace that carry all these labels."""
        pods = [self._by_pod[id(pod)] for pod in self._inventory.selecting(namespace, labels)]
        return pods + [w for w in self.in_namespace(namespace) if w.implied and matches(labels, w.labels)]

    def everywhere(self, labels: Mapping[str, str]) -> list[Workload]:
        """The workloads of the input that carry all these labels, in whatever namespace."""
        return [self._by_pod[id(pod)] for pod in self._inventory.selecting(None, labels)]

    def pools_of(self, workload: Workload) -> list[Resource]:
        """The InferencePools that take the pods of a workload."""
        return self._pools.of(workload.namespace, workload.labels)

    def behind(self, host: str) -> Sequence[Workload]:
        """The workloads a host of the cluster leads to; empty for other hosts and for what is not in the input."""
        if host not in self._behind:
            self._behind[host] = self._led_to(host)
        return self._behind[host]

    def _led_to(self, host: str) -> Sequence[Workload]:
        service = split_service_host(host, self._domain)
        if not service:
            return []
        name, namespace = service
        known = self._inventory.find(SERVICE, namespace, name)
        if known:
            chosen = required(known.get("spec", "selector"))
            return self.selected(namespace, chosen) if chosen else []
        owners = {name, *self._canary_targets(namespace, name)}
        return [w for w in self.in_namespace(namespace) if _is_behind(w, name, owners)]

    def inference_of(self, host: str) -> Inference | None:
        """What a host serves: what its workloads do (one that generates counts), else what its paths and name say."""
        workloads = self.behind(host)
        found = [w.inference for w in workloads if w.inference]
        if workloads and not any(w.implied for w in workloads):
            return min(found, key=_loudness, default=None)
        if host in self._generates and not self.is_proxy(host):
            return self._by_path(host)
        service = split_service_host(host, self._domain)
        return min(found, key=_loudness, default=inference.of_name(service[0] if service else host, None))

    def is_proxy(self, host: str) -> bool:
        """Whether an API gateway or proxy stands behind a host, by its workloads, else by its name."""
        pods = [workload.pod for workload in self.behind(host) if workload.pod]
        service = split_service_host(host, self._domain)
        by_name = inference.is_proxy([service[0] if service else host], None)
        return all(inference.is_proxy(_names(pod), pod) for pod in pods) if pods else by_name

    def states_no_generation(self, host: str) -> bool:
        """Whether the user stated of every workload behind a host that it does not generate."""
        pods = [workload.pod for workload in self.behind(host)]
        stated = [pod and inference.stated_kind(pod, self._settings.inference) for pod in pods]
        return bool(stated) and all(s and (s[0] is None or s[0].kind is not ModelKind.GENERATION) for s in stated)

    def _canary_targets(self, namespace: str, name: str) -> Iterator[str]:
        """The workload behind a Service that Flagger makes: NAME, NAME-primary and NAME-canary lead to the target."""
        for suffix in ("", "-primary", "-canary"):
            canary = self._inventory.find(FLAGGER_CANARY, namespace, name.removesuffix(suffix) if suffix else name)
            target = canary.get("spec", "targetRef", "name") if canary else None
            if isinstance(target, str):
                yield f"deployment:{target}"

    def _generation_paths(self, rules: Sequence[Rule]) -> dict[str, Location]:
        """Hosts that some route sends a generation path to, with the first place that says so."""
        found: dict[str, Location] = {}
        for rule in rules:
            named = next((where for match, where in rule.matches if inference.names_generation(match)), None)
            if named:
                for destination in rule.destinations:
                    found.setdefault(destination.host, inference.path_of(named))
        return found

    def _by_path(self, host: str) -> Inference:
        reason = Reason(f"a route sends a generation path to {host}", self._generates[host])
        return Inference(ModelKind.GENERATION, True, False, (reason,))

    def _supplied(self, pod: PodTemplate) -> Workload:
        plane = data_plane(pod, self._inventory, self._meshconfig)
        resource = pod.resource
        served = self._served(pod)
        return Workload(
            resource, pod.namespace, pod.name, pod.labels, pod, plane, self._membership.of(pod, plane), served
        )

    def _served(self, pod: PodTemplate) -> Inference | None:
        found, stated = inference.of_pod(pod, self._settings.inference)
        if stated:
            return found
        host = next((h for h in self._hosts_of(pod) if h in self._generates), None)
        if host and not inference.is_proxy(_names(pod), pod) and (not found or found.kind is not ModelKind.GENERATION):
            return self._by_path(host)
        if found and found.sure:
            return found
        pool = next(iter(self._pools.of(pod.namespace, pod.labels)), None)
        if pool:
            reason = Reason(f"{pool} selects it", pool.at("spec", "selector"))
            return Inference(ModelKind.GENERATION, True, False, (reason,))
        return found

    def _hosts_of(self, pod: PodTemplate) -> list[str]:
        services = [service.name for service in self._inventory.services_of(pod)] or list(_generated_services(pod))
        return [resolve(name, pod.namespace, self._domain) for name in services]

    def _implied(self) -> Iterator[tuple[tuple[str, tuple[tuple[str, str], ...]], Resource]]:
        """Per distinct pod selector of a policy in a namespace without pods (not the root namespace): the first policy."""
        if self._settings.closed:
            return
        seen: set[tuple[str, tuple[tuple[str, str], ...]]] = set()
        supplied = self._inventory.supplied.workloads
        for kind in SELECTING:
            for policy in self._inventory.all(kind):
                chosen = tuple(sorted(required(policy.get("spec", "selector", "matchLabels")).items()))
                key = (policy.namespace, chosen)
                if policy.namespace == self._meshconfig.root_namespace or policy.namespace in supplied:
                    continue
                if any(not isinstance(value, str) for _, value in chosen):
                    continue
                if key not in seen and (chosen or kind == PEER_AUTHENTICATION):
                    seen.add(key)
                    yield key, policy

    def _imply(self, namespace: str, labels: tuple[tuple[str, str], ...], policy: Resource) -> Workload:
        given = dict(labels)
        name = next((given[label] for label in _NAME_LABELS if label in given), "") or ",".join(
            f"{k}={v}" for k, v in labels
        )
        text = f"no workload of {namespace} is in the input; {policy} implies one"
        reason = Reason(text, policy.at("spec", "selector") if given else None, Basis.ASSUMED)
        served = inference.of_name(name, policy.at("spec", "selector")) if given else None
        host = resolve(name, namespace, self._domain) if name else ""
        if host in self._generates and not inference.is_proxy([name], None):
            served = self._by_path(host)
        plane = Effective(DataPlane.GATEWAY if selects_gateway(given) else DataPlane.SIDECAR, (reason,))
        return Workload(policy, namespace, name or "*", given, None, plane, Effective(True, (reason,)), served)


def _names(pod: PodTemplate) -> list[str]:
    return [pod.name, *(pod.labels.get(label, "") for label in _NAME_LABELS)]


def _loudness(found: Inference) -> tuple[bool, bool]:
    """Sorts what generates surely first."""
    return (found.kind is not ModelKind.GENERATION, not found.sure)


def _is_behind(workload: Workload, name: str, owners: set[str]) -> bool:
    """Whether a Service that is not in the input leads to a workload: its owner's Service, or one named like it."""
    if workload.pod:
        return not owners.isdisjoint(_generated_services(workload.pod))
    return any(workload.labels.get(label) == name for label in _NAME_LABELS)


def _generated_services(pod: PodTemplate) -> Iterator[str]:
    """Names of Services that controllers make for the owner of a pod, and `deployment:NAME` for a Flagger target."""
    owner = pod.resource
    match owner.kind:
        case "InferenceService":
            yield pod.name
            if pod.name.endswith("-predictor"):
                yield owner.name
        case "LLMInferenceService":
            yield f"{owner.name}-kserve-workload-svc"
            yield owner.name
        case "Service" | "LeaderWorkerSet":
            yield owner.name
        case "RayService" | "RayCluster":
            yield f"{owner.name}-head-svc"
            yield f"{owner.name}-serve-svc"
        case "Deployment":
            yield f"deployment:{owner.name}"
