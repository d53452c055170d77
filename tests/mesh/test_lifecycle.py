"""How the sidecar of a pod starts and stops.

Mirrors istiod's `pkg/kube/inject/webhook.go DetectNativeSidecar`, the chart's `injection-template.yaml`,
`pilot/pkg/model/proxy_config.go EffectiveProxyConfig` (run: `false` over `true` holds, a text is no boolean) and
`pkg/envoy/agent.go terminate`.
"""

from __future__ import annotations

from typing import Any

import pytest

from meshlint.mesh.effective import UNKNOWN, Basis
from meshlint.mesh.istio.lifecycle import hold
from meshlint.mesh.mesh import Mesh
from meshlint.resource.workload import PodTemplate

from .conftest import assert_decides, created, mesh_of, workload_of

DEFAULT, DECLARED, ASSUMED = Basis.DEFAULT, Basis.DECLARED, Basis.ASSUMED


def pod(annotations: str = "", spec: str = "containers: [{name: app, image: app}]", kind: str = "Deployment") -> str:
    """A workload shop/cart; annotations and spec are flow mappings, a mark at the end of either goes with its line."""
    return f"""
---
{kind} shop/cart
spec:
  template:
    metadata:
      annotations: {{{annotations.removesuffix("<-")}}}{" # <-" if annotations.endswith("<-") else ""}
    spec: {{{spec.removesuffix("<-")}}}{" # <-" if spec.endswith("<-") else ""}
"""


def config(text: str) -> str:
    """A pod with this proxy configuration in its annotation, one setting a line."""
    lines = "\n".join(f"          {line}" for line in text.strip().splitlines())
    return f"""
---
Deployment shop/cart
spec:
  template:
    metadata:
      annotations:
        proxy.istio.io/config: |
{lines}
    spec: {{containers: [{{name: app, image: app}}]}}
"""


def mesh_settings(text: str) -> str:
    lines = "\n".join(f"      {line}" for line in text.strip().splitlines())
    return f"ConfigMap istio-system/istio\ndata:\n  mesh: |\n    defaultConfig:\n{lines}\n"


def template(mesh: Mesh) -> PodTemplate:
    found = workload_of(mesh, "shop/cart").pod
    assert found
    return found


OFF = {"istio_version": (1, 26)}
FALSE, TRUE = 'sidecar.istio.io/nativeSidecar: "false"', 'sidecar.istio.io/nativeSidecar: "true"'
BESIDE = "containers: [{name: app}, {name: istio-proxy, image: proxyv2}]"
BEFORE = "containers: [{name: app}], initContainers: [{name: istio-proxy, image: proxyv2, restartPolicy: Always}]"
OLD_NODE = "Node a\nstatus: {nodeInfo: {kubeletVersion: v1.33.2}}\n---\nNode b\nstatus: {nodeInfo: {kubeletVersion: v1.32.9-gke.100}} # <-\n"
NEW_NODE = "Node a\nstatus: {nodeInfo: {kubeletVersion: v1.34.0}} # <-\n"
ISTIOD = """
Deployment istio-system/istiod
spec:
  template:
    spec:
      containers:
      - name: discovery
        env:
        - name: ENABLE_NATIVE_SIDECARS
          value: "{}" # <-
"""
VALUES = "pilot:\n  env:\n    ENABLE_NATIVE_SIDECARS: {} # <-\nmeshConfig: {{}}\n"
OPERATOR = """
IstioOperator istio-system/istio
spec:
  components:
    pilot:
      k8s:
        env:
        - name: ENABLE_NATIVE_SIDECARS
          value: "{}" # <-
"""

NATIVE: dict[str, tuple[str, dict[str, Any], bool, Basis]] = {
    "nothing known": (pod(), {}, True, DEFAULT),
    "an old kubelet in the settings": (pod(), {"kubernetes_version": "1.32"}, False, DECLARED),
    "a new kubelet in the settings": (pod(), {"kubernetes_version": "1.33.1"}, True, DECLARED),
    "one old kubelet among the Nodes": (OLD_NODE + pod(), {}, False, DECLARED),
    "new kubelets": (NEW_NODE + pod(), {}, True, DECLARED),
    "the settings go before Nodes": (
        OLD_NODE.replace(" # <-", "") + pod(),
        {"kubernetes_version": "1.34"},
        True,
        DECLARED,
    ),
    "Istio before 1.27": (pod(), OFF, False, DECLARED),
    "Istio before 1.27 on new kubelets": (NEW_NODE.replace(" # <-", "") + pod(), OFF, False, DECLARED),
    "istiod is told to": (ISTIOD.format("true") + pod(), OFF, True, DECLARED),
    "istiod is told not to": (ISTIOD.format("false") + pod(), {}, False, DECLARED),
    "istiod does not understand it": (ISTIOD.format("yes") + pod(), {}, False, DECLARED),
    "istiod is told to find out": (
        ISTIOD.format("auto").replace(" # <-", "") + "---\n" + OLD_NODE + pod(),
        {},
        False,
        DECLARED,
    ),
    "chart values": (VALUES.format("true") + pod(), OFF, True, DECLARED),
    "an IstioOperator": (OPERATOR.format("false") + pod(), {}, False, DECLARED),
    "an old compatibilityVersion": ('compatibilityVersion: "1.26" # <-\nmeshConfig: {}\n' + pod(), {}, False, DECLARED),
    "a newer compatibilityVersion": ('compatibilityVersion: "1.28"\nmeshConfig: {}\n' + pod(), {}, True, DEFAULT),
    "the pod refuses": (NEW_NODE.replace(" # <-", "") + pod(FALSE + "<-"), {}, False, DECLARED),
    "the pod insists": (pod(TRUE + "<-"), OFF, True, DECLARED),
    "written beside the application": (pod(spec=BESIDE + "<-"), {}, False, DECLARED),
    "written before the application": (pod(FALSE, BEFORE + "<-"), OFF, True, DECLARED),
}


