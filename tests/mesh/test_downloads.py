"""Which models pods fetch as they start, and what keeps them from it.

The signals are those of the catalogue's rule; NetworkPolicies as Kubernetes defines them, the outbound policy as istiod's
`core/httproute.go buildCatchAllVirtualHost` carries it out.
"""

from __future__ import annotations

import pytest

from meshlint.mesh.downloads import Download, downloads
from meshlint.mesh.network import NetworkPolicies

from .conftest import line_of, mesh_of, workload_of


def found(container: str, more: str = "", kind: str = "Pod", name: str = "a/p") -> list[Download]:
    text = f"{kind} {name}\nspec:\n  containers:\n    - name: c\n{container}{more}\n"
    (pod,) = mesh_of(text).inventory.pods
    return downloads(pod)


def args(*words: str, field: str = "args") -> str:
    return f"      {field}: {list(words)}\n"


def env(**variables: str) -> str:
    return "      env:\n" + "".join(f"        - {{name: {k}, value: '{v}'}}\n" for k, v in variables.items())


TOKEN = "      env: [{name: HF_TOKEN, valueFrom: {secretKeyRef: {name: s, key: k}}}]\n"
MODEL = "meta-llama/Llama-3.1-8B"
HUB = (None, 443)
FETCHED: dict[str, tuple[str, list[tuple[str | None, str | None, int]]]] = {
    "nothing": (args("--port=8000"), []),
    "an option": (args("--model", MODEL), [(MODEL, *HUB)]),
    "an option with its value": (args(f"--model-id={MODEL}"), [(MODEL, *HUB)]),
    "the command of sglang": (args("--model-path", MODEL), [(MODEL, *HUB)]),
    "another option": (args("--tokenizer", MODEL), []),
    "vllm serve": (args("vllm", "serve", MODEL, field="command"), [(MODEL, *HUB)]),
    "vllm serve in a shell": (args("sh", "-c", f"exec vllm serve {MODEL} --port 80"), [(MODEL, *HUB)]),
    "a variable": (env(MODEL_ID=MODEL), [(MODEL, *HUB)]),
    "a reference to a variable": (args("--model=$(NAME)") + env(NAME=MODEL), [(MODEL, *HUB)]),
    "a shell's reference": (args("sh", "-c", 'vllm serve "$NAME"') + env(NAME=MODEL), [(MODEL, *HUB)]),
    "a reference to a path": (args("--model=$(NAME)") + env(NAME="/models/a", HF_TOKEN="t"), []),
    "a reference to what is not known": (args("--model=${NAME}"), []),
    "a path": (args("--model", "/models/llama") + TOKEN, []),
    "a relative path": (args("--model", "models/llama") + TOKEN, []),
    "a name without an owner": (args("--model", "gpt2"), []),
    "a token": (TOKEN, [(None, *HUB)]),
    "the hub's scheme": (args(f"--model=hf://{MODEL}"), [(f"hf://{MODEL}", *HUB)]),
    "a mirror": (args(f"--model={MODEL}") + env(HF_ENDPOINT="http://hub.a.svc:8080"), [(MODEL, "hub.a.svc", 8080)]),
    "a public mirror": (args(f"--model={MODEL}") + env(HF_ENDPOINT="https://hub.org"), [(MODEL, "hub.org", 443)]),
    "offline": (args(f"--model={MODEL}") + env(HF_HUB_OFFLINE="1"), []),
    "offline, transformers": (args(f"--model={MODEL}") + env(TRANSFORMERS_OFFLINE="true"), []),
    "not offline": (args(f"--model={MODEL}") + env(HF_HUB_OFFLINE="0"), [(MODEL, *HUB)]),
    "by way of a proxy": (args(f"--model={MODEL}") + env(HTTPS_PROXY="http://p:3128"), []),
    "a bucket of Google": (args("--model=gs://b/m"), [("gs://b/m", "storage.googleapis.com", 443)]),
    "a bucket": (args("--model=s3://b/m"), [("s3://b/m", "*.amazonaws.com", 443)]),
    "a bucket with an endpoint": (
        args("--model=s3://b/m") + env(AWS_ENDPOINT_URL="http://minio.store:9000"),
        [("s3://b/m", "minio.store", 9000)],
    ),
    "a simulator": ("      image: ghcr.io/llm-d/llm-d-inference-sim:v1\n" + args("--model", MODEL), []),
    "a URL": (args("--model=https://weights.org:8443/m"), [("https://weights.org:8443/m", "weights.org", 8443)]),
}


@pytest.mark.parametrize("container, expected", FETCHED.values(), ids=FETCHED)
def test_downloads(container: str, expected: list[tuple[str | None, str | None, int]]) -> None:
    assert [(d.model, d.host, d.port) for d in found(container)] == expected


