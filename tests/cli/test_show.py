"""`meshlint show`: the effective policy with its reasons."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from program import meshlint

MESH = """\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec:
  mtls:
    mode: STRICT
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: llm, namespace: shop}
spec:
  selector: {matchLabels: {app: llm}}
  template:
    metadata: {labels: {app: llm, sidecar.istio.io/inject: "true"}}
    spec:
      containers:
        - name: llm
          image: vllm/vllm-openai:v0.9.1
          ports: [{name: http, containerPort: 8000}]
---
apiVersion: v1
kind: Service
metadata: {name: llm, namespace: shop}
spec:
  selector: {app: llm}
  ports: [{name: http, port: 80, targetPort: 8000}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: llm, namespace: shop}
spec:
  hosts: [llm]
  http:
    - name: chat
      route: [{destination: {host: llm}}]
      timeout: 90s
      retries: {attempts: 2, retryOn: "5xx,reset", perTryTimeout: 1500ms}
    - route: [{destination: {host: llm}}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: llm, namespace: shop}
spec:
  host: llm
  trafficPolicy: {loadBalancer: {simple: RANDOM}}
"""


@pytest.fixture
def mesh(tmp_path: Path) -> Path:
    (tmp_path / "mesh.yaml").write_text(MESH)
    return tmp_path


def table(mesh: Path, what: str) -> list[str]:
    run = meshlint("show", what, "mesh.yaml", cwd=mesh)
    assert (run.returncode, run.stderr) == (0, "")
    return run.stdout.splitlines()


def rows(mesh: Path, what: str) -> list[dict[str, Any]]:
    run = meshlint("show", what, "--format", "json", "mesh.yaml", cwd=mesh)
    assert run.returncode == 0, run.stderr
    (variant,) = json.loads(run.stdout)
    found: list[dict[str, Any]] = variant[what]
    return found


def test_ports(mesh: Path) -> None:
    assert table(mesh, "ports") == [
        "PORTS          MTLS    PROXY",
        "shop/llm:8000  STRICT  sidecar",
        "    mtls: Istio's default is PERMISSIVE",
        "    mtls: PeerAuthentication shop/default sets STRICT for namespace shop  mesh.yaml:6",
        "    proxy: the pod says sidecar.istio.io/inject: true  mesh.yaml:14",
    ]
    (port,) = rows(mesh, "ports")
    assert (port["workload"], port["port"], port["services"]) == ("shop/llm", 8000, ["shop/llm:80"])
    assert port["mtls"]["value"] == "STRICT"
    assert port["mtls"]["because"][-1]["location"] == {"file": "mesh.yaml", "line": 6, "path": "spec.mtls.mode"}
    assert [reason["basis"] for reason in port["mtls"]["because"]] == ["default", "declared"]


def test_routes(mesh: Path) -> None:
    lines = table(mesh, "routes")
    assert lines[0].split() == ["ROUTES", "TIMEOUT", "ATTEMPTS", "RETRYON", "PERTRYTIMEOUT", "GENERATION", "PROTOCOL"]
    assert lines[1].split() == ["shop/llm", "http[0]", "(chat)", "90s", "2", "5xx,reset", "1.5s", "yes", "http"]
    assert "    timeout: the route sets timeout 90s  mesh.yaml:36" in lines
    assert "    generation: image vllm/vllm-openai:v0.9.1 is a model server  mesh.yaml:18" in lines
    chat, other = rows(mesh, "routes")
    assert (chat["timeout"]["value"], chat["perTryTimeout"]["value"]) == (90_000, 1500)
    assert chat["retryOn"]["value"] == ["5xx", "reset"]
    assert (other["timeout"]["value"], other["attempts"]["value"]) == (None, 2)
    assert other["attempts"]["because"][0]["text"] == "a route without retries gets Istio's 2 default retries"


def test_hosts(mesh: Path) -> None:
    assert table(mesh, "hosts") == [
        "HOSTS                       VIRTUALSERVICE  DESTINATIONRULE",
        "llm.shop.svc.cluster.local  shop/llm        shop/llm",
        "    for clients in shop, (any other)",
        "    virtualService: VirtualService shop/llm, exported to all  mesh.yaml:32",
        "    destinationRule: DestinationRule llm, in the client's own namespace  mesh.yaml:45",
    ]


def test_egress(mesh: Path) -> None:
    assert table(mesh, "egress") == [
        "EGRESS  POSTURE    NETWORKPOLICY",
        "shop    ALLOW_ANY  -",
        "    posture: Istio's default is ALLOW_ANY",
    ]
    (egress,) = rows(mesh, "egress")
    assert (egress["namespace"], egress["workloads"]) == ("shop", ["shop/llm"])


def test_candidates_of_a_tie_are_all_shown(mesh: Path) -> None:
    other = MESH.split("---\n")[-1].replace("name: llm,", "name: other,").replace("RANDOM", "ROUND_ROBIN")
    (mesh / "mesh.yaml").write_text(MESH + "---\n" + other)
    (row, *_) = rows(mesh, "hosts")
    assert row["destinationRule"]["candidates"] == ["shop/llm + shop/other", "shop/other + shop/llm"]
    assert "  shop/llm + shop/other | shop/other + shop/llm" in table(mesh, "hosts")[1]


def test_what_cannot_be_read_is_said_and_the_rest_is_shown(mesh: Path) -> None:
    (mesh / "broken.yaml").write_text("a: [\n")
    run = meshlint("show", "ports", ".", cwd=mesh)
    assert run.returncode == 3
    assert "meshlint: not read: broken.yaml:2: not YAML" in run.stderr
    assert "shop/llm:8000  STRICT  sidecar" in run.stdout


def test_variants_are_shown_apart(mesh: Path) -> None:
    for name, mode in (("prod", "STRICT"), ("dev", "DISABLE")):
        (mesh / name).mkdir()
        policy = MESH.split("---\n")[0].replace("STRICT", mode).replace("default", "llm")
        (mesh / name / "policy.yaml").write_text(policy)
    (mesh / "mesh.yaml").write_text(MESH.partition("---\n")[2])
    lines = meshlint("show", "ports", ".", cwd=mesh).stdout.splitlines()
    shown = [line for line in lines if line.startswith(("#", "shop"))]
    assert shown == [
        "# variant dev",
        "shop/llm:8000  DISABLE  sidecar",
        "# variant prod",
        "shop/llm:8000  STRICT  sidecar",
    ]
