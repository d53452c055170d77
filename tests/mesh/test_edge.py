"""What gateways give to strangers: from a listener to a model, and where something stands in the way."""

from __future__ import annotations

import pytest

from meshlint.mesh.istio.authorization.edge import Exposed
from meshlint.mesh.mesh import Mesh
from meshlint.resource.resource import Resource

from .conftest import line_of, mesh_of, workload_of

POD = (
    "Pod {ns}/{name} {{labels: {{app: {name}}}}}\nspec:\n  serviceAccountName: {name}\n"
    "  containers: [{{name: c, image: {image}, ports: [{{containerPort: 8000}}]}}]\n---\n"
    "Service {ns}/{name}\nspec: {{selector: {{app: {name}}}, ports: [{{name: http, port: 80, targetPort: 8000}}]}}\n---\n"
)
PODS = POD.format(ns="ai", name="llm", image="vllm/vllm-openai")
INJECTED = "Namespace ai {labels: {istio-injection: enabled}}\n---\n"


def gateway_pods(name: str) -> str:
    return (
        f"Pod edge/{name} {{labels: {{istio: {name}}}, annotations: {{inject.istio.io/templates: gateway}}}}\n"
        f"spec: {{serviceAccountName: {name}, containers: [{{name: istio-proxy, image: auto}}]}}\n---\n"
        f"Service edge/{name}\nspec: {{selector: {{istio: {name}}}, ports: [{{name: http, port: 80}}]}}\n---\n"
    )


def gateway(hosts: str = "'*'", tls: str = "mode: SIMPLE", name: str = "public") -> str:
    server = f"{{port: {{number: 443, name: https, protocol: HTTPS}}, hosts: [{hosts}], tls: {{{tls}}}}}"
    return f"Gateway edge/{name}\nspec:\n  selector: {{istio: {name}}}\n  servers:\n    - {server}\n---\n"


def route(
    match: str = "", more: str = "", name: str = "r", host: str = "llm.example.com", at: str = "edge/public"
) -> str:
    matches = f"      match: [{{{match}}}]\n" if match else ""
    return (
        f"VirtualService ai/{name}\nspec:\n  hosts: [{host}]\n  gateways: [{at}]\n{more}  http:\n"
        f"    - name: x\n{matches}      route: [{{destination: {{host: llm}}}}]\n---\n"
    )


def keyed(image: str, said: str) -> str:
    """The mesh with a server of an image that says something more."""
    return BASE.replace("image: vllm/vllm-openai", f"image: {image}, {said}") + gateway()


def policy(namespace: str, rules: str, action: str = "ALLOW", more: str = "") -> str:
    return f"AuthorizationPolicy {namespace}/p\nspec: {{action: {action}, rules: [{rules}]{more}}}\n---\n"


TOKENS = "RequestAuthentication edge/t\nspec: {jwtRules: [{issuer: 'https://i.example'}]}\n---\n"
REQUIRED = "{from: [{source: {requestPrincipals: ['*']}}]}"
BASE = INJECTED + PODS + gateway_pods("public")


def virtual_service(mesh: Mesh, name: str) -> Resource:
    return next(r for r in mesh.inventory.resources if r.kind == "VirtualService" and r.name == name)


def gateway_of(mesh: Mesh, name: str = "public") -> Resource:
    return next(r for r in mesh.inventory.resources if r.kind == "Gateway" and r.name == name)


def exposed(text: str) -> list[Exposed]:
    mesh = mesh_of(text)
    gateway, root = gateway_of(mesh), virtual_service(mesh, "r")
    return [one for host in mesh.edge.hosts(root, gateway) for one in mesh.edge.exposed(root, gateway, host)]


OPEN = {
    "nothing asks": BASE + gateway() + route(),
    "a bad token is refused, none is not": BASE + gateway() + TOKENS + route(),
    "a token for another host": BASE
    + gateway()
    + TOKENS
    + policy("edge", "{from: [{source: {notRequestPrincipals: ['*']}}], to: [{operation: {hosts: [x.com]}}]}", "DENY")
    + route(),
    "a token for one of two paths": BASE
    + gateway()
    + TOKENS
    + policy(
        "edge",
        "{from: [{source: {notRequestPrincipals: ['*']}}], to: [{operation: {paths: [/v1/chat/completions]}}]}",
        "DENY",
    )
    + route("uri: {prefix: /v1/}"),
    "the model lets the gateway in": BASE
    + gateway()
    + policy("ai", "{from: [{source: {principals: [cluster.local/ns/edge/sa/public]}}]}")
    + route(),
    "the gateway takes routes of the namespace": BASE + gateway("ai/llm.example.com") + route(),
    "the VirtualService has a wider host": BASE + gateway("llm.example.com") + route(host="'*'"),
    "vLLM asks for no key here": keyed("vllm/vllm-openai", "args: [--api-key, x]")
    + route("uri: {prefix: /invocations}"),
    "the key is of no server": keyed("vllm/vllm-openai", "env: [{name: OPENAI_API_KEY, value: x}]") + route(),
    "another server's variable": keyed("vllm/vllm-openai", "env: [{name: API_KEY, value: x}]") + route(),
    "a client's option": keyed("acme/llm", "args: [--api-key=x]") + route("uri: {prefix: /v1/chat/completions}"),
    "it is exported to the gateway": BASE + gateway() + route(more="  exportTo: [edge]\n"),
}


@pytest.mark.parametrize("text", OPEN.values(), ids=OPEN)
def test_a_stranger_gets_through(text: str) -> None:
    (found,) = exposed(text)
    assert str(found.route) == "ai/r http[0] (x)"
    assert (found.end.destination.host, str(found.pods.workload)) == ("llm.ai.svc.cluster.local", "edge/public")
    assert [line.split(",")[0] for server in found.servers for line in line_of(server)] == ["- {port: {number: 443"]


