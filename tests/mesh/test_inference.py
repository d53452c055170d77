"""Which workloads and hosts serve models, and what their routes ask for.

Mirrors nothing of istiod: the recogniser of `reference/inference-signals.md` with the catalogue's terms `inference
workload`, `generation path`, `generation route` and `API gateway or proxy`.
"""

from __future__ import annotations

import pytest

from meshlint.config import Selector
from meshlint.mesh.effective import Basis
from meshlint.mesh.inference import (
    is_confined_to_other_requests,
    names_a_model_server,
    names_generation,
    names_grpc,
    names_plain_http,
)
from meshlint.mesh.subjects import Answer

from .conftest import line_of, marked, mesh_of, route_of, workload_of


def pod(container: str, name: str = "shop/p", metadata: str = "") -> str:
    return f"Pod {name}{metadata and f' {{{metadata}}}'}\nspec:\n  containers:\n    - name: c\n{container}"


def image(text: str, name: str = "shop/p") -> str:
    return pod(f"      image: {text}\n", name)


def served(text: str, name: str = "shop/p", **settings: object) -> tuple[str, str] | None:
    """What a workload serves: kind, and how sure."""
    found = workload_of(mesh_of(text, **settings), name).inference
    if found is None:
        return None
    return found.kind.value, "stated" if found.stated else "sure" if found.sure else "maybe"


GENERATION, EMBEDDING, PREDICTIVE, OPEN = (
    (kind, "sure") for kind in ("generation", "embedding", "predictive", "unknown")
)
IMAGES = {
    "vllm/vllm-openai:v0.6": GENERATION,
    "docker.io/vllm/vllm-openai@sha256:0a": GENERATION,
    "aibrix-cn.cr.volces.com/aibrix/vllm-openai": GENERATION,
    "registry:5000/vllm": GENERATION,
    "localhost/vllm:dev": GENERATION,
    "ghcr.io/huggingface/text-generation-inference:2.0": GENERATION,
    "us-docker.pkg.dev/x/huggingface-text-generation-inference-cu124.2-3": GENERATION,
    "lmsysorg/sglang:latest": GENERATION,
    "ollama/ollama": GENERATION,
    "nvcr.io/nim/meta/llama3-8b-instruct": GENERATION,
    "ghcr.io/ggml-org/llama.cpp:server": GENERATION,
    "openmmlab/lmdeploy:v0.5": GENERATION,
    "nvcr.io/nvidia/tensorrt-llm/release": GENERATION,
    "ghcr.io/llm-d/llm-d-cuda:v1": GENERATION,
    "ghcr.io/huggingface/text-embeddings-inference:1.5": EMBEDDING,
    "ghcr.io/huggingface/text-embeddings-router": EMBEDDING,
    "michaelf34/infinity:0.0.70": EMBEDDING,
    "seldonio/mlserver:1.5": PREDICTIVE,
    "pytorch/torchserve": PREDICTIVE,
    "tensorflow/serving:2.14": PREDICTIVE,
    "kserve/sklearnserver": PREDICTIVE,
    "nvcr.io/nvidia/tritonserver:24.05-py3": OPEN,
    "nvcr.io/nvidia/tritonserver:24.05-py3-sdk": None,
    "deepjavalibrary/djl-serving": OPEN,
    "ghcr.io/llm-d/llm-d-inference-scheduler": None,
    "lmcache/vllm-router": None,
    "ollama/ollama-webhook": None,
    "vllm.example.com/shop/cart": None,
    "shop/cart:vllm": None,
    "shop/vllmish": None,
    "nginx:1.27": None,
}


@pytest.mark.parametrize("name, expected", IMAGES.items(), ids=IMAGES)
def test_images(name: str, expected: tuple[str, str] | None) -> None:
    text = pod(f"      image: {name} # <-\n")
    assert served(text) == expected
    if expected:
        found = workload_of(mesh_of(text), "shop/p").inference
        assert found
        assert [line for reason in found.because for line in line_of(reason.location)] == marked(text)


