"""How the sidecar of a pod starts and stops beside its application (semantics §10; term `native sidecar`).

Mirrors `pkg/kube/inject/webhook.go DetectNativeSidecar`, the chart's `files/injection-template.yaml` (`$nativeSidecar`,
`$holdProxy`, lifecycle) and `pkg/envoy/agent.go terminate`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from ...config import Settings
from ...resource.inventory import Inventory
from ...resource.kinds import INFERENCE_SERVICE, KNATIVE_SERVICE, LLM_INFERENCE_SERVICE, NODE, SELDON_DEPLOYMENT
from ...resource.match import duration_ms, duration_text
from ...resource.workload import PodTemplate
from ...source.change import Put
from ...source.document import Location, Path
from ..effective import UNKNOWN, Basis, Effective, Reason, Unknown
from ..subjects import DataPlane, Workload
from .meshconfig import DIFFER, MeshConfig
from .order import spread
from .proxyconfig import ProxyConfigs, set_in_the_pod

NATIVE = "sidecar.istio.io/nativeSidecar"
HOLD = "holdApplicationUntilProxyStarts"
DRAIN = "terminationDrainDuration"
WAIT = "EXIT_ON_ZERO_ACTIVE_CONNECTIONS"

_AUTOMATIC_SINCE = (1, 27)
"""Since this Istio version sidecars are native where every kubelet knows them; before, only where istiod is told so."""

_ASKED_SINCE = (1, 24)
"""Since this Istio version a pod itself may ask for a native sidecar, or for one that is not."""

_KUBELETS = (1, 33)
"""The kubelet from which on istiod makes sidecars native by itself."""

_DRAIN = 5_000
_GRACE = 30_000
_FILLED_IN = {KNATIVE_SERVICE, INFERENCE_SERVICE, LLM_INFERENCE_SERVICE, SELDON_DEPLOYMENT}
"""Owners whose controllers complete the pod spec, its grace period included."""


class Lifecycles:
    """Start and stop of the sidecars of a mesh."""

    def __init__(self, inventory: Inventory, settings: Settings, meshconfig: MeshConfig, proxy: ProxyConfigs) -> None:
        self._inventory = inventory
        self._settings = settings
        self._meshconfig = meshconfig
        self._proxy = proxy

    def native(self, pod: PodTemplate) -> Effective[bool]:
        """Whether the proxy starts before every other container and ends after them."""
        written = next((path for path in _proxies(pod) if pod.resource.get(*path, "image") != "auto"), None)
        if written:
            reason = Reason(f"the proxy container is one of {written[-2]} in the manifest", pod.resource.at(*written))
            return Effective(written[-2] == "initContainers", (reason,))
        word = pod.annotations.get(NATIVE)
        if word is not None and self._meshconfig.istio_version >= _ASKED_SINCE:
            where = pod.resource.at(*pod.path, "metadata", "annotations", NATIVE)
            return Effective(word != "false", (Reason(f"the pod says {NATIVE}: {word}", where),))
        return self._native_by_istiod

    def held(self, pod: PodTemplate) -> Effective[bool | Unknown]:
        """Whether the application waits until a proxy that is not native is ready."""
        hook = self._hook(pod, "postStart")
        if hook:
            return Effective(True, (hook,))
        chart = self._meshconfig.chart_value("global", "proxy", HOLD)
        if chart and chart[0] is True:
            return Effective(True, (Reason(f"the chart's values set global.proxy.{HOLD} to true", chart[1]),))
        return spread(self._proxy.value(pod, HOLD), _as_hold, DIFFER, Basis.ASSUMED)

    def drain(self, workload: Workload) -> Effective[int | Unknown]:
        """How long a running response of a supplied workload lives after its pod was deleted, in ms.

        The grace period runs from the deletion on, preStop hooks included. A sidecar that is not native ends by itself after
        its own drain time, unless it waits for its connections or a hook of its own holds it; what serves ambient pods stays.
        """
        assert workload.pod
        pod = workload.pod
        grace, native = _grace(pod), self.native(pod)
        stays = native.value or self._hook(pod, "preStop") or self._waits(pod)
        if stays or workload.data_plane.value is DataPlane.AMBIENT or not isinstance(grace.value, int):
            return grace
        return spread(
            _drain_of(self._proxy.value(pod, DRAIN)), lambda own: _shorter(own, grace, native), DIFFER, Basis.ASSUMED
        )

    def _waits(self, pod: PodTemplate) -> bool:
        """Whether the proxy may stay until its connections are closed."""
        waits = self._proxy.environment(pod, WAIT)
        return any(str(w.value) not in ("None", "false", "0", "f") for w in waits.candidates or (waits,))

    def _hook(self, pod: PodTemplate, name: str) -> Reason | None:
        """A hook of the proxy container, written in the pod or given by the chart's values."""
        for path in _proxies(pod):
            if pod.resource.get(*path, "lifecycle", name):
                where = pod.resource.at(*path, "lifecycle", name)
                return Reason(f"the proxy container has a {name} hook of its own", where)
        chart = self._meshconfig.chart_value("global", "proxy", "lifecycle", name)
        return Reason(f"the chart's values give proxies a {name} hook", chart[1]) if chart else None

    @cached_property
    def _native_by_istiod(self) -> Effective[bool]:
        mode, reason = self._mode()
        if mode != "auto":
            return Effective(mode == "true", (reason,))
        kubelet = min(self._kubelets(), key=lambda known: known[0], default=None)
        if kubelet is None:
            text = "sidecars are native unless a kubelet is older than 1.33, and no kubelet is known"
            return Effective(True, (Reason(text, None, Basis.DEFAULT),))
        return Effective(kubelet[0] >= _KUBELETS, (kubelet[1],))

    def _mode(self) -> tuple[str, Reason]:
        """What istiod is told about native sidecars, `ENABLE_NATIVE_SIDECARS`: true, false or auto."""
        given = self._meshconfig.environment("ENABLE_NATIVE_SIDECARS")
        if given:
            word = given[0].lower()
            mode = word if word in ("true", "auto") else "false"
            return mode, Reason(f"istiod runs with ENABLE_NATIVE_SIDECARS {given[0]}", given[1])
        old = self._meshconfig.chart_value("compatibilityVersion")
        version = _version(old[0]) if old else None
        if old and version and version < _AUTOMATIC_SINCE:
            return "false", Reason(f"compatibilityVersion {old[0]} switches native sidecars off", old[1])
        if self._meshconfig.istio_version < _AUTOMATIC_SINCE:
            text = f"sidecars are not native by default before Istio {'.'.join(map(str, _AUTOMATIC_SINCE))}"
            return "false", Reason(text, self._settings.places.get("istio-version"))
        return "auto", Reason("native sidecars are automatic", None, Basis.DEFAULT)

    def _kubelets(self) -> Iterator[tuple[tuple[int, int], Reason]]:
        """Versions of kubelets: the oldest that the settings name, else those of the Nodes."""
        stated = self._settings.kubernetes_version
        if stated:
            where = self._settings.places.get("kubernetes-version")
            yield _version(stated) or _KUBELETS, Reason(f"the oldest kubelet is {stated} (setting)", where)
            return
        for node in self._inventory.all(NODE):
            path = ("status", "nodeInfo", "kubeletVersion")
            version = _version(node.get(*path))
            if version:
                yield version, Reason(f"the kubelet of {node} is {node.get(*path)}", node.at(*path))


