"""Mesh-wide settings, from every place that may hold them.

Mirrors istiod's `pkg/config/mesh/mesh.go DefaultMeshConfig` and `ApplyMeshConfig`.
"""

from __future__ import annotations

import pytest

from meshlint.mesh.effective import Basis
from meshlint.mesh.mesh import Mesh
from meshlint.resource.kinds import ISTIO_OPERATOR

from .conftest import assert_decides, line_of, marked, mesh_of

CONFIG_MAP = """
ConfigMap istio-system/istio
data:
  mesh: |
    trustDomain: example.com
    outboundTrafficPolicy:
      mode: REGISTRY_ONLY # <-
"""
OPERATOR = """
IstioOperator istio-system/istio
spec:
  meshConfig:
    outboundTrafficPolicy:
      mode: REGISTRY_ONLY # <-
"""
OPERATOR_VALUES = """
IstioOperator istio-system/istio
spec:
  values:
    meshConfig:
      outboundTrafficPolicy:
        mode: REGISTRY_ONLY # <-
"""
VALUES = """
meshConfig:
  outboundTrafficPolicy:
    mode: REGISTRY_ONLY # <-
"""
UMBRELLA = """
istiod:
  meshConfig:
    outboundTrafficPolicy:
      mode: REGISTRY_ONLY # <-
"""
OPEN = "---\nmeshConfig: {outboundTrafficPolicy: {mode: ALLOW_ANY}}\n"
OPEN_OPERATOR = (
    "---\nIstioOperator istio-system/other\nspec: {meshConfig: {outboundTrafficPolicy: {mode: ALLOW_ANY}}}\n"
)

SOURCES = {
    "ConfigMap": CONFIG_MAP,
    "ConfigMap of a revision": CONFIG_MAP.replace("istio-system/istio", "istio-system/istio-canary"),
    "IstioOperator": OPERATOR,
    "values of an IstioOperator": OPERATOR_VALUES,
    "Helm values of istiod": VALUES,
    "Helm values of a chart around istiod": UMBRELLA,
    "the ConfigMap goes before Helm values": CONFIG_MAP + OPEN,
    "the ConfigMap goes before an IstioOperator": CONFIG_MAP + OPEN_OPERATOR,
    "an IstioOperator goes before Helm values": OPERATOR + OPEN,
    "an IstioOperator without a name": OPERATOR.replace(
        "IstioOperator istio-system/istio", "apiVersion: install.istio.io/v1alpha1\nkind: IstioOperator"
    ),
}


@pytest.mark.parametrize("text", SOURCES.values(), ids=SOURCES)
def test_sources(text: str) -> None:
    found = mesh_of(text).meshconfig.value("outboundTrafficPolicy", "mode")
    assert (found.value, found.basis, found.candidates) == ("REGISTRY_ONLY", Basis.DECLARED, ())
    assert_decides(found, text)


def test_what_nobody_says_is_a_default() -> None:
    found = mesh_of(CONFIG_MAP).meshconfig.value("defaultHttpRetryPolicy")
    assert (found.value, found.basis, found.origin) == (None, Basis.DEFAULT, None)


NO_SOURCES = {
    "nothing": "Namespace shop",
    "another ConfigMap": CONFIG_MAP.replace("istio-system/istio", "istio-system/prometheus"),
    "ConfigMap without a mesh": "ConfigMap istio-system/istio\ndata: {meshNetworks: 'networks: {}'}",
    "the injector's ConfigMap": "ConfigMap istio-system/istio-sidecar-injector\ndata: {values: '{}', config: ''}",
    "ConfigMap that is not YAML": 'ConfigMap istio-system/istio\ndata: {mesh: "a: [b"}',
}


@pytest.mark.parametrize("text", NO_SOURCES.values(), ids=NO_SOURCES)
def test_no_source(text: str) -> None:
    found = mesh_of(text).meshconfig.value("outboundTrafficPolicy", "mode")
    assert (found.value, found.basis) == (None, Basis.DEFAULT)


def test_mesh_settings_that_cannot_be_read_are_told() -> None:
    (failure,) = mesh_of(NO_SOURCES["ConfigMap that is not YAML"]).meshconfig.failures
    assert failure.message.startswith("data.mesh of ConfigMap istio is not YAML (line 2, column 1: not YAML")
    assert failure.line == 4


