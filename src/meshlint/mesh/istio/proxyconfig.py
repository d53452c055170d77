"""The settings of a pod's proxy that injection writes into it (semantics §10).

Mirrors `pilot/pkg/model/proxy_config.go EffectiveProxyConfig`: the pod's annotation over meshConfig.defaultConfig, field by
field. A ProxyConfig sets no more than environment, concurrency and image; one that selects the pod beats the annotation.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from ...resource.inventory import Inventory
from ...resource.kinds import PROXY_CONFIG
from ...resource.match import Selecting
from ...resource.resource import Resource, get, required
from ...resource.workload import PodTemplate
from ...source.change import Put
from ...source.document import Location
from ...source.yaml import YamlError, parse
from ..effective import Effective, Reason
from .meshconfig import MeshConfig
from .order import one_of, possible_first, spread

ANNOTATION = "proxy.istio.io/config"
_TIE = "several ProxyConfigs of one scope: the oldest counts, and creation times are not in the input"


class ProxyConfigs:
    """The proxy settings of the pods of a mesh."""

    def __init__(self, inventory: Inventory, meshconfig: MeshConfig) -> None:
        self._meshconfig = meshconfig
        self._root = meshconfig.root_namespace
        self._annotations: dict[int, Any] = {}
        self._by_namespace: dict[str, list[Resource]] = defaultdict(list)
        for config in inventory.all(PROXY_CONFIG):
            if config.get("spec", "selector") is None:
                self._by_namespace[config.namespace].append(config)
        self._selecting = Selecting(inventory.all(PROXY_CONFIG), _selector)

    def value(self, pod: PodTemplate, *path: str) -> Effective[Any]:
        """The value at a path of the pod's proxy settings; None by Istio's default."""
        return self._annotated(self._meshconfig.value("defaultConfig", *path), pod, path)

    def environment(self, pod: PodTemplate, name: str) -> Effective[Any]:
        """A variable of the environment of the pod's proxy; None where nothing sets it."""
        value = self._meshconfig.value("defaultConfig", "proxyMetadata", name)
        value = _over(value, self._by_namespace.get(self._root, ()), name)
        if pod.namespace != self._root:
            value = _over(value, self._by_namespace.get(pod.namespace, ()), name)
        value = self._annotated(value, pod, ("proxyMetadata", name))
        return _over(value, self._selecting.of(pod.namespace, pod.labels), name)

    def _annotated(self, below: Effective[Any], pod: PodTemplate, path: tuple[str, ...]) -> Effective[Any]:
        found = get(self._annotation(pod), *path)
        if found is None:
            return below
        context = () if below.candidates else below.because
        reason = Reason(f"{ANNOTATION} of the pod sets {path[-1]} to {_text(found)}", annotation(pod, *path))
        return Effective(found, (*context, reason))

    def _annotation(self, pod: PodTemplate) -> Any:
        """The data of the annotation; a text that is no YAML refuses the pod at injection."""
        if id(pod) not in self._annotations:
            try:
                self._annotations[id(pod)] = parse(pod.annotations.get(ANNOTATION, ""))
            except YamlError:
                self._annotations[id(pod)] = None
        return self._annotations[id(pod)]


def annotation(pod: PodTemplate, *path: str) -> Location:
    """The place of a setting in the pod's annotation."""
    return pod.resource.at(*pod.path, "metadata", "annotations", ANNOTATION, *path)


def set_in_the_pod(pod: PodTemplate, name: str, value: Any) -> list[Put]:
    """The change that gives a pod's proxy a setting; none where what the annotation says is not known."""
    given = pod.resource.get(*pod.path, "metadata", "annotations", ANNOTATION)
    if given is None:
        return [Put(annotation(pod), f"{name}: {_text(value)}")]
    return [Put(annotation(pod, name), value)] if isinstance(given, str) else []


def _selector(config: Resource) -> Any:
    return required(config.get("spec", "selector", "matchLabels"))


def _over(below: Effective[Any], configs: Sequence[Resource], name: str) -> Effective[Any]:
    if not configs:
        return below
    winners = possible_first(configs)
    return spread(below, lambda value: one_of([_set(value, config, name) for config in winners], _TIE), _TIE)


def _set(below: Effective[Any], config: Resource, name: str) -> Effective[Any]:
    path = ("spec", "environmentVariables", name)
    value = config.get(*path)
    if value is None:
        return below
    return Effective(value, (*below.because, Reason(f"{config} sets {name} to {value}", config.at(*path))))


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