@pytest.mark.parametrize("text, settings, native, basis", NATIVE.values(), ids=NATIVE)
def test_native(text: str, settings: dict[str, Any], native: bool, basis: Basis) -> None:
    mesh = mesh_of(text, **settings)
    found = mesh.lifecycles.native(template(mesh))
    assert (found.value, found.basis) == (native, basis)
    assert_decides(found, text)


HOLD, START = "holdApplicationUntilProxyStarts: true", "holdApplicationUntilProxyStarts: false"
HOOK = "containers: [{name: app}, {name: istio-proxy, image: auto, lifecycle: {postStart: {exec: {command: [pilot-agent, wait]}}}}]"
HELD = {
    "Istio's default": (pod(), False, DEFAULT),
    "the mesh holds": (mesh_settings(HOLD + " # <-") + pod(), True, DECLARED),
    "the mesh does not": (mesh_settings(START + " # <-") + pod(), False, DECLARED),
    "the pod holds": (mesh_settings(START) + config(HOLD + " # <-"), True, DECLARED),
    "the pod starts at once": (mesh_settings(HOLD) + config(START + " # <-"), False, DECLARED),
    "the pod says something else": (mesh_settings(HOLD + " # <-") + config("concurrency: 2"), True, DECLARED),
    "a text is no boolean": (config('holdApplicationUntilProxyStarts: "false" # <-'), UNKNOWN, DECLARED),
    "no YAML": (config("holdApplicationUntilProxyStarts: ["), False, DEFAULT),
    "the chart holds, whatever the pod says": (
        "global:\n  proxy:\n    holdApplicationUntilProxyStarts: true # <-\nmeshConfig: {}\n" + config(START),
        True,
        DECLARED,
    ),
    "a hook of the proxy container": (pod(spec=HOOK + "<-"), True, DECLARED),
    "a ProxyConfig cannot say it": (
        "ProxyConfig shop/all\nspec: {holdApplicationUntilProxyStarts: true}\n" + pod(),
        False,
        DEFAULT,
    ),
}


@pytest.mark.parametrize("text, held, basis", HELD.values(), ids=HELD)
def test_held(text: str, held: object, basis: Basis) -> None:
    mesh = mesh_of(text)
    found = mesh.lifecycles.held(template(mesh))
    assert (found.value, found.basis) == (held, basis)
    assert_decides(found, text)


def test_mesh_configurations_that_differ_are_candidates() -> None:
    canary = mesh_settings(START).replace("istio-system/istio", "istio-system/istio-canary")
    mesh = mesh_of(mesh_settings(HOLD) + "---\n" + canary + pod())
    found = mesh.lifecycles.held(template(mesh))
    assert [c.value for c in found.candidates] == [True, False]
    assert found.because[0].basis is ASSUMED


GRACE = "terminationGracePeriodSeconds: 600, containers: [{name: app}]"
WAIT = "EXIT_ON_ZERO_ACTIVE_CONNECTIONS"
SLEEP = "terminationGracePeriodSeconds: 600, containers: [{name: istio-proxy, image: auto, lifecycle: {preStop: {exec: {command: [sleep, '60']}}}}]"
LIVES: dict[str, tuple[str, dict[str, Any], object, Basis]] = {
    "defaults of a native sidecar": (pod(), {}, 30_000, DEFAULT),
    "a native sidecar has the grace period": (pod(spec=GRACE + "<-"), {}, 600_000, DECLARED),
    "defaults of another sidecar": (pod(), OFF, 5_000, DEFAULT),
    "its drain time cuts": (pod(spec=GRACE), OFF, 5_000, DEFAULT),
    "its drain time in the pod": (config("terminationDrainDuration: 12s # <-"), OFF, 12_000, DECLARED),
    "its drain time in the mesh": (
        mesh_settings("terminationDrainDuration: 20s # <-") + pod(spec=GRACE),
        OFF,
        20_000,
        DECLARED,
    ),
    "the grace period cuts": (
        mesh_settings("terminationDrainDuration: 1200s") + pod(spec=GRACE + "<-"),
        OFF,
        600_000,
        DECLARED,
    ),
    "no duration": (config("terminationDrainDuration: soon # <-"), OFF, UNKNOWN, DECLARED),
    "it waits for its connections": (
        mesh_settings(f'proxyMetadata: {{{WAIT}: "true"}}') + pod(spec=GRACE + "<-"),
        OFF,
        600_000,
        DECLARED,
    ),
    "it is told not to wait": (
        mesh_settings(f'proxyMetadata: {{{WAIT}: "false"}}') + pod(spec=GRACE),
        OFF,
        5_000,
        DEFAULT,
    ),
    "a hook of its own holds it": (pod(spec=SLEEP + "<-"), OFF, 600_000, DECLARED),
    "ambient: no sidecar ends": (
        "Namespace shop {labels: {istio.io/dataplane-mode: ambient}}\n---\n" + pod(spec=GRACE + "<-"),
        OFF,
        600_000,
        DECLARED,
    ),
    "a grace period that is not known": (
        pod(spec='terminationGracePeriodSeconds: "${GRACE}", containers: []' + "<-"),
        {},
        UNKNOWN,
        ASSUMED,
    ),
}