COMMANDS = {
    "vllm serve": ("command: [vllm, serve, m] # <-", GENERATION),
    "one word": ('command: ["vllm serve m"] # <-', GENERATION),
    "a module": ("command: [python3, -m, vllm.entrypoints.openai.api_server] # <-", GENERATION),
    "arguments": ("args: [text-generation-launcher, --port, 80] # <-", GENERATION),
    "sglang": ("command: [python, -m, sglang.launch_server] # <-", GENERATION),
    "llama.cpp": ("command: [/app/llama-server] # <-", GENERATION),
    "ollama": ("args: [ollama serve] # <-", GENERATION),
    "embeddings": ("command: [text-embeddings-router] # <-", EMBEDDING),
    "triton": ("command: [tritonserver, --model-repository=/m] # <-", OPEN),
    "tensorflow": ("command: [tensorflow_model_server] # <-", PREDICTIVE),
    "mlserver": ("command: [mlserver, start, .] # <-", PREDICTIVE),
    "served model name": ("args: [--served-model-name, m] # <-", GENERATION),
    "max model length, with equals": ("args: [--max-model-len=4096] # <-", GENERATION),
    "a model alone": ("args: [--model, m] # <-", OPEN),
    "a model id alone": ("args: [--model-id=m] # <-", OPEN),
    "not that argument": ("args: [--models, m]", None),
    "a shop": ("command: [cart, serve]", None),
}


@pytest.mark.parametrize("line, expected", COMMANDS.values(), ids=COMMANDS)
def test_commands_and_arguments(line: str, expected: tuple[str, str] | None) -> None:
    text = pod(f"      image: private.example.com/m\n      {line}\n")
    assert served(text) == expected
    found = workload_of(mesh_of(text), "shop/p").inference
    assert (line_of(found.because[0].location) if found else []) == marked(text)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("command: [sh, -c]\n      args: [vllm serve m] # <-", id="the arguments of a shell"),
        pytest.param("command: [python, serve.py, --max-model-len, 4096] # <-", id="an argument in the command"),
    ],
)
def test_the_place_is_the_field_that_has_the_words(name: str) -> None:
    text = pod(f"      image: private.example.com/m\n      {name}\n")
    found = workload_of(mesh_of(text), "shop/p").inference
    assert found
    assert line_of(found.because[0].location) == marked(text)


@pytest.mark.parametrize("flag", ["--task=embed", "--task embed", "--runner pooling", "--task=score"])
def test_a_generation_server_may_be_told_to_embed(flag: str) -> None:
    assert served(pod(f"      image: vllm/vllm-openai\n      args: [--model, m, {flag}]\n")) == EMBEDDING


@pytest.mark.parametrize("name", ["vllm-benchmark", "vllm-router", "model-client"])
def test_arguments_say_nothing_about_what_stands_beside_a_server(name: str) -> None:
    assert served(pod("      image: x\n      args: [--model, m]\n", f"shop/{name}"), f"shop/{name}") is None


OWNERS = {
    "InferenceService": (
        "InferenceService shop/p\nspec: {predictor: {containers: [{name: c, image: x}]}}",
        "predictor",
        OPEN,
    ),
    "its format": (
        "InferenceService shop/p\nspec: {predictor: {model: {modelFormat: {name: sklearn}}}}",
        "predictor",
        PREDICTIVE,
    ),
    "its format generates": (
        "InferenceService shop/p\nspec: {predictor: {model: {modelFormat: {name: huggingface}}}}",
        "predictor",
        GENERATION,
    ),
    "its old format": (
        "InferenceService shop/p\nspec: {predictor: {xgboost: {storageUri: x}}}",
        "predictor",
        PREDICTIVE,
    ),
    "its runtime's image": (
        "InferenceService shop/p\nspec: {predictor: {containers: [{name: c, image: vllm/vllm-openai}]}}",
        "predictor",
        GENERATION,
    ),
    "LLMInferenceService": ("LLMInferenceService shop/p\nspec: {template: {containers: []}}", "", GENERATION),
}


@pytest.mark.parametrize("text, component, expected", OWNERS.values(), ids=OWNERS)
def test_owners(text: str, component: str, expected: tuple[str, str]) -> None:
    assert served(text, "shop/p" + (component and f"-{component}")) == expected


def test_a_member_of_a_pool_generates() -> None:
    text = """
Pod shop/p {labels: {app: m}}
spec: {containers: [{name: c, image: x}]}
---
InferencePool shop/pool
spec:
  selector: {matchLabels: {app: m}} # <-
"""
    found = workload_of(mesh_of(text), "shop/p").inference
    assert found and (found.kind.value, found.sure) == ("generation", True)
    assert line_of(found.because[0].location) == marked(text)


