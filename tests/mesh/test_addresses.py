"""The hosts by which callers address a workload."""

from __future__ import annotations

import pytest

from meshlint.mesh.istio.addresses import Addresses

from .conftest import mesh_of, workload_of

LLM = "Pod ai/llm {labels: {app: llm}}\nspec: {containers: []}\n---\n"
SERVICE = "Service ai/llm\nspec: {selector: {app: llm}, ports: [{port: 80}]}\n---\n"
OWN = ("llm", "llm.ai", "llm.ai.svc", "llm.ai.svc.cluster.local")


def route(hosts: str, more: str = "") -> str:
    return (
        f"VirtualService ai/r\nspec:\n  hosts: [{hosts}]\n  http:\n"
        f"    - route: [{{destination: {{host: llm.ai.svc.cluster.local}}}}]{more}\n---\n"
    )


NAMES = {
    "its Service": (LLM + SERVICE, OWN),
    "nothing known": (LLM, ()),
    "a Service of other pods": (LLM + SERVICE.replace("app: llm", "app: x"), ()),
    "a headless Service": (
        LLM + SERVICE.replace("spec: {", "spec: {clusterIP: None, "),
        (*OWN, *(f"pod.{name}" for name in OWN)),
    ),
    "a Service for the outside": (LLM + SERVICE.replace("spec: {", "spec: {type: NodePort, "), ()),
    "an Ingress": (LLM + SERVICE + "Ingress ai/i\nspec: {defaultBackend: {service: {name: llm}}}\n", ()),
    "a route of the Gateway API": (
        LLM + SERVICE + "HTTPRoute ai/r\nspec: {parentRefs: [{name: g}], rules: [{backendRefs: [{name: llm}]}]}\n",
        (),
    ),
    "a route that keeps the host": (LLM + SERVICE + route("Chat.example.com"), ("chat.example.com", *OWN)),
    "a route that writes the host": (
        LLM + SERVICE + route("chat.example.com", "\n      rewrite: {authority: inner}"),
        ("inner", *OWN),
    ),
    "a route for many hosts": (LLM + SERVICE + route("'*.example.com'"), ()),
    "a ServiceEntry": (
        LLM + "ServiceEntry ai/e\nspec:\n  hosts: [Models.internal]\n  workloadSelector: {labels: {app: llm}}\n",
        ("models.internal",),
    ),
}


@pytest.mark.parametrize("text, names", NAMES.values(), ids=NAMES)
def test_names(text: str, names: tuple[str, ...]) -> None:
    mesh = mesh_of(text)
    assert set(Addresses(mesh.inventory, mesh.hops, mesh.domain).of(workload_of(mesh, "ai/llm"))) == set(names)


def test_an_implied_workload_is_called_by_its_name() -> None:
    mesh = mesh_of("AuthorizationPolicy ai/p\nspec: {selector: {matchLabels: {app: llm}}}\n")
    assert Addresses(mesh.inventory, mesh.hops, mesh.domain).of(workload_of(mesh, "ai/llm")) == OWN