def test_the_place_is_the_argument_or_the_variable() -> None:
    argument = "      args:\n        - --model\n        - org/name\n"
    variable = "      env:\n        - name: MODEL_ID\n          value: org/name\n"
    token = "      env:\n        - name: HF_TOKEN\n          valueFrom: {}\n"
    places = [line_of(download.location) for text in (argument, variable, token) for download in found(text)]
    assert places == [["- org/name"], ["value: org/name"], ["- name: HF_TOKEN"]]


@pytest.mark.parametrize("restart, early", [("Never", True), ("Always", False)])
def test_init_containers_fetch_early(restart: str, early: bool) -> None:
    init = f"  initContainers: [{{name: i, restartPolicy: {restart}, args: [--model=org/name]}}]\n"
    assert [download.early for download in found("      image: c\n", init)] == [early]


@pytest.mark.parametrize(
    ("kind", "spec", "expected"),
    [
        ("InferenceService", "{predictor: {model: {storageUri: 'hf://org/m'}}}", [("hf://org/m", None)]),
        (
            "InferenceService",
            "{predictor: {sklearn: {storageUri: 'gs://b/m'}}}",
            [("gs://b/m", "storage.googleapis.com")],
        ),
        ("InferenceService", "{predictor: {model: {storageUri: 'pvc://v/m'}}}", []),
        ("LLMInferenceService", "{model: {uri: 'hf://org/m'}, template: {containers: []}}", [("hf://org/m", None)]),
        ("LLMInferenceService", "{model: {uri: 'hf://org/m'}}", [("hf://org/m", None)]),
        (
            "LLMInferenceService",
            "{model: {uri: 'hf://org/m'}, storageInitializer: {enabled: false}, template: {containers: []}}",
            [],
        ),
    ],
)
def test_kserve_fetches_early(kind: str, spec: str, expected: list[tuple[str, str | None]]) -> None:
    (pod,) = mesh_of(f"{kind} a/p\nspec: {spec}\n").inventory.pods
    assert [(d.model, d.host, d.early) for d in downloads(pod)] == [(*entry, True) for entry in expected]


CACHES = {
    "none": ("", "", False),
    "a claim": ("/root/.cache/huggingface", "persistentVolumeClaim: {claimName: c}", True),
    "a volume of the StatefulSet": ("/root/.cache/huggingface", "", True),
    "as long as the pod": ("/root/.cache/huggingface", "emptyDir: {}", False),
    "a claim of the pod": ("/root/.cache", "ephemeral: {}", False),
    "elsewhere": ("/logs", "persistentVolumeClaim: {claimName: c}", False),
    "where a variable says": ("/store", "persistentVolumeClaim: {claimName: c}", True),
}


@pytest.mark.parametrize("path, volume, doubtful", CACHES.values(), ids=CACHES)
def test_a_cache_may_hold_the_model(path: str, volume: str, doubtful: bool) -> None:
    container = args("--model=org/name") + env(HF_HOME="/store/hub")
    mounts = f"      volumeMounts: [{{name: v, mountPath: {path}}}]\n" if path else ""
    (download,) = found(container + mounts, f"  volumes: [{{name: v, {volume}}}]\n" if volume else "")
    assert bool(download.doubt) is doubtful


def policy(egress: str, selector: str = "{}", name: str = "net") -> str:
    return (
        f"---\nNetworkPolicy shop/{name}\nspec: {{podSelector: {selector}, policyTypes: [Egress], egress: {egress}}}\n"
    )


CLOSED = {
    "none": ("", False),
    "nothing may leave": (policy("[]"), True),
    "the cluster": (policy("[{to: [{namespaceSelector: {}}]}]"), True),
    "private addresses": (policy("[{to: [{ipBlock: {cidr: 10.0.0.0/8}}]}]"), True),
    "public addresses": (policy("[{to: [{ipBlock: {cidr: 1.2.0.0/16}}]}]"), False),
    "every address": (policy("[{to: [{ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8]}}]}]"), False),
    "an address that is not known": (policy('[{to: [{ipBlock: {cidr: "${CIDR}"}}]}]'), False),
    "everything": (policy("[{}]"), False),
    "the port": (policy("[{ports: [{port: 443}]}]"), False),
    "another port": (policy("[{ports: [{port: 80}]}]"), True),
    "a range with it": (policy("[{ports: [{port: 400, endPort: 500}]}]"), False),
    "a range without it": (policy("[{ports: [{port: 500, endPort: 600}]}]"), True),
    "a port of pods": (policy("[{ports: [{port: https}]}]"), True),
    "UDP": (policy("[{ports: [{port: 443, protocol: UDP}]}]"), True),
    "every TCP port": (policy("[{ports: [{protocol: TCP}]}]"), False),
    "the port to the cluster": (policy("[{ports: [{port: 443}], to: [{podSelector: {}}]}]"), True),
    "two add up": (policy("[]") + policy("[{}]", name="m"), False),
    "other pods": (policy("[]", "{matchLabels: {app: x}}"), False),
}