def test_an_old_pool_selects_by_a_bare_map() -> None:
    text = image("x").replace("Pod shop/p", "Pod shop/p {labels: {app: m}}") + (
        "---\napiVersion: inference.networking.x-k8s.io/v1alpha2\nkind: InferencePool\n"
        "metadata: {name: pool, namespace: shop}\nspec: {selector: {app: m}}\n"
    )
    assert served(text) == GENERATION


MAYBE = ("unknown", "maybe")
GPU = "      resources: {limits: {nvidia.com/gpu: 1}}\n"
SHM = "      volumeMounts: [{name: shm, mountPath: /dev/shm}]\n"
ENV = "      env: [{name: HF_TOKEN, value: x}]\n"
PORT = "      ports: [{containerPort: 8000}]\n"
SCORES = {
    "nothing": (pod("      image: x\n"), "p", None),
    "1, a port": (pod(PORT), "p", None),
    "2, a port and shared memory": (pod(PORT + SHM), "p", MAYBE),
    "2, an accelerator": (pod(GPU), "p", MAYBE),
    "2, requests of an accelerator": (pod(GPU.replace("limits", "requests")), "p", MAYBE),
    "2, environment": (pod(ENV), "p", MAYBE),
    "2, an engine's environment": (pod(ENV.replace("HF_TOKEN", "VLLM_PORT")), "p", MAYBE),
    "2, a name": (image("x", "shop/llm"), "llm", MAYBE),
    "2, a label": (pod("      image: x\n", metadata="labels: {app: mistral-7b}"), "p", MAYBE),
    "3, accelerator and shared memory": (pod(GPU + SHM), "p", MAYBE),
    "3, a vendor's label": (pod("      image: x\n", metadata="labels: {llm-d.ai/model: m}"), "p", MAYBE),
    "4, accelerator and environment": (pod(GPU + ENV), "p", OPEN),
    "4, name and label": (pod("      image: x\n", "shop/llama-3", "labels: {app: llama-3}"), "llama-3", OPEN),
    "4, accelerator, shared memory and port": (pod(GPU + SHM + PORT), "p", OPEN),
    "a name of embeddings": (pod(GPU + ENV, "shop/embeddings"), "embeddings", EMBEDDING),
    "a name that excludes itself": (image("x", "shop/llm-gateway"), "llm-gateway", None),
    "an accelerator twice counts once": (
        pod(GPU + "    - name: d\n" + GPU),
        "p",
        MAYBE,
    ),
}


@pytest.mark.parametrize("text, name, expected", SCORES.values(), ids=SCORES)
def test_scores(text: str, name: str, expected: tuple[str, str] | None) -> None:
    assert served(text, f"shop/{name}") == expected


def test_evidence_that_is_not_decisive_is_assumed() -> None:
    found = workload_of(mesh_of(pod(GPU)), "shop/p").inference
    assert found
    assert [(r.text, r.basis) for r in found.because] == [("it asks for an accelerator", Basis.ASSUMED)]


NAMES = {
    "vllm": True,
    "my-LLM-server": True,
    "llama3": True,
    "qwen2.5-7b": True,
    "phi-4": True,
    "rerank": True,
    "reranker": True,
    "model-server": True,
    "model-serving-a": True,
    "modelserver": True,
    "predictor": True,
    "server-model": False,
    "model": False,
    "vllm-router": False,
    "llm-operator": False,
    "inference-webhook": False,
    "ollama-ui": False,
    "pixel": False,
    "allllm": False,
    "": False,
}


@pytest.mark.parametrize("name, expected", NAMES.items())
def test_names(name: str, expected: bool) -> None:
    assert names_a_model_server(name) is expected


