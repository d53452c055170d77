"""The pods that each kind of owner makes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from meshlint.resource.resource import Resource
from meshlint.resource.workload import pod_templates
from meshlint.source.document import Path

One = Callable[[str], Resource]

TEMPLATE = "{metadata: {labels: {app: cart}, annotations: {a: b}}, spec: {containers: [{name: main, image: cart:1}]}}"


def owner(api_version: str, kind: str, spec: str) -> str:
    return f"apiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: cart, namespace: shop}}\nspec: {spec}\n"


@pytest.mark.parametrize(
    ("api_version", "kind", "spec", "path", "replicas"),
    [
        ("apps/v1", "Deployment", "{replicas: 3, template: %s}", ("spec", "template"), 3),
        ("apps/v1", "Deployment", "{template: %s}", ("spec", "template"), 1),
        ("apps/v1", "Deployment", "{replicas: '${N}', template: %s}", ("spec", "template"), None),
        ("apps/v1", "Deployment", "{replicas: true, template: %s}", ("spec", "template"), None),
        ("apps/v1", "Deployment", "{replicas: 0, template: %s}", ("spec", "template"), 0),
        ("apps/v1", "StatefulSet", "{replicas: 2, template: %s}", ("spec", "template"), 2),
        ("apps/v1", "ReplicaSet", "{replicas: 2, template: %s}", ("spec", "template"), 2),
        ("v1", "ReplicationController", "{replicas: 2, template: %s}", ("spec", "template"), 2),
        ("apps/v1", "DaemonSet", "{replicas: 2, template: %s}", ("spec", "template"), None),
        ("argoproj.io/v1alpha1", "Rollout", "{replicas: 5, template: %s}", ("spec", "template"), 5),
        ("batch/v1", "Job", "{parallelism: 4, template: %s}", ("spec", "template"), 4),
        (
            "batch/v1",
            "CronJob",
            "{jobTemplate: {spec: {template: %s}}}",
            ("spec", "jobTemplate", "spec", "template"),
            1,
        ),
    ],
)
def test_kinds_with_one_template(
    one: One, api_version: str, kind: str, spec: str, path: Path, replicas: int | None
) -> None:
    (pod,) = pod_templates(one(owner(api_version, kind, spec % TEMPLATE)))
    assert str(pod) == "shop/cart"
    assert (pod.path, pod.replicas) == (path, replicas)
    assert (pod.labels, pod.annotations) == ({"app": "cart"}, {"a": "b"})
    assert list(pod.containers()) == [((*path, "spec", "containers", 0), {"name": "main", "image": "cart:1"})]
    assert pod.resource.get(*pod.path, "metadata", "labels", "app") == "cart"


def test_pod(one: One) -> None:
    text = "apiVersion: v1\nkind: Pod\nmetadata: {name: a, labels: {app: x}}\nspec: {containers: [{name: main}]}\n"
    (pod,) = pod_templates(one(text))
    assert str(pod) == "(unset)/a"
    assert (pod.path, pod.replicas, pod.labels) == ((), 1, {"app": "x"})
    assert [path for path, _ in pod.containers()] == [("spec", "containers", 0)]


@pytest.mark.parametrize(
    "text",
    [
        owner("argoproj.io/v1alpha1", "Rollout", "{workloadRef: {kind: Deployment, name: cart}}"),
        owner("apps/v1", "Deployment", "{replicas: 1}"),
        owner("apps/v1", "Deployment", "{template: {metadata: {}}}"),
        owner("apps/v1", "Deployment", "text"),
        owner("v1", "Service", "{template: {spec: {}}}"),
        owner("serving.kserve.io/v1beta1", "InferenceService", "{}"),
        owner("ray.io/v1", "RayCluster", "{workerGroupSpecs: [text, {}]}"),
    ],
)
def test_objects_without_pods(one: One, text: str) -> None:
    assert list(pod_templates(one(text))) == []


def test_containers_and_what_is_none(one: One) -> None:
    spec = "{template: {spec: {initContainers: [{name: a, restartPolicy: Always}], containers: [text, {name: b}]}}}"
    (pod,) = pod_templates(one(owner("apps/v1", "Deployment", spec)))
    base = ("spec", "template", "spec")
    assert list(pod.containers()) == [
        ((*base, "initContainers", 0), {"name": "a", "restartPolicy": "Always"}),
        ((*base, "containers", 1), {"name": "b"}),
    ]
    assert (pod.labels, pod.annotations) == ({}, {})


def test_labels_that_are_not_known_are_left_out(one: One) -> None:
    spec = "{template: {metadata: {labels: {app: '${APP}', tier: web, port: 80}}, spec: {}}}"
    (pod,) = pod_templates(one(owner("apps/v1", "Deployment", spec)))
    assert pod.labels == {"tier": "web"}


def summary(resource: Resource) -> list[tuple[str, Path, int | None, list[Path]]]:
    return [(p.name, p.path, p.replicas, [path for path, _ in p.containers()]) for p in pod_templates(resource)]


def labels(resource: Resource) -> dict[str, Any]:
    return {pod.name: pod.labels for pod in pod_templates(resource)}


def test_knative_service(one: One) -> None:
    service = one(owner("serving.knative.dev/v1", "Service", f"{{template: {TEMPLATE}}}"))
    assert summary(service) == [
        ("cart", ("spec", "template"), None, [("spec", "template", "spec", "containers", 0)]),
    ]
    assert labels(service) == {"cart": {"app": "cart", "serving.knative.dev/service": "cart"}}


def test_kserve_inference_service(one: One) -> None:
    service = one("""
        apiVersion: serving.kserve.io/v1beta1
        kind: InferenceService
        metadata: {name: llama, namespace: ai, labels: {team: a}, annotations: {sidecar.istio.io/inject: "true"}}
        spec:
          predictor:
            minReplicas: 2
            labels: {tier: gpu}
            serviceAccountName: models
            model: {modelFormat: {name: huggingface}, args: [--model_name=llama]}
            containers: [{name: extra}]
          transformer:
            containers: [{name: kserve-container, image: t:1}]
        """)
    assert summary(service) == [
        ("llama-predictor", (), 2, [("spec", "predictor", "containers", 0), ("spec", "predictor", "model")]),
        ("llama-transformer", (), 1, [("spec", "transformer", "containers", 0)]),
    ]
    predictor, transformer = pod_templates(service)
    owned = {"team": "a", "serving.kserve.io/inferenceservice": "llama"}
    assert predictor.labels == {**owned, "tier": "gpu", "app": "isvc.llama-predictor", "component": "predictor"}
    assert transformer.labels == {**owned, "app": "isvc.llama-transformer", "component": "transformer"}
    assert predictor.annotations == {"sidecar.istio.io/inject": "true"}
    assert service.at(*predictor.path, "metadata", "labels", "team").span.start_line == 4


def test_kserve_framework_is_a_container(one: One) -> None:
    service = one(
        owner("serving.kserve.io/v1beta1", "InferenceService", "{predictor: {sklearn: {storageUri: s3://m}}}")
    )
    (pod,) = pod_templates(service)
    assert list(pod.containers()) == [(("spec", "predictor", "sklearn"), {"storageUri": "s3://m"})]


def test_llm_inference_service(one: One) -> None:
    spec = """{
      replicas: 2, template: {containers: [{name: main}]}, worker: {containers: [{name: main}]},
      prefill: {worker: {containers: [{name: main}]}},
      router: {scheduler: {template: {containers: [{name: epp}]}}}}"""
    service = one(owner("serving.kserve.io/v1alpha1", "LLMInferenceService", spec))
    assert summary(service) == [
        ("cart", (), 2, [("spec", "template", "containers", 0)]),
        ("cart-worker", (), None, [("spec", "worker", "containers", 0)]),
        ("cart-prefill-worker", (), None, [("spec", "prefill", "worker", "containers", 0)]),
    ]
    owned = {"app.kubernetes.io/name": "cart", "app.kubernetes.io/part-of": "llminferenceservice"}
    answering = {**owned, "kserve.io/component": "workload"}
    assert labels(service) == {"cart": answering, "cart-worker": owned, "cart-prefill-worker": answering}


def test_llm_inference_service_without_a_pod_spec(one: One) -> None:
    """Its controller has one: the object says the model and no more."""
    spec = "{replicas: 2, model: {uri: hf://org/m}, prefill: {replicas: 1}}"
    service = one(owner("serving.kserve.io/v1alpha1", "LLMInferenceService", spec))
    assert summary(service) == [("cart", (), 2, []), ("cart-prefill", (), 1, [])]
    assert {pod.spec_path for pod in pod_templates(service)} == {("spec", "template"), ("spec", "prefill", "template")}
    assert set(labels(service)["cart"]) == {
        "app.kubernetes.io/name",
        "app.kubernetes.io/part-of",
        "kserve.io/component",
    }


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (
            "{replicas: 3, leaderWorkerTemplate: {size: 4, leaderTemplate: %s, workerTemplate: %s}}",
            [("cart", "leaderTemplate", 3), ("cart-worker", "workerTemplate", 9)],
        ),
        ("{replicas: 3, leaderWorkerTemplate: {size: 4, workerTemplate: %s}}", [("cart", "workerTemplate", 12)]),
        ("{leaderWorkerTemplate: {workerTemplate: %s}}", [("cart", "workerTemplate", 1)]),
        ("{leaderWorkerTemplate: {size: '${N}', workerTemplate: %s}}", [("cart", "workerTemplate", None)]),
    ],
)
def test_leader_worker_set(one: One, spec: str, expected: list[tuple[str, str, int | None]]) -> None:
    resource = one(owner("leaderworkerset.x-k8s.io/v1", "LeaderWorkerSet", spec.replace("%s", TEMPLATE)))
    base = ("spec", "leaderWorkerTemplate")
    assert summary(resource) == [
        (name, (*base, field), replicas, [(*base, field, "spec", "containers", 0)])
        for name, field, replicas in expected
    ]
    for pod in pod_templates(resource):
        assert pod.labels == {"app": "cart", "leaderworkerset.sigs.k8s.io/name": "cart"}


@pytest.mark.parametrize(
    ("kind", "base"),
    [
        ("RayCluster", ("spec",)),
        ("RayService", ("spec", "rayClusterConfig")),
        ("RayJob", ("spec", "rayClusterSpec")),
    ],
)
def test_ray(one: One, kind: str, base: Path) -> None:
    cluster = (
        f"{{headGroupSpec: {{template: {TEMPLATE}}}, workerGroupSpecs: ["
        f"{{groupName: gpu, replicas: 4, template: {TEMPLATE}}}, {{template: {TEMPLATE}}}]}}"
    )
    resource = one(owner("ray.io/v1", kind, cluster if len(base) == 1 else f"{{{base[1]}: {cluster}}}"))
    head, gpu, other = (*base, "headGroupSpec"), (*base, "workerGroupSpecs", 0), (*base, "workerGroupSpecs", 1)
    assert summary(resource) == [
        ("cart-head", (*head, "template"), 1, [(*head, "template", "spec", "containers", 0)]),
        ("cart-worker-gpu", (*gpu, "template"), 4, [(*gpu, "template", "spec", "containers", 0)]),
        ("cart-worker-1", (*other, "template"), None, [(*other, "template", "spec", "containers", 0)]),
    ]
    assert labels(resource) == {
        "cart-head": {"app": "cart", "ray.io/node-type": "head", "ray.io/group": "headgroup"},
        "cart-worker-gpu": {"app": "cart", "ray.io/node-type": "worker", "ray.io/group": "gpu"},
        "cart-worker-1": {"app": "cart", "ray.io/node-type": "worker"},
    }


def test_seldon_deployment(one: One) -> None:
    spec = f"{{replicas: 2, predictors: [{{name: main, componentSpecs: [{TEMPLATE}]}}, {{replicas: 3}}, text]}}"
    resource = one(owner("machinelearning.seldon.io/v1", "SeldonDeployment", spec))
    path = ("spec", "predictors", 0, "componentSpecs", 0)
    assert summary(resource) == [("cart-main-0", path, 2, [(*path, "spec", "containers", 0)])]
    assert labels(resource) == {"cart-main-0": {"app": "cart", "seldon-deployment-id": "cart"}}
