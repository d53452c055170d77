"""`meshlint facts`."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from program import meshlint

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "schemas/facts.schema.json").read_text(encoding="utf-8"))
MESH = """
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio-injection: enabled}}
---
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: shop}
spec:
  selector: {app: cart}
  ports: [{name: http, port: 80}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, namespace: shop}
spec:
  template:
    metadata: {labels: {app: cart}}
    spec:
      containers: [{name: app, image: app}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: cart, namespace: shop}
spec:
  hosts: [cart]
  http:
  - timeout: TIMEOUT
    route:
    - destination: {host: cart}
"""


@pytest.fixture
def mesh(tmp_path: Path) -> Path:
    file = tmp_path / "mesh.yaml"
    file.write_text(MESH.replace("TIMEOUT", "3s"), encoding="utf-8")
    return file


def timeout(facts: dict[str, object]) -> object:
    routes = facts["routes"]
    assert isinstance(routes, dict)
    (group,) = routes["cart.shop.svc.cluster.local:80"]
    assert group["clients"] == ["shop/cart"]
    return group["value"]["http"][0]["timeout_ms"]


def test_one_mesh(mesh: Path) -> None:
    run = meshlint("facts", str(mesh), cwd=mesh.parent)
    facts = json.loads(run.stdout)
    assert (run.returncode, facts["mesh"], timeout(facts)) == (0, "mesh", 3000)
    jsonschema.validate(facts, SCHEMA)


def test_paths_are_one_mesh_or_one_each(mesh: Path) -> None:
    other = mesh.with_name("other.yaml")
    other.write_text("apiVersion: v1\nkind: Namespace\nmetadata: {name: pay}\n", encoding="utf-8")
    together = json.loads(meshlint("facts", str(mesh), str(other), cwd=mesh.parent).stdout)
    assert together["mesh"] == "mesh"
    lines = meshlint("facts", "--each", str(other), str(mesh), cwd=mesh.parent).stdout.splitlines()
    assert [json.loads(line)["mesh"] for line in lines] == ["other", "mesh"]


@pytest.mark.parametrize(("admit", "found"), [("drop", 0), ("keep", 0)])
def test_what_admission_refuses_is_left_out(mesh: Path, admit: str, found: int) -> None:
    """A timeout of 0s is refused by the CRD and by the webhook; Envoy would read it as no limit."""
    mesh.write_text(MESH.replace("TIMEOUT", "0s"), encoding="utf-8")
    facts = json.loads(meshlint("facts", "--admit", admit, str(mesh), cwd=mesh.parent).stdout)
    verdict = facts["admission"]["VirtualService shop/cart"]
    assert (verdict["rejected"], verdict["by"]) == (True, ["crd", "webhook"])
    (group,) = facts["routes"]["cart.shop.svc.cluster.local:80"]
    assert group["value"]["http"][0]["virtual_service"] == ("shop/cart" if admit == "keep" else None)
    assert timeout(facts) == found


@pytest.mark.parametrize(
    ("balancer", "policy"),
    [
        ("consistentHash: {useSourceIp: true}\n      simple: RANDOM", "RING_HASH"),
        ("consistentHash: {useSourceIp: true, maglev: {}, ringHash: {}}", "MAGLEV"),
    ],
)
def test_of_alternatives_the_last_of_the_api_is_taken(mesh: Path, balancer: str, policy: str) -> None:
    """Admission refuses two alternatives; what is stored all the same istiod reads in the order of its API."""
    rule = f"spec:\n  host: cart\n  trafficPolicy:\n    loadBalancer:\n      {balancer}\n"
    rule = (
        f"apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: cart, namespace: shop}}\n{rule}"
    )
    mesh.write_text(f"{MESH.replace('TIMEOUT', '3s')}---\n{rule}", encoding="utf-8")
    facts = json.loads(meshlint("facts", "--admit", "keep", str(mesh), cwd=mesh.parent).stdout)
    assert facts["admission"]["DestinationRule shop/cart"]["rejected"]
    (group,) = facts["destinations"]["cart.shop.svc.cluster.local|80|"]
    assert group["value"]["lb"]["policy"] == policy


def test_what_is_not_known_is_said(mesh: Path) -> None:
    mesh.write_text(MESH.replace("TIMEOUT", "${TIMEOUT}"), encoding="utf-8")
    facts = json.loads(meshlint("facts", str(mesh), cwd=mesh.parent).stdout)
    assert timeout(facts) == {"unknown": "the timeout ${TIMEOUT} is not known here"}
    jsonschema.validate(facts, SCHEMA)


def test_a_destination_that_is_not_known_is_no_guess(mesh: Path) -> None:
    text = MESH.replace("TIMEOUT", "3s").replace("{host: cart}", '{host: "${HOST}", port: {number: "${PORT}"}}')
    mesh.write_text(text, encoding="utf-8")
    facts = json.loads(meshlint("facts", str(mesh), cwd=mesh.parent).stdout)
    (group,) = facts["routes"]["cart.shop.svc.cluster.local:80"]
    (target,) = group["value"]["http"][0]["to"]
    assert target["host"] == {"unknown": "${HOST} is not known here"}
    assert target["port"] == {"unknown": "the port is not known here"}
    jsonschema.validate(facts, SCHEMA)


def test_a_file_that_cannot_be_read_is_named_and_the_rest_is_told(mesh: Path) -> None:
    mesh.with_name("bad.yaml").write_text("kind: [", encoding="utf-8")
    run = meshlint("facts", str(mesh.parent), cwd=mesh.parent)
    assert run.returncode == 3
    assert "meshlint: not read: " in run.stderr and "bad.yaml:2" in run.stderr
    assert timeout(json.loads(run.stdout)) == 3000