@pytest.mark.parametrize("text, settings, lives, basis", LIVES.values(), ids=LIVES)
def test_drain(text: str, settings: dict[str, Any], lives: object, basis: Basis) -> None:
    mesh = mesh_of(text, **settings)
    found = mesh.lifecycles.drain(workload_of(mesh, "shop/cart"))
    assert (found.value, found.basis) == (lives, basis)
    if settings != OFF or found.because[-1].location:
        assert_decides(found, text)


@pytest.mark.parametrize("kind", ["InferenceService", "LLMInferenceService"])
def test_controllers_that_complete_the_pod_may_set_its_grace_period(kind: str) -> None:
    spec = "predictor" if kind == "InferenceService" else "template"
    mesh = mesh_of(f"{kind} shop/cart\nspec: {{{spec}: {{containers: [{{name: app}}]}}}}\n")
    (workload,) = mesh.workloads.supplied
    assert mesh.lifecycles.drain(workload).value is UNKNOWN


def environment(*configs: str, annotation: str = "") -> object:
    """What EXIT_ON_ZERO_ACTIVE_CONNECTIONS of shop/cart, labelled app: cart, is."""
    labelled = config(annotation or "concurrency: 1").replace("metadata:\n", "metadata:\n      labels: {app: cart}\n")
    mesh = mesh_of("---\n".join(configs) + labelled)
    return mesh._proxy_configs.environment(template(mesh), WAIT)


def proxy_config(name: str, value: str, selector: str = "", more: str = "") -> str:
    chosen = f", selector: {{matchLabels: {{{selector}}}}}" if selector else ""
    return f'ProxyConfig {name}{more}\nspec: {{environmentVariables: {{{WAIT}: "{value}"}}{chosen}}}\n'


MESH, SPACE, POD = (
    proxy_config("istio-system/mesh", "root"),
    proxy_config("shop/all", "namespace"),
    proxy_config("shop/cart", "selected", "app: cart"),
)
ANNOTATED = f"proxyMetadata: {{{WAIT}: annotated}}"


@pytest.mark.parametrize(
    ("configs", "annotation", "value"),
    [
        ((MESH,), "", "root"),
        ((MESH, SPACE), "", "namespace"),
        ((MESH, SPACE), ANNOTATED, "annotated"),
        ((MESH, SPACE, POD), ANNOTATED, "selected"),
        ((proxy_config("shop/other", "other", "app: other"),), "", None),
        ((proxy_config("bank/all", "other"),), "", None),
    ],
)
def test_the_environment_of_a_proxy(configs: tuple[str, ...], annotation: str, value: str | None) -> None:
    assert environment(*configs, annotation=annotation).value == value  # type: ignore[attr-defined]


def test_of_two_proxy_configs_of_one_scope_the_older_counts() -> None:
    younger = proxy_config("shop/a", "younger", more=f" {created(2)}")
    older = proxy_config("shop/b", "older", more=f" {created(1)}")
    assert environment(younger, older).value == "older"  # type: ignore[attr-defined]
    tie = environment(proxy_config("shop/a", "a"), proxy_config("shop/b", "b"))
    assert [c.value for c in tie.candidates] == ["a", "b"]  # type: ignore[attr-defined]


INSIDE = ("annotations", "proxy.istio.io/config", "holdApplicationUntilProxyStarts")
CHANGES: dict[str, tuple[str, list[tuple[tuple[str, ...], object]]]] = {
    "no annotation": (pod(), [(INSIDE[:2], "holdApplicationUntilProxyStarts: true")]),
    "another answer": (config(START), [(INSIDE, True)]),
    "another setting": (config("concurrency: 2"), [(INSIDE, True)]),
    "a proxy that is written out": (pod(spec=BESIDE), []),
}


@pytest.mark.parametrize("text, expected", CHANGES.values(), ids=CHANGES)
def test_what_makes_an_application_wait(text: str, expected: list[tuple[tuple[str, ...], object]]) -> None:
    below = len(("spec", "template", "metadata"))
    assert [(change.location.path[below:], change.value) for change in hold(template(mesh_of(text)))] == expected