@pytest.mark.parametrize("text, closed", CLOSED.values(), ids=CLOSED)
def test_network_policies_close_a_port(text: str, closed: bool) -> None:
    policies = NetworkPolicies(mesh_of("Namespace shop\n" + text).inventory)
    assert bool(policies.closes("shop", {"app": "llm"}, 443)) is closed


ONLY = "---\nSidecar shop/default\nspec:\n  outboundTrafficPolicy:\n    mode: REGISTRY_ONLY\n"
ENTRY = "---\nServiceEntry shop/e\nspec: {hosts: [%s], ports: [{number: %s, name: tls, protocol: TLS}]}\n"
ROUTE = "---\nVirtualService shop/v\nspec: {hosts: [a.org], tls: [{route: [{destination: {host: gw}}]}]}\n"
EXCLUDE, INCLUDE = "traffic.sidecar.istio.io/exclude", "traffic.sidecar.istio.io/include"
BARRIERS: dict[str, tuple[str, str, bool, str | None]] = {
    "none": ("", "", False, None),
    "the outbound policy": ("", ONLY, False, "REGISTRY_ONLY"),
    "declared": ("", ONLY + ENTRY % ("a.org", 443), False, None),
    "declared by a wildcard": ("", ONLY + ENTRY % ("'*.org'", 443), False, None),
    "declared on another port": ("", ONLY + ENTRY % ("a.org", 80), False, "REGISTRY_ONLY"),
    "another host": ("", ONLY + ENTRY % ("b.org", 443), False, "REGISTRY_ONLY"),
    "before the proxy": ("", ONLY, True, None),
    "an excluded port": (f"{EXCLUDE}OutboundPorts: '80, 443'", ONLY, False, None),
    "an excluded range": (f"{EXCLUDE}OutboundIPRanges: 0.0.0.0/0", ONLY, False, None),
    "other excluded ones": (
        f"{EXCLUDE}OutboundPorts: '80', {EXCLUDE}OutboundIPRanges: 1.2.3.4/32",
        ONLY,
        False,
        "REGISTRY_ONLY",
    ),
    "only ranges of the cluster": (f"{INCLUDE}OutboundIPRanges: 10.0.0.0/8", ONLY, False, None),
    "every range": (f"{INCLUDE}OutboundIPRanges: '*'", ONLY, False, "REGISTRY_ONLY"),
    "ambient": ("", ONLY + "ambient", False, None),
    "a NetworkPolicy": ("", policy("[]"), False, "NetworkPolicy"),
    "a NetworkPolicy before the proxy": ("", policy("[]"), True, "NetworkPolicy"),
    "a NetworkPolicy, and a gateway in the cluster": ("", policy("[]") + ROUTE, False, None),
}


@pytest.mark.parametrize("annotations, text, unproxied, barrier", BARRIERS.values(), ids=BARRIERS)
def test_barriers(annotations: str, text: str, unproxied: bool, barrier: str | None) -> None:
    label = "istio.io/dataplane-mode: ambient" if text.endswith("ambient") else "sidecar.istio.io/inject: 'true'"
    pod = f"Pod shop/llm {{labels: {{{label}}}, annotations: {{{annotations}}}}}\nspec: {{containers: []}}\n"
    mesh = mesh_of(pod + text.removesuffix("ambient"), istio_version=(1, 26))
    found = mesh.barrier(workload_of(mesh, "shop/llm"), "a.org", 443, early=unproxied)
    assert (found.value if found else None) == barrier


def test_hosts_of_the_cluster_have_no_barrier() -> None:
    mesh = mesh_of("Pod shop/llm {labels: {sidecar.istio.io/inject: 'true'}}\nspec: {containers: []}\n" + ONLY)
    assert mesh.barrier(workload_of(mesh, "shop/llm"), "minio.shop.svc.cluster.local", 9000) is None


@pytest.mark.parametrize(
    ("version", "kubelet", "annotation", "barrier"),
    [
        ((1, 26), None, "", None),
        ((1, 27), None, "", "REGISTRY_ONLY"),
        ((1, 27), "1.32", "", None),
        ((1, 27), "1.33", "", "REGISTRY_ONLY"),
        ((1, 27), None, "sidecar.istio.io/nativeSidecar: 'false'", None),
        ((1, 26), None, "sidecar.istio.io/nativeSidecar: 'true'", "REGISTRY_ONLY"),
    ],
)
def test_native_sidecars_come_before_init_containers(
    version: tuple[int, int], kubelet: str | None, annotation: str, barrier: str | None
) -> None:
    pod = f"Pod shop/llm {{labels: {{sidecar.istio.io/inject: 'true'}}, annotations: {{{annotation}}}}}\nspec: {{containers: []}}\n"
    mesh = mesh_of(pod + ONLY, istio_version=version, kubernetes_version=kubelet)
    found = mesh.barrier(workload_of(mesh, "shop/llm"), "a.org", 443, early=True)
    assert (found.value if found else None) == barrier
