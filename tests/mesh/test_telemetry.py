"""What the proxies of a workload report.

Mirrors istiod's `pilot/pkg/model/telemetry.go applicableTelemetries`, `Tracing`, `mergeMetrics`, `fetchProvider` and
`core/tracing.go configureTracingFromTelemetry`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from meshlint.mesh.effective import Basis
from meshlint.mesh.istio.telemetry import CLIENT, COUNT, DURATION, SERVER
from meshlint.mesh.mesh import Mesh

from .conftest import assert_decides, created, line_of, mesh_of, workload_of
from .test_hops import gateway, route, server

DEFAULT, DECLARED, ASSUMED = Basis.DEFAULT, Basis.DECLARED, Basis.ASSUMED
POD = "Pod ml/llama {labels: {app: llama}}\nspec: {containers: []}\n"
ROOT_POD = "Pod istio-system/llama {labels: {app: llama}}\nspec: {containers: []}\n"


def telemetry(name: str, spec: str, more: str = "") -> str:
    return f"---\nTelemetry {name}{more}\nspec: {{{spec}}}\n"


def settings(text: str) -> str:
    lines = "\n".join(f"    {line}" for line in text.strip().splitlines())
    return f"---\nConfigMap istio-system/istio\ndata:\n  mesh: |\n{lines}\n"


def names(mesh: Mesh, workload: str) -> list[list[str]]:
    return [[str(t.name) for t in order] for order in mesh.telemetries.of(workload_of(mesh, workload))]


APP = "selector: {matchLabels: {app: llama}}"
OF = {
    "none": ("", [[]]),
    "mesh, namespace, selector": (
        telemetry("ml/own", APP) + telemetry("ml/space", "") + telemetry("istio-system/mesh", ""),
        [["mesh", "space", "own"]],
    ),
    "others": (
        telemetry("ml/other", "selector: {matchLabels: {app: other}}")
        + telemetry("bank/space", "")
        + telemetry("istio-system/selecting", APP)
        + telemetry("ml/attached", "targetRefs: [{kind: Service, name: llama}]"),
        [[]],
    ),
    "the oldest of a scope": (
        telemetry("ml/a", "", f" {created(2)}") + telemetry("ml/b", "", f" {created(1)}"),
        [["b"]],
    ),
    "all that select it, the oldest first": (
        telemetry("ml/a", APP, f" {created(2)}") + telemetry("ml/b", APP, f" {created(1)}"),
        [["b", "a"]],
    ),
    "a tie of a scope": (telemetry("ml/a", "") + telemetry("ml/b", ""), [["a"], ["b"]]),
    "a tie of two that select it": (telemetry("ml/a", APP) + telemetry("ml/b", APP), [["a", "b"], ["b", "a"]]),
}


@pytest.mark.parametrize("text, expected", OF.values(), ids=OF)
def test_the_telemetries_of_a_workload(text: str, expected: list[list[str]]) -> None:
    assert names(mesh_of(POD + text), "ml/llama") == expected


def test_in_the_root_namespace_a_selector_takes_pods_of_it() -> None:
    assert names(mesh_of(ROOT_POD + telemetry("istio-system/own", APP)), "istio-system/llama") == [["own"]]


def test_a_gateway_of_the_gateway_api_has_what_is_attached_to_it() -> None:
    pod = "Pod ml/edge {labels: {gateway.networking.k8s.io/gateway-name: edge}}\nspec: {containers: []}\n"
    attached = telemetry("ml/edge", "targetRefs: [{kind: Gateway, name: edge}]")
    other = telemetry("ml/other", "targetRefs: [{kind: Gateway, name: other}]")
    assert names(mesh_of(pod + attached + other), "ml/edge") == [["edge"]]


def concerned(text: str, name: str) -> list[str]:
    mesh = mesh_of(text)
    chosen = next(t for t in mesh.inventory.resources if t.kind == "Telemetry" and t.name == name)
    return [str(w) for w in mesh.telemetries.concerned(chosen)]


ASKED = "Namespace ml {labels: {istio-injection: enabled}}\n---\nNamespace rag {labels: {istio.io/dataplane-mode: ambient}}\n---\n"
PODS = (
    ASKED
    + POD
    + "---\nPod ml/tei {labels: {app: tei}}\nspec: {containers: []}\n---\nPod rag/index\nspec: {containers: []}\n"
)


@pytest.mark.parametrize(
    ("name", "spec", "expected"),
    [
        ("ml/t", APP, ["ml/llama"]),
        ("ml/t", "", ["ml/llama", "ml/tei"]),
        ("istio-system/t", "", ["ml/llama", "ml/tei"]),
        ("rag/t", "", []),
    ],
)
def test_the_workloads_of_a_telemetry(name: str, spec: str, expected: list[str]) -> None:
    assert concerned(PODS + telemetry(name, spec), "t") == expected


OTEL = "extensionProviders:\n- name: otel\n"
BY_DEFAULT = OTEL + "defaultProviders:\n  tracing: [otel] # <-\n"
TRACING: dict[str, tuple[str, tuple[str | None, bool, bool], Basis]] = {
    "nothing": ("", (None, True, False), ASSUMED),
    "nothing, and the mesh settings are known": (settings("trustDomain: a"), (None, True, False), DEFAULT),
    "the mesh settings": (settings(BY_DEFAULT), ("otel", True, True), DECLARED),
    "a Telemetry": (
        settings(OTEL) + telemetry("ml/t", "tracing: [{providers: [{name: OTel}]}]").replace("}\n", "} # <-\n"),
        ("otel", True, True),
        DECLARED,
    ),
    "only the first provider counts": (
        settings(OTEL)
        + telemetry("ml/t", "tracing: [{providers: [{name: otel}, {name: x}]}]").replace("}\n", "} # <-\n"),
        ("otel", True, True),
        DECLARED,
    ),
    "a provider that is not defined": (
        settings(OTEL) + telemetry("ml/t", "tracing: [{providers: [{name: jaeger}]}]").replace("}\n", "} # <-\n"),
        ("jaeger", False, True),
        DECLARED,
    ),
    "no provider to be found": (
        settings("trustDomain: a")
        + telemetry("ml/t", "tracing: [{randomSamplingPercentage: 5}]").replace("}\n", "} # <-\n"),
        (None, True, False),
        DEFAULT,
    ),
    "the provider is inherited": (
        settings(BY_DEFAULT) + telemetry("ml/t", "tracing: [{randomSamplingPercentage: 5}]"),
        ("otel", True, True),
        DECLARED,
    ),
    "no request is sampled": (
        settings(BY_DEFAULT.replace(" # <-", ""))
        + telemetry("ml/t", "tracing: [{randomSamplingPercentage: 0}]").replace("}\n", "} # <-\n"),
        ("otel", True, False),
        DECLARED,
    ),
    "a namespace samples again": (
        settings(BY_DEFAULT)
        + telemetry("istio-system/t", "tracing: [{randomSamplingPercentage: 0}]")
        + telemetry("ml/t", "tracing: [{randomSamplingPercentage: 1}]"),
        ("otel", True, True),
        DECLARED,
    ),
    "switched off": (
        settings(BY_DEFAULT.replace(" # <-", ""))
        + telemetry("ml/t", "tracing: [{disableSpanReporting: true}]").replace("}\n", "} # <-\n"),
        (None, True, False),
        DECLARED,
    ),
    "switched off, with nobody to report to": (
        telemetry("ml/t", "tracing: [{disableSpanReporting: true}]").replace("}\n", "} # <-\n"),
        (None, True, False),
        DECLARED,
    ),
    "switched on again": (
        settings(BY_DEFAULT)
        + telemetry("istio-system/t", "tracing: [{disableSpanReporting: true}]")
        + telemetry("ml/t", "tracing: [{disableSpanReporting: false}]"),
        ("otel", True, True),
        DECLARED,
    ),
    "switched off for calls that go out": (
        settings(BY_DEFAULT) + telemetry("ml/t", "tracing: [{match: {mode: CLIENT}, disableSpanReporting: true}]"),
        ("otel", True, True),
        DECLARED,
    ),
    "a switch that is not known": (
        settings(BY_DEFAULT) + telemetry("ml/t", 'tracing: [{disableSpanReporting: "${OFF}"}]'),
        ("otel", True, True),
        DECLARED,
    ),
    "a tracer of the proxies": (
        settings("defaultConfig:\n  tracing:\n    zipkin: {address: 'zipkin:9411'} # <-"),
        ("zipkin of the proxy's settings", True, True),
        DECLARED,
    ),
    "a tracer of the proxies counts for nothing beside a Telemetry": (
        settings("defaultConfig:\n  tracing:\n    zipkin: {address: 'zipkin:9411'}")
        + telemetry("ml/t", "tracing: [{randomSamplingPercentage: 5}]").replace("}\n", "} # <-\n"),
        (None, True, False),
        DEFAULT,
    ),
    "tracing is off": (
        settings("enableTracing: false\ndefaultConfig:\n  tracing:\n    zipkin: {address: 'zipkin:9411'}"),
        (None, True, False),
        DEFAULT,
    ),
}


@pytest.mark.parametrize("text, expected, basis", TRACING.values(), ids=TRACING)
def test_tracing(text: str, expected: tuple[str | None, bool, bool], basis: Basis) -> None:
    mesh = mesh_of(POD + text)
    found = mesh.telemetries.tracing(workload_of(mesh, "ml/llama"))
    assert (tuple(found.value), found.basis) == (expected, basis)
    assert_decides(found, text)


def test_a_gateway_reports_as_a_client() -> None:
    off = telemetry("istio-system/t", "tracing: [{match: {mode: CLIENT}, disableSpanReporting: true}]")
    mesh = mesh_of(gateway("public") + POD + settings(BY_DEFAULT) + off)
    providers = {
        name: mesh.telemetries.tracing(workload_of(mesh, name)).value.provider for name in ("edge/public", "ml/llama")
    }
    assert providers == {"edge/public": None, "ml/llama": "otel"}


def test_a_tie_of_telemetries_is_one_of_their_tracings() -> None:
    on = telemetry("ml/sends", "tracing: [{providers: [{name: otel}]}]")
    off = telemetry("ml/quiet", "tracing: [{disableSpanReporting: true}]")
    mesh = mesh_of(POD + settings(OTEL) + on + off)
    found = mesh.telemetries.tracing(workload_of(mesh, "ml/llama"))
    assert [c.value.provider for c in found.candidates] == [None, "otel"]
    assert found.because[0].basis is Basis.TIE


def test_up_to_1_21_spans_went_to_zipkin() -> None:
    mesh = mesh_of(POD, istio_version=(1, 21))
    assert mesh.telemetries.tracing(workload_of(mesh, "ml/llama")).value.provider == "zipkin"


CHAIN = gateway("public") + server("llama") + route("a", "llama", ", gateways: [edge/public]")
OFF = "tracing: [{disableSpanReporting: true}]"
QUIET = "tracing: [{randomSamplingPercentage: 0}]"
TO = "tracing: [{providers: [{name: tempo}]}]"
BOTH = "extensionProviders:\n- name: otel\n- name: tempo\ndefaultProviders:\n  tracing: [otel]\n"
HOLES: dict[str, tuple[str, list[tuple[str, str, list[str]]]]] = {
    "all is well": ("", []),
    "the workload is silent": (telemetry("ml/t", OFF), [("no spans come from", "ml/llama-v1", [f"spec: {{{OFF}}}"])]),
    "the gateway is silent": (telemetry("edge/t", OFF), [("no spans come from", "edge/public", [f"spec: {{{OFF}}}"])]),
    "a workload that samples nothing goes on with what the gateway began": (telemetry("ml/t", QUIET), []),
    "a gateway that samples nothing": (
        telemetry("edge/t", QUIET),
        [("no trace begins before or at", "edge/public", [f"spec: {{{QUIET}}}"])],
    ),
    "nobody samples anything": (
        telemetry("istio-system/t", QUIET),
        [
            ("no trace begins before or at", "ml/llama-v1", [f"spec: {{{QUIET}}}"]),
            ("no trace begins before or at", "edge/public", [f"spec: {{{QUIET}}}"]),
        ],
    ),
    "two providers": (
        telemetry("ml/t", TO),
        [("its spans go to tempo, but to otel from", "edge/public", [f"spec: {{{TO}}}"])],
    ),
    "the gateway's own provider": (
        telemetry("istio-system/t", "tracing: [{randomSamplingPercentage: 1}]") + telemetry("edge/t", TO),
        [("its spans go to otel, but to tempo from", "edge/public", ["tracing: [otel]"])],
    ),
    "the provider of the mesh's Telemetry, and another": (
        telemetry("istio-system/t", "tracing: [{providers: [{name: otel}]}]") + telemetry("edge/t", TO),
        [("its spans go to otel, but to tempo from", "edge/public", [f"spec: {{{TO}}}"])],
    ),
    "a provider that is not defined is another matter": (
        telemetry("ml/t", "tracing: [{providers: [{name: jaeger}]}]"),
        [],
    ),
}


@pytest.mark.parametrize("text, expected", HOLES.values(), ids=HOLES)
def test_holes(text: str, expected: list[tuple[str, str, list[str]]]) -> None:
    mesh = mesh_of(CHAIN + settings(BOTH).removeprefix("---\n") + text + telemetry("x/policy-of-the-mesh", ""))
    in_mesh = [
        workload_of(mesh, name)._replace(in_mesh=workload_of(mesh, "edge/public").in_mesh) for name in ("ml/llama-v1",)
    ]
    way = [*in_mesh, workload_of(mesh, "edge/public")]
    found = [(hole.trouble, str(hole.hop), line_of(hole.tracing.origin)) for hole in mesh.telemetries.holes(way)]
    assert found == expected


def override(metric: str, tags: str, more: str = "", mode: str = "SERVER") -> str:
    return f"{{match: {{metric: {metric}, mode: {mode}}}, tagOverrides: {{{tags}}}{more}}}"


def metrics(*overrides: str, providers: str = "providers: [{name: prometheus}], ") -> str:
    return f"metrics: [{{{providers}overrides: [{', '.join(overrides)}]}}]"


ADD, OTHER, REMOVE = "model: {value: a}", "model: {operation: UPSERT, value: b}", "model: {operation: REMOVE}"
EMPTY: Mapping[str, str] = {}
TAGS: dict[str, tuple[str, Mapping[str, str]]] = {
    "none": ("", EMPTY),
    "one": (telemetry("ml/t", metrics(override(COUNT, ADD))), {"model": "a"}),
    "of another metric": (telemetry("ml/t", metrics(override(DURATION, ADD))), EMPTY),
    "of all metrics": (telemetry("ml/t", metrics(override("ALL_METRICS", ADD))), {"model": "a"}),
    "without a match": (telemetry("ml/t", metrics(f"{{tagOverrides: {{{ADD}}}}}")), {"model": "a"}),
    "of a custom metric": (
        telemetry("ml/t", metrics(f"{{match: {{customMetric: x}}, tagOverrides: {{{ADD}}}}}")),
        EMPTY,
    ),
    "of the client": (telemetry("ml/t", metrics(override(COUNT, ADD, mode=CLIENT))), EMPTY),
    "of both sides": (telemetry("ml/t", metrics(override(COUNT, ADD, mode="CLIENT_AND_SERVER"))), {"model": "a"}),
    "a metric that is switched off": (telemetry("ml/t", metrics(override(COUNT, ADD, ", disabled: true"))), EMPTY),
    "the mesh's stays": (
        telemetry("istio-system/t", metrics(override(COUNT, ADD)))
        + telemetry("ml/t", metrics(override(COUNT, "x: {value: z}"))),
        {"model": "a", "x": "z"},
    ),
    "the narrower scope goes over it": (
        telemetry("istio-system/t", metrics(override(COUNT, ADD))) + telemetry("ml/t", metrics(override(COUNT, OTHER))),
        {"model": "b"},
    ),
    "removed again": (
        telemetry("istio-system/t", metrics(override(COUNT, ADD)))
        + telemetry("ml/t", metrics(override(COUNT, REMOVE))),
        EMPTY,
    ),
    "of the default provider": (telemetry("ml/t", metrics(override(COUNT, ADD), providers="")), {"model": "a"}),
    "without any provider": (
        settings("trustDomain: a") + telemetry("ml/t", metrics(override(COUNT, ADD), providers="")),
        EMPTY,
    ),
    "of a provider that a narrower scope replaces": (
        telemetry("istio-system/t", metrics(override(COUNT, ADD)))
        + telemetry("ml/t", metrics(providers="providers: [{name: stackdriver}], ")),
        EMPTY,
    ),
}


@pytest.mark.parametrize("text, expected", TAGS.values(), ids=TAGS)
def test_tags(text: str, expected: Mapping[str, str]) -> None:
    mesh = mesh_of(POD + text)
    found = mesh.telemetries.tags(workload_of(mesh, "ml/llama"), SERVER, COUNT)
    assert {name: tag.value for name, tag in found.items()} == expected


def test_a_tag_is_where_its_expression_stands() -> None:
    text = """---