SHUT = {
    "a token is required": BASE + gateway() + TOKENS + policy("edge", REQUIRED) + route(),
    "a token is required of the model": BASE
    + gateway()
    + TOKENS.replace("edge/t", "ai/t")
    + policy("ai", REQUIRED)
    + route(),
    "a certificate is": BASE + gateway(tls="mode: MUTUAL") + route(),
    "TLS goes through": BASE + gateway(tls="mode: PASSTHROUGH") + route(),
    "another host is served": BASE + gateway("x.com") + route(),
    "the gateway takes routes of another namespace": BASE + gateway("edge/llm.example.com") + route(),
    "the gateway takes routes of its own namespace": BASE + gateway("./llm.example.com") + route(),
    "it is not exported": BASE + gateway() + route(more="  exportTo: ['.']\n"),
    "the model lets others in": BASE
    + gateway()
    + policy("ai", "{from: [{source: {principals: [cluster.local/ns/web/sa/chat]}}]}")
    + route(),
    "nothing generates": BASE + gateway() + route("uri: {exact: /health}"),
    "who may call depends on the address": BASE
    + gateway()
    + policy("edge", "{from: [{source: {ipBlocks: [10.0.0.0/8]}}]}")
    + route(),
    "vLLM asks for a key": keyed("vllm/vllm-openai", "args: [--model, m, --api_key, $(KEY)]") + route(),
    "vLLM asks for one of a secret": keyed("x/vllm:1", "env: [{name: VLLM_API_KEY, valueFrom: {}}]") + route(),
    "vLLM asks after a rewrite": keyed("vllm/vllm-openai", "args: [--api-key=x]")
    + route("uri: {prefix: /llm/}").replace("      route:", "      rewrite: {uri: /}\n      route:"),
    "SGLang asks for a key": keyed("x", "command: [sh, -c, 'python -m sglang.launch_server --api-key x']")
    + route("uri: {prefix: /generate}"),
    "llama.cpp does": keyed("ggml-org/llama.cpp:server", "args: [--api-key-file, /keys]") + route(),
    "TGI does": keyed("huggingface/text-generation-inference", "env: [{name: API_KEY, value: x}]") + route(),
    "LMDeploy does": keyed("openmmlab/lmdeploy", "args: [--api-keys, a, b]") + route(),
    "an authorizer is asked": BASE
    + gateway()
    + policy("edge", "{}", "CUSTOM", ", provider: {name: login}")
    + "ConfigMap istio-system/istio\ndata:\n  mesh: |\n    extensionProviders:\n    - name: login\n"
    + "      envoyExtAuthzHttp: {service: login.edge.svc.cluster.local, port: 80}\n---\n"
    + "Service edge/login\nspec: {ports: [{name: http, port: 80}]}\n---\n"
    + route(),
}


@pytest.mark.parametrize("text", SHUT.values(), ids=SHUT)
def test_something_stands_in_the_way(text: str) -> None:
    assert exposed(text) == []


INNER = (
    gateway_pods("inner")
    + gateway("llm.inner", name="inner")
    + route(name="inner", host="llm.inner", at="edge/inner")
    + "VirtualService edge/r\nspec:\n  hosts: [llm.example.com]\n  gateways: [public]\n  http:\n"
    + "    - route: [{destination: {host: inner}}]\n      rewrite: {authority: llm.inner}\n---\n"
)


def test_a_gateway_behind_a_gateway_is_followed() -> None:
    (found,) = exposed(BASE + gateway() + INNER)
    assert str(found.route) == "edge/r http[0]"
    assert str(found.end.route) == "ai/inner http[0] (x)"
    assert found.end.destination.host == "llm.ai.svc.cluster.local"


BEHIND = {
    "the inner one asks for a token": policy("edge", REQUIRED, more=", selector: {matchLabels: {istio: inner}}")
    + TOKENS,
    "the model lets only the outer one in": policy(
        "ai", "{from: [{source: {principals: [cluster.local/ns/edge/sa/public]}}]}"
    ),
}


@pytest.mark.parametrize("more", BEHIND.values(), ids=BEHIND)
def test_what_stands_behind_the_second_gateway_counts(more: str) -> None:
    assert exposed(BASE + gateway() + INNER + more) == []


def test_hosts_are_the_narrower_ones_and_only_those_that_are_bound() -> None:
    mesh = mesh_of(BASE + gateway("ai/*.example.com, '*/chat.com', other/x.com") + route(host="a.example.com, '*.com'"))
    root, gateway_ = virtual_service(mesh, "r"), gateway_of(mesh)
    assert mesh.edge.hosts(root, gateway_) == ("a.example.com", "*.example.com", "chat.com")


def test_tokens_are_asked_for_where_every_gateway_and_host_does() -> None:
    text = BASE + gateway() + TOKENS + route()
    by_host = "{from: [{source: {requestPrincipals: ['*']}}]}, {to: [{operation: {hosts: [%s]}}]}"
    for rules, asks in ((by_host % "x.com", True), (by_host % "llm.example.com", False)):
        mesh = mesh_of(text + policy("edge", rules))
        assert mesh.edge.asks_for_tokens(workload_of(mesh, "ai/llm")) is asks
        assert mesh.edge.served(workload_of(mesh, "edge/public")) == ("llm.example.com",)
    elsewhere = mesh_of(text + policy("edge", REQUIRED) + route(name="s", at="edge/unknown"))
    assert not elsewhere.edge.asks_for_tokens(workload_of(elsewhere, "ai/llm"))