STATED = {
    "label": (image("x").replace("shop/p", "shop/p {labels: {meshlint.io/inference: generation}}"), {}, "generation"),
    "annotation": (
        image("x").replace("shop/p", "shop/p {annotations: {meshlint.io/inference: predictive}}"),
        {},
        "predictive",
    ),
    "none, against the image": (
        image("vllm").replace("shop/p", "shop/p {labels: {meshlint.io/inference: none}}"),
        {},
        None,
    ),
    "setting by name": (image("x"), {"inference": (Selector("shop", "p", kind="generation"),)}, "generation"),
    "setting by labels": (
        image("x").replace("shop/p", "shop/p {labels: {a: b}}"),
        {"inference": (Selector(labels={"a": "b"}, kind="predictive"),)},
        "predictive",
    ),
    "setting of another namespace": (image("x"), {"inference": (Selector("bank", kind="generation"),)}, None),
    "the label goes before the setting": (
        image("x").replace("shop/p", "shop/p {labels: {meshlint.io/inference: none}}"),
        {"inference": (Selector("shop", kind="generation"),)},
        None,
    ),
    "the first setting that fits": (
        image("x"),
        {"inference": (Selector(name="p", kind="none"), Selector("shop", kind="generation"))},
        None,
    ),
}


@pytest.mark.parametrize("text, settings, kind", STATED.values(), ids=STATED)
def test_what_the_user_states(text: str, settings: dict[str, object], kind: str | None) -> None:
    assert served(text, **settings) == (kind and (kind, "stated"))


# ---- paths -----------------------------------------------------------------------------------------------------------

PATHS = {
    "/v1/chat/completions": True,
    "/openai/v1/chat/completions": True,
    "/v1/completions": True,
    "/v1/responses": True,
    "/v1/messages": True,
    "/v1/realtime": True,
    "/v1/audio/speech": True,
    "/v1/images/generations": True,
    "/v1/stream": True,
    "/v1/streaming": True,
    "/generate": True,
    "/generate_stream": True,
    "/tgi/generate": True,
    "/api/generate": True,
    "/api/chat": True,
    "/v2/models/llama/generate": True,
    "/v2/models/llama/versions/1/generate_stream": True,
    "/openai/deployments/gpt-4/chat/completions": True,
    "/v1beta/models/gemini:generateContent": True,
    "/v1beta/models/gemini:streamGenerateContent": True,
    "/inference.GRPCInferenceService/ModelStreamInfer": True,
    "/v1/embeddings": False,
    "/v1/models": False,
    "/v1/audio/transcriptions": False,
    "/v1/rerank": False,
    "/v2/models/llama/infer": False,
    "/inference.GRPCInferenceService/ModelInfer": False,
    "/reports/generate": False,
    "/generated": False,
    "/v1": False,
    "/": False,
    "/metrics": False,
}


@pytest.mark.parametrize("path, expected", PATHS.items())
def test_generation_paths(path: str, expected: bool) -> None:
    assert names_generation({"uri": {"exact": path}}) is expected
    assert names_generation({"uri": {"prefix": path}}) is expected


@pytest.mark.parametrize(
    "uri, expected",
    [
        ({"prefix": "/v1/chat/completions/"}, True),
        ({"prefix": "/v1/chat"}, False),
        ({"regex": "/v1/(chat/)?completions"}, True),
        ({"regex": "/.*"}, False),
        ({"regex": ".*:generateContent"}, True),
        ({}, False),
    ],
)
def test_prefixes_and_patterns(uri: dict[str, str], expected: bool) -> None:
    assert names_generation({"uri": uri}) is expected


CONFINED = {
    "no condition": ({}, False),
    "models": ({"uri": {"exact": "/v1/models"}}, True),
    "below models": ({"uri": {"prefix": "/v1/models/llama"}}, True),
    "embeddings": ({"uri": {"prefix": "/v1/embeddings"}}, True),
    "health": ({"uri": {"exact": "/healthz"}}, True),
    "Triton's health": ({"uri": {"prefix": "/v2/health/"}}, True),
    "everything": ({"uri": {"prefix": "/"}}, False),
    "chat": ({"uri": {"exact": "/v1/chat/completions"}}, False),
    "an expression for one": ({"uri": {"regex": "/v1/embeddings"}}, True),
    "for several": ({"uri": {"regex": "^/v1/(embeddings|rerank)(/.*)?$"}}, True),
    "for a generation path among them": ({"uri": {"regex": "/v1/(embeddings|completions)"}}, False),
    "for more than is written": ({"uri": {"regex": "/v1/embeddings|/v1/.*"}}, False),
    "for anything below": ({"uri": {"regex": "/v1/.*"}}, False),
    "GET": ({"method": {"exact": "GET"}}, True),
    "GET or HEAD": ({"method": {"regex": "GET|HEAD"}}, True),
    "GET or POST": ({"method": {"regex": "GET|POST"}}, False),
    "POST": ({"method": {"exact": "POST"}}, False),
    "GET of chat": ({"uri": {"exact": "/v1/chat/completions"}, "method": {"exact": "GET"}}, True),
    "GET of realtime is a websocket": ({"uri": {"exact": "/v1/realtime"}, "method": {"exact": "GET"}}, False),
}