def _version(value: Any) -> tuple[int, int] | None:
    """Major and minor of `v1.31.4-gke.100` or 1.31; None for anything else."""
    found = re.match(r"v?(\d+)\.(\d+)", str(value))
    return (int(found[1]), int(found[2])) if found else None


def _proxies(pod: PodTemplate) -> Iterator[Path]:
    return (path for path, container in pod.containers() if container.get("name") == "istio-proxy")


def _as_hold(value: Effective[Any]) -> Effective[bool | Unknown]:
    if value.value is None:
        reason = Reason("Istio's default lets the application start at once", None, Basis.DEFAULT)
        return Effective(False, (reason,))
    return Effective(value.value if isinstance(value.value, bool) else UNKNOWN, value.because)


def _drain_of(value: Effective[Any]) -> Effective[int | Unknown]:
    def read(one: Effective[Any]) -> Effective[int | Unknown]:
        if one.value is None:
            reason = Reason(f"Istio's default {DRAIN} is {duration_text(_DRAIN)}", None, Basis.DEFAULT)
            return Effective(_DRAIN, (reason,))
        length = duration_ms(one.value)
        return Effective(UNKNOWN if length is None else length, one.because)

    return spread(value, read, DIFFER, Basis.ASSUMED)


def _shorter(
    own: Effective[int | Unknown], grace: Effective[int | Unknown], native: Effective[bool]
) -> Effective[int | Unknown]:
    if not isinstance(own.value, int) or not isinstance(grace.value, int):
        return Effective(UNKNOWN, own.because)
    if own.value < grace.value:
        return Effective(own.value, (*grace.because, *native.because, *own.because))
    return Effective(grace.value, (*native.because, *own.because, *grace.because))


def _grace(pod: PodTemplate) -> Effective[int | Unknown]:
    """`terminationGracePeriodSeconds` in ms; UNKNOWN where a controller may set it."""
    seconds, where = pod.spec.get("terminationGracePeriodSeconds"), grace_place(pod)
    if isinstance(seconds, int) and not isinstance(seconds, bool):
        return Effective(seconds * 1000, (Reason(f"the pod gets {seconds}s to stop", where),))
    if seconds is not None or pod.resource.group_kind in _FILLED_IN:
        return Effective(UNKNOWN, (Reason("the grace period of the pod is not known here", where, Basis.ASSUMED),))
    text = f"Kubernetes' default grace period is {duration_text(_GRACE)}"
    return Effective(_GRACE, (Reason(text, None, Basis.DEFAULT),))


def hold(pod: PodTemplate) -> list[Put]:
    """The change that makes the application wait for its proxy; none where the proxy is written in the manifest."""
    written = any(pod.resource.get(*path, "image") != "auto" for path in _proxies(pod))
    return [] if written else set_in_the_pod(pod, HOLD, True)


def grace_place(pod: PodTemplate) -> Location:
    """Where the pod says how long it may take to stop, or would say it."""
    return pod.resource.at(*pod.spec_path, "terminationGracePeriodSeconds")
