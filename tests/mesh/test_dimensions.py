"""What names stand for, and what shows that several models or tenants share a workload."""

from __future__ import annotations

import pytest

from meshlint.mesh.dimensions import Dimension, dimension, shared_by
from meshlint.mesh.mesh import Mesh

from .conftest import line_of, mesh_of

MODEL, TENANT = Dimension.MODEL, Dimension.TENANT


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("x-model-name", MODEL),
        ("model", MODEL),
        ("base_model", MODEL),
        ("x-gateway-base-model-name", MODEL),
        ("lora", MODEL),
        ("x-tenant-id", TENANT),
        ("X-Org-Id", TENANT),
        ("user", TENANT),
        ("user-agent", None),
        ("modelling", None),
        ("region", None),
    ],
)
def test_dimension(name: str, expected: Dimension | None) -> None:
    assert dimension(name) is expected


def routes(*matches: str) -> str:
    rules = ", ".join(f"{{match: [{match}], route: [{{destination: {{host: llama}}}}]}}" for match in matches)
    return f"VirtualService ml/a\nspec: {{hosts: [llama], http: [{rules}]}}\n"


A, B = "{headers: {x-model: {exact: a}}}", "{headers: {x-model: {exact: b}}}"
SHARED = {
    "one model": (routes(A), []),
    "two models": (routes(A, B), [MODEL]),
    "one model twice": (routes(A, A), []),
    "a tenant": (routes("{headers: {x-tenant-id: {exact: acme}}}"), [TENANT]),
    "models and a tenant": (routes(A, B, "{headers: {x-tenant-id: {regex: .+}}}"), [MODEL, TENANT]),
    "another header": (routes("{headers: {x-beta: {exact: a}}}", "{headers: {x-beta: {exact: b}}}"), []),
    "paths": (routes("{uri: {prefix: /model-a}}", "{uri: {prefix: /model-b}}"), []),
}


def shared(mesh: Mesh) -> list[Dimension]:
    return list(shared_by(mesh.routes, next(iter(mesh.inventory.pods), None)))


@pytest.mark.parametrize("text, expected", SHARED.values(), ids=SHARED)
def test_routes_that_show_it(text: str, expected: list[Dimension]) -> None:
    assert shared(mesh_of(text)) == expected


@pytest.mark.parametrize(
    ("args", "several"),
    [
        ("--model=a, --lora-modules, a=/a, b=/b, --port=1", True),
        ("--lora-modules a=/a b=/b", True),
        ("--lora-modules=a=/a, b=/b", True),
        ("--lora-modules, a=/a, --port=1", False),
        ("--lora-modules=a=/a", False),
        ("--enable-lora", False),
    ],
)
def test_adapters_that_show_it(args: str, several: bool) -> None:
    mesh = mesh_of(f"Pod ml/llama\nspec: {{containers: [{{name: vllm, args: [{args}]}}]}}\n")
    assert shared(mesh) == ([MODEL] if several else [])


def test_what_names_no_model_gets_one_where_others_have_servers_of_their_own() -> None:
    chat = "{uri: {prefix: /v1/chat/completions}}"
    named, other, unnamed = mesh_of(routes(A, B, chat)).routes
    (beta,) = mesh_of(routes("{headers: {x-beta: {exact: a}}}")).routes
    assert list(shared_by([named, unnamed], None, [other])) == []
    assert list(shared_by([named, unnamed], None, [beta])) == [MODEL]
    assert list(shared_by([named, other, unnamed], None, [other])) == [MODEL]


def test_one_model_and_whatever_else_is_asked_for() -> None:
    """Requests that name none, but not those that generate nothing."""
    chat, health = "{uri: {prefix: /v1/chat/completions}}", "{uri: {prefix: /health}}"
    assert shared(mesh_of(routes(A, chat))) == [MODEL]
    assert shared(mesh_of(routes(A, health))) == []
    assert shared(mesh_of(routes(chat))) == []


def test_it_is_shown_where_the_first_route_says_so() -> None:
    text = """
VirtualService ml/a
spec:
  hosts: [llama]
  http:
  - match:
    - headers:
        x-model: {exact: a}
    - headers:
        x-model: {exact: b}
    route: [{destination: {host: llama}}]
"""
    mesh = mesh_of(text)
    assert line_of(shared_by(mesh.routes, None)[MODEL].location) == ["- match:"]