Telemetry ml/t
spec:
  metrics:
  - overrides:
    - match: {metric: REQUEST_COUNT}
      tagOverrides:
        model:
          value: a
"""
    mesh = mesh_of(POD + text)
    tag = mesh.telemetries.tags(workload_of(mesh, "ml/llama"), SERVER, COUNT)["model"]
    assert (line_of(tag.place), line_of(tag.override)) == (["value: a"], ["- match: {metric: REQUEST_COUNT}"])


def test_a_label_of_one_of_the_two_metrics() -> None:
    tags = metrics(
        override(COUNT, "both: {value: a}, count: {value: b}"), override(DURATION, "both: {value: a}, time: {value: c}")
    )
    mesh = mesh_of(POD + telemetry("ml/t", tags))
    found = [(tag.name, metric) for tag, metric in mesh.telemetries.one_sided(workload_of(mesh, "ml/llama"))]
    assert found == [("count", COUNT), ("time", DURATION)]


DEMO = "---\nIstioOperator istio-system/istio\nspec: {profile: demo, meshConfig: {trustDomain: a}}\n"
DEFINED: dict[str, tuple[str, dict[str, Any], str, bool, Basis]] = {
    "built in": ("", {}, "Prometheus", True, DECLARED),
    "nobody knows": ("", {}, "tempo", True, ASSUMED),
    "once built in": ("", {}, "zipkin", False, DEFAULT),
    "once built in, and still": ("", {"istio_version": (1, 21)}, "zipkin", True, DECLARED),
    "nothing else exists": ("", {"world": "closed"}, "tempo", False, DECLARED),
    "defined": (settings(OTEL), {}, "OTEL", True, DECLARED),
    "not among them": (settings(OTEL), {}, "tempo", False, DECLARED),
    "the mesh settings define none": (settings("trustDomain: a"), {}, "tempo", False, DECLARED),
    "a list that is not known": (settings('extensionProviders: "${PROVIDERS}"'), {}, "tempo", True, ASSUMED),
    "a name in it that is not known": (settings('extensionProviders:\n- name: "${NAME}"'), {}, "tempo", True, ASSUMED),
    "the demo profile": (DEMO, {}, "jaeger", True, DECLARED),
    "the demo profile with a list of its own": (
        DEMO.replace("trustDomain: a", "extensionProviders: [{name: x}]"),
        {},
        "jaeger",
        False,
        DECLARED,
    ),
}


@pytest.mark.parametrize("text, given, name, defined, basis", DEFINED.values(), ids=DEFINED)
def test_defined(text: str, given: dict[str, Any], name: str, defined: bool, basis: Basis) -> None:
    found = mesh_of(POD + text, **given).telemetries.providers.defined(name)
    assert (found.value, found.basis) == (defined, basis)


def test_where_mesh_settings_differ_each_place_says_what_is_told_of_it() -> None:
    operator = "---\nIstioOperator istio-system/{}\nspec:\n  meshConfig: {}\n"
    one = operator.format("a", "{extensionProviders: [{name: otel}]}")
    mesh = mesh_of(POD + one + operator.format("b", "{trustDomain: b}"))
    found = {outcome.value: outcome for outcome in mesh.telemetries.providers.defined("otel").candidates}
    told = {value: [(r.text, line_of(r.location)) for r in outcome.because] for value, outcome in found.items()}
    assert told == {
        True: [("the mesh settings define otel", ["meshConfig: {extensionProviders: [{name: otel}]}"])],
        False: [("the mesh settings define no providers", ["meshConfig: {trustDomain: b}"])],
    }


def claims(text: str) -> list[tuple[str, str, bool]]:
    mesh = mesh_of(POD + text)
    chosen = next(t for t in mesh.inventory.resources if t.kind == "Telemetry" and t.name == "t")
    return [(c.provider, c.signals, c.defined.value) for c in mesh.telemetries.providers.claims(chosen)]


KNOWN = settings(OTEL)
CLAIMS = {
    "each provider of metrics": (
        telemetry("ml/t", "metrics: [{providers: [{name: otel}, {name: x}]}]"),
        [("otel", "metrics for otel", True), ("x", "metrics for x", False)],
    ),
    "the first of tracing": (
        telemetry("ml/t", "tracing: [{providers: [{name: x}, {name: y}]}]"),
        [("x", "traces", False)],
    ),
    "access logs": (telemetry("ml/t", "accessLogging: [{providers: [{name: x}]}]"), [("x", "access logs", False)]),
    "a name that is not known": (
        telemetry("ml/t", 'tracing: [{providers: [{name: "${P}"}]}]'),
        [("${P}", "traces", True)],
    ),
    "switched off": (
        telemetry(
            "ml/t", "accessLogging: [{providers: [{name: x}], disabled: true}], tracing: [{disableSpanReporting: true}]"
        ),
        [],
    ),
    "no provider": (
        telemetry("ml/t", "tracing: [{}], accessLogging: [{}], metrics: [{}]"),
        [("", "traces", False), ("", "access logs", False)],
    ),
    "inherited from the mesh": (
        telemetry("ml/t", "tracing: [{}]") + telemetry("istio-system/m", "tracing: [{providers: [{name: otel}]}]"),
        [],
    ),
    "a narrower one may name it": (
        telemetry("istio-system/t", "tracing: [{}]") + telemetry("ml/m", "tracing: [{providers: [{name: otel}]}]"),
        [],
    ),
    "that of another namespace is none": (
        telemetry("ml/t", "tracing: [{}]") + telemetry("rag/m", "tracing: [{providers: [{name: otel}]}]"),
        [("", "traces", False)],
    ),
}


@pytest.mark.parametrize("text, expected", CLAIMS.values(), ids=CLAIMS)
def test_claims(text: str, expected: list[tuple[str, str, bool]]) -> None:
    assert claims(KNOWN + text) == expected


def test_the_log_file_of_the_mesh_stands_in_for_a_provider() -> None:
    known = settings(OTEL + "accessLogFile: /dev/stdout\n")
    assert claims(known + telemetry("ml/t", "accessLogging: [{}]")) == []
    named = claims(known + telemetry("ml/t", "accessLogging: [{providers: [{name: x}]}]"))
    assert named == [("x", "access logs for x", False)]


def test_without_the_mesh_settings_nobody_knows_whether_there_is_a_default_provider() -> None:
    assert claims(telemetry("ml/t", "tracing: [{}], accessLogging: [{}]")) == []