@pytest.mark.parametrize("match, expected", CONFINED.values(), ids=CONFINED)
def test_other_requests(match: dict[str, object], expected: bool) -> None:
    assert is_confined_to_other_requests(match) is expected


@pytest.mark.parametrize(
    "path, expected",
    [("/v1/models", True), ("/pkg.Service/Method", False), ("/pkg.Service", False), ("/", False), ("/pkg.v1/x", False)],
)
def test_plain_http_paths(path: str, expected: bool) -> None:
    assert names_plain_http({"uri": {"prefix": path}}) is expected


@pytest.mark.parametrize(
    "match, expected",
    [
        ({"uri": {"prefix": "/inference.GRPCInferenceService/ModelInfer"}}, True),
        ({"uri": {"prefix": "/tensorflow.serving.PredictionService"}}, True),
        ({"headers": {"content-type": {"prefix": "application/grpc"}}}, True),
        ({"uri": {"exact": "/index.html"}}, False),
        ({"uri": {"regex": "/pkg.Service/.*"}}, False),
        ({}, False),
    ],
)
def test_grpc_calls(match: dict[str, object], expected: bool) -> None:
    assert names_grpc(match) is expected


# ---- routes ----------------------------------------------------------------------------------------------------------

YES, MAYBE_ROUTE, NO = Answer.YES, Answer.MAYBE, Answer.NO


def route(fields: str, name: str = "m") -> str:
    return f"VirtualService shop/r\nspec: {{hosts: [{name}], http: [{{{fields}}}]}}\n---\n"


TO = "route: [{destination: {host: m}}]"
CHAT = "match: [{uri: {prefix: /v1/chat/completions}}], "
MODELS = "match: [{uri: {prefix: /v1/models}}], "
SERVICE = "---\nService shop/m\nspec: {selector: {app: m}, ports: [{port: 80, name: http}]}\n"


def backend(name: str, labels: str = "app: m", container: str = "image: x") -> str:
    return f"Pod shop/{name} {{labels: {{{labels}}}}}\nspec: {{containers: [{{name: c, {container}}}]}}\n{SERVICE}"


ROUTES = {
    "a generation path": (route(CHAT + TO), YES),
    "a generation path among others": (route(CHAT.replace("[{", "[{uri: {prefix: /x}}, {") + TO), YES),
    "a generating backend": (route(TO) + backend("p", container="image: vllm"), YES),
    "a generating backend, other paths": (route(MODELS + TO) + backend("p", container="image: vllm"), NO),
    "a generating backend, GET": (
        route("match: [{method: {exact: GET}}], " + TO) + backend("p", container="image: vllm"),
        NO,
    ),
    "an embedding backend": (route(TO) + backend("p", container="image: text-embeddings-inference"), NO),
    "an open backend": (route(TO) + backend("p", container="image: tritonserver"), MAYBE_ROUTE),
    "an unsure backend": (route(TO) + backend("llm"), MAYBE_ROUTE),
    "some backend": (route(TO) + backend("p"), NO),
    "a backend that is not in the input": (route(TO), NO),
    "a backend whose name says it": (route("route: [{destination: {host: vllm}}]"), MAYBE_ROUTE),
    "answered by the proxy": (route(CHAT + "redirect: {uri: /x}"), NO),
    "aborted by the proxy": (
        route(CHAT + TO + ", fault: {abort: {httpStatus: 503, percentage: {value: 100}}}"),
        NO,
    ),
    "aborted now and then": (
        route(CHAT + TO + ", fault: {abort: {httpStatus: 503, percentage: {value: 99}}}"),
        YES,
    ),
    "aborted without a share": (route(CHAT + TO + ", fault: {abort: {httpStatus: 503}}"), YES),
    "only late": (route(CHAT + TO + ", fault: {delay: {fixedDelay: 5s, percentage: {value: 100}}}"), YES),
    "a share that is no number": (route(CHAT + TO + ", fault: {delay: {fixedDelay: 5s, percentage: {value: x}}}"), YES),
    "stated to be none, against the path": (route(CHAT + TO) + backend("p", "app: m, meshlint.io/inference: none"), NO),
    "one of two backends generates": (
        route("route: [{destination: {host: x}, weight: 1}, {destination: {host: m}, weight: 1}]")
        + backend("p", container="image: vllm"),
        YES,
    ),
    "the generating one has weight 0": (
        route("route: [{destination: {host: x}, weight: 1}, {destination: {host: m}, weight: 0}]")
        + backend("p", container="image: vllm"),
        NO,
    ),
}