def test_mesh_settings_that_istiod_refuses_are_told_and_judged_all_the_same() -> None:
    """`pkg/config/mesh/meshwatcher NewCollection` leaves all of them out, but their author will mend the one that is wrong."""
    text = """
IstioOperator istio-system/istio
spec:
  meshConfig:
    proxyListenPort: 70000 # <-
    outboundTrafficPolicy: {mode: REGISTRY_ONLY}
"""
    mesh = mesh_of(text)
    (failure,) = mesh.meshconfig.failures
    assert (failure.kind, failure.line) == ("settings", 6)
    assert failure.message.startswith(
        "spec.meshConfig of IstioOperator istio is not what istiod takes (proxyListenPort "
    )
    assert failure.message.endswith("; istiod leaves all of it out")
    assert mesh.meshconfig.value("outboundTrafficPolicy", "mode").value == "REGISTRY_ONLY"
    assert Mesh(mesh.inventory, mesh.settings, stored=True).meshconfig.value("outboundTrafficPolicy").value is None
    (operator,) = mesh.inventory.all(ISTIO_OPERATOR)
    stated = mesh.meshconfig.stated(operator, "proxyListenPort")
    assert stated and stated[0] == 70000 and line_of(stated[1]) == marked(text)


def test_an_istio_operator_s_mesh_config_lies_over_that_of_its_values() -> None:
    """`operator/pkg/render/manifest.go translateIstioOperatorToHelm` merges it into values.meshConfig."""
    text = """
IstioOperator istio-system/istio
spec:
  meshConfig: {accessLogFile: /dev/stdout}
  values:
    meshConfig:
      outboundTrafficPolicy:
        mode: REGISTRY_ONLY # <-
"""
    found = mesh_of(text).meshconfig.value("outboundTrafficPolicy", "mode")
    assert found.value == "REGISTRY_ONLY"
    assert_decides(found, text)


TWO = (
    CONFIG_MAP
    + "---\n"
    + CONFIG_MAP.replace("istio-system/istio", "istio-system/istio-canary").replace("REGISTRY_ONLY # <-", "ALLOW_ANY")
)


def test_sources_that_differ_are_candidates() -> None:
    found = mesh_of(TWO).meshconfig.value("outboundTrafficPolicy", "mode")
    assert (found.value, found.basis) == ("REGISTRY_ONLY", Basis.ASSUMED)
    assert [(c.value, line_of(c.origin)) for c in found.candidates] == [
        ("REGISTRY_ONLY", ["mode: REGISTRY_ONLY"]),
        ("ALLOW_ANY", ["mode: ALLOW_ANY"]),
    ]


def test_sources_that_agree_are_one() -> None:
    found = mesh_of(TWO).meshconfig.value("trustDomain")
    assert (found.value, found.basis, found.candidates) == ("example.com", Basis.DECLARED, ())


ROOTS = {
    "default": ("Namespace shop", {}, "istio-system"),
    "meshConfig": ("ConfigMap istio-system/istio\ndata: {mesh: 'rootNamespace: root'}", {}, "root"),
    "setting": ("ConfigMap istio-system/istio\ndata: {mesh: 'rootNamespace: root'}", {"root_namespace": "own"}, "own"),
}


@pytest.mark.parametrize("text, settings, root", ROOTS.values(), ids=ROOTS)
def test_root_namespace(text: str, settings: dict[str, str], root: str) -> None:
    assert mesh_of(text, **settings).meshconfig.root_namespace == root


def test_a_place_goes_on_inside_the_yaml_of_a_string() -> None:
    where = mesh_of(CONFIG_MAP).meshconfig.value("outboundTrafficPolicy", "mode").origin
    assert where
    assert where.pointer == "data.mesh.outboundTrafficPolicy.mode"
    assert line_of(where) == marked(CONFIG_MAP)


ASSUMPTIONS = {
    "nothing said": (
        "Namespace shop",
        {},
        [
            "Istio 1.32 (the newest modelled; setting istio-version)",
            "mesh settings: Istio's defaults (no ConfigMap istio, IstioOperator or istiod values in the input)",
        ],
    ),
    "said": (
        CONFIG_MAP,
        {"istio_version": (1, 26), "places": {"istio-version": None}},
        ["Istio 1.26", "mesh settings from ConfigMap istio (mesh.yaml)"],
    ),
}


@pytest.mark.parametrize("text, settings, lines", ASSUMPTIONS.values(), ids=ASSUMPTIONS)
def test_assumptions(text: str, settings: dict[str, object], lines: list[str]) -> None:
    assert mesh_of(text, **settings).assumptions == lines
