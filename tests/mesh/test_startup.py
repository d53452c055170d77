"""Which calls an application makes as it starts, and whether they go through its proxy."""

from __future__ import annotations

import pytest

from meshlint.mesh.istio.injection import captures_calls_to
from meshlint.mesh.startup import calls, first_calls, loads_locally
from meshlint.resource.workload import PodTemplate

from .conftest import line_of, mesh_of


def pod(container: str, more: str = "", annotations: str = "", kind: str = "Pod") -> PodTemplate:
    text = f"""
{kind} shop/cart {{annotations: {{{annotations}}}}}
spec:
  {more}
  containers:
  - name: istio-proxy
    image: auto
    env: [{{name: HF_TOKEN, value: proxy}}]
  - name: app
{container}
"""
    (found,) = mesh_of(text).inventory.pods
    return found


def environment(*entries: str) -> str:
    return "    env:\n" + "\n".join(f"    - {{{entry}}}" for entry in entries)


def arguments(*words: str, field: str = "args") -> str:
    return f"    {field}:\n" + "\n".join(f"    - {word}" for word in words)


SECRET = "valueFrom: {secretKeyRef: {name: s, key: k}}"
CALLS = {
    "a token of the hub": (environment(f"name: HF_TOKEN, {SECRET}"), [("HF_TOKEN", 443)]),
    "another name of it": (environment("name: HUGGING_FACE_HUB_TOKEN, value: x"), [("HUGGING_FACE_HUB_TOKEN", 443)]),
    "a model of the hub": (arguments("--model=org/name-7B"), [("--model org/name-7B", 443)]),
    "as a word of its own": (arguments("--model-id", "org/name"), [("--model-id org/name", 443)]),
    "in a shell": (
        arguments("sh", "-c", "vllm serve org/name --port 80", field="command"),
        [("--model org/name", 443)],
    ),
    "of an option of another name": (arguments("--tokenizer=org/name"), []),
    "a model in the file system": (arguments("--model=/models/llama", "--model-path", "./llama"), []),
    "a model by a variable": (environment("name: MODEL_ID, value: org/name"), [("MODEL_ID org/name", 443)]),
    "a variable that is a path": (environment("name: MODEL_ID, value: /models/a"), []),
    "a bucket": (arguments("--model=s3://bucket/llama"), [("s3://bucket/llama", 443)]),
    "a bucket by a variable": (environment("name: SOURCE, value: 'gs://b/x'"), [("gs://b/x", 443)]),
    "a database": (environment("name: DATABASE_URL, value: 'postgres://u@db.shop:6432/x'"), [("DATABASE_URL", 6432)]),
    "its usual port": (environment("name: CACHE, value: 'redis://cache/0'"), [("CACHE", 6379)]),
    "one beside it in the pod": (
        environment(
            "name: REDIS_URL, value: 'redis://:x@127.0.0.1:6379/0'", "name: DATABASE_URL, value: 'mysql://localhost/x'"
        ),
        [],
    ),
    "a host that only begins like it": (
        environment("name: REDIS_URL, value: 'redis://localhost.shop:6379'"),
        [("REDIS_URL", 6379)],
    ),
    "a database in a secret": (environment(f"name: MONGO_DB_URL, {SECRET}"), [("MONGO_DB_URL", None)]),
    "no database": (environment("name: BASE_URL, value: ''", "name: REDIS_HOST, value: ''"), []),
    "offline": (environment("name: HF_TOKEN, value: x", "name: HF_HUB_OFFLINE, value: '1'"), []),
    "offline, but a database": (
        environment("name: DB, value: 'mysql://db/x'", "name: HF_HUB_OFFLINE, value: 'true'"),
        [("DB", 3306)],
    ),
    "not offline": (environment("name: HF_TOKEN, value: x", "name: HF_HUB_OFFLINE, value: '0'"), [("HF_TOKEN", 443)]),
    "nothing": ("    image: app", []),
}


@pytest.mark.parametrize("container, expected", CALLS.values(), ids=CALLS)
def test_calls(container: str, expected: list[tuple[str, int | None]]) -> None:
    assert [(call.word, call.port) for call in calls(pod(container))] == expected


def test_a_call_is_where_it_is_shown() -> None:
    (call,) = calls(pod(arguments("--port=1", "--model=org/name")))
    assert line_of(call.reason.location) == ["- --model=org/name"]


def test_init_containers_call_before() -> None:
    init = "initContainers: [{name: fetch, args: [--model=org/name]}]"
    assert list(calls(pod("    image: app", init))) == []


@pytest.mark.parametrize(
    ("container", "locally"),
    [
        (arguments("--model=/models/llama"), True),
        (arguments("--model-path", "./llama"), True),
        (environment("name: MODEL_ID, value: /models/llama"), True),
        (environment("name: TRANSFORMERS_OFFLINE, value: '1'"), True),
        (arguments("--model=org/name"), False),
        ("    image: app", False),
    ],
)
def test_loads_locally(container: str, locally: bool) -> None:
    assert loads_locally(pod(container)) is locally


def test_an_init_container_of_kserve_fetches_the_model() -> None:
    (found,) = mesh_of(
        "InferenceService ml/bert\nspec: {predictor: {model: {storageUri: 's3://b/x'}}}\n"
    ).inventory.pods
    assert loads_locally(found)


EXCLUDED = 'annotations: {traffic.sidecar.istio.io/excludeOutboundPorts: "443"}'
SERVER = "{name: app, image: 'vllm/vllm-openai:v1'}"


@pytest.mark.parametrize(
    ("metadata", "container", "expected"),
    [
        ("", "{name: app, args: [--model=org/name]}", ["--model org/name"]),
        (EXCLUDED, "{name: app, args: [--model=org/name]}", []),
        ("", SERVER, ["those of a model server"]),
        (EXCLUDED, SERVER, []),
        ("", SERVER.replace("}", ", args: [--model=/models/a]}"), []),
        ("", "{name: app, image: web}", []),
    ],
)
def test_the_first_calls_through_a_proxy(metadata: str, container: str, expected: list[str]) -> None:
    mesh = mesh_of(f"Pod shop/cart {{{metadata}}}\nspec: {{containers: [{container}]}}\n".replace(" {}", ""))
    (workload,) = mesh.workloads.supplied
    assert [call.word for call in first_calls(workload)] == expected


@pytest.mark.parametrize(
    ("annotations", "port", "captured"),
    [
        ("", 443, True),
        ('traffic.sidecar.istio.io/excludeOutboundPorts: "80, 443"', 443, False),
        ('traffic.sidecar.istio.io/excludeOutboundPorts: "80, 443"', 5432, True),
        ('traffic.sidecar.istio.io/excludeOutboundPorts: "443"', None, True),
        ('traffic.sidecar.istio.io/includeOutboundIPRanges: ""', 443, False),
        ('traffic.sidecar.istio.io/includeOutboundIPRanges: "10.0.0.0/8"', 443, True),
    ],
)
def test_captures_calls_to(annotations: str, port: int | None, captured: bool) -> None:
    assert captures_calls_to(pod("    image: app", annotations=annotations), port) is captured