@pytest.mark.parametrize("text, answer", ROUTES.values(), ids=ROUTES)
def test_generation_routes(text: str, answer: Answer) -> None:
    assert route_of(mesh_of(text), "shop/r").generation.value is answer


SECOND = "VirtualService shop/s\nspec: {hosts: [m2], http: [{" + CHAT + TO + "}]}\n---\n"


def test_a_generation_path_of_any_route_tells_what_its_host_serves() -> None:
    text = route(TO) + SECOND + backend("p")
    assert served(text) == GENERATION
    assert route_of(mesh_of(text), "shop/r").generation.value is YES


def test_behind_a_proxy_the_path_tells_of_its_route_alone() -> None:
    text = route(TO) + SECOND + backend("p", container="image: nginx")
    assert served(text) is None
    assert route_of(mesh_of(text), "shop/r").generation.value is NO
    assert route_of(mesh_of(text), "shop/s").generation.value is YES


def test_a_proxy_with_a_decisive_signal_is_a_model_server() -> None:
    assert served(route(TO) + SECOND + backend("gateway", container="image: vllm"), "shop/gateway") == GENERATION


def test_the_place_of_a_generation_route_is_its_path() -> None:
    text = """
VirtualService shop/r
spec:
  hosts: [m]
  http:
    - match:
        - uri:
            exact: /v1/chat/completions # <-
      route: [{destination: {host: m}}]
"""
    found = route_of(mesh_of(text), "shop/r").generation
    assert (found.basis, line_of(found.origin)) == (Basis.DECLARED, marked(text))


PROTOCOLS = {
    "a Service's port name": ("name: http", ["http"]),
    "gRPC": ("name: grpc-infer", ["grpc"]),
    "appProtocol": ("name: x, appProtocol: grpc", ["grpc"]),
    "not said": ("name: serve", ["http", "grpc"]),
    "HTTP/2 may be both": ("name: http2", ["http", "grpc"]),
}


@pytest.mark.parametrize("port, protocols", PROTOCOLS.values(), ids=PROTOCOLS)
def test_protocol_of_a_route(port: str, protocols: list[str]) -> None:
    """`pkg/config/kube/conversion.go ConvertProtocol`; what it leaves open stays open."""
    found = route_of(mesh_of(route(TO) + SERVICE.replace("name: http", port)), "shop/r").protocol
    assert [c.value for c in found.candidates or (found,)] == protocols


def test_a_plain_path_tells_the_protocol_where_the_port_does_not() -> None:
    found = route_of(mesh_of(route(MODELS + TO)), "shop/r").protocol
    assert (found.value, found.basis, found.candidates) == ("http", Basis.SUPPORTED, ())


def test_a_route_for_grpc_calls_alone_is_one_where_the_port_does_not_tell() -> None:
    """Another route of the host for plain paths does not make it HTTP."""
    text = """
VirtualService shop/r
spec:
  hosts: [m]
  http:
    - match: [{uri: {prefix: /v1/models}}]
      route: [{destination: {host: m}}]
    - match: [{uri: {prefix: /pkg.Service/Call}}] # <-
      route: [{destination: {host: m}}]
"""
    plain, grpc = (route.protocol for route in mesh_of(text).routes)
    assert (plain.value, grpc.value) == ("http", "grpc")
    assert (grpc.basis, line_of(grpc.origin)) == (Basis.SUPPORTED, marked(text))
