"""What does not change the mesh does not change the findings: how it is cut into files, ordered, written and named."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import pytest
from meshes import WHOLE, manifests, name, report

from meshlint.finding import Finding
from meshlint.source import yaml
from meshlint.source.document import Document, Location, SourceFile, pointer

ROOT_NAMESPACE = "istio-system"

UNRELATED = """\
apiVersion: v1
kind: Namespace
metadata:
  name: aardvark
  labels: {istio-injection: enabled}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: billing, namespace: aardvark}
spec:
  replicas: 2
  selector: {matchLabels: {app: billing}}
  template:
    metadata: {labels: {app: billing}}
    spec:
      containers:
        - name: billing
          image: registry.example.com/office/billing:7
          ports: [{name: http, containerPort: 8080}]
---
apiVersion: v1
kind: Service
metadata: {name: billing, namespace: aardvark}
spec:
  selector: {app: billing}
  ports: [{name: http, port: 80, targetPort: 8080}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: billing, namespace: aardvark}
spec:
  hosts: [billing]
  http:
    - route: [{destination: {host: billing}}]
      timeout: 5s
      retries: {attempts: 2, perTryTimeout: 1s, retryOn: "5xx,reset"}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: billing, namespace: aardvark}
spec:
  host: billing
  trafficPolicy: {connectionPool: {http: {maxRetries: 3}}}
---
apiVersion: v1
kind: Namespace
metadata: {name: zebra}
"""


class Fact(NamedTuple):
    """What must stay of a finding."""

    rule: str
    severity: str
    confidence: str
    resource: str
    path: str


@pytest.fixture(params=WHOLE, ids=name)
def mesh(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


@pytest.fixture
def other(mesh: Path, tmp_path: Path) -> Path:
    """A copy of the mesh, to be written differently."""
    shutil.copytree(mesh, tmp_path / "mesh")
    return tmp_path / "mesh"


def test_one_file_per_document(mesh: Path, other: Path) -> None:
    rewrite(other, ".yaml", lambda document: document.text)
    assert facts(other) == facts(mesh)


def test_all_documents_in_one_file(mesh: Path, other: Path) -> None:
    texts = [body(document) for file in manifests(other) for document in documents(file)]
    for file in manifests(other):
        file.unlink()
    (other / "all.yaml").write_text("\n---\n".join(texts))
    assert facts(other) == facts(mesh)


def test_documents_in_reverse_order(mesh: Path, other: Path) -> None:
    files = manifests(other)
    for number, file in enumerate(files):
        texts = [body(document) for document in reversed(documents(file))]
        file.unlink()
        file.with_name(f"{len(files) - number:03}.yaml").write_text("\n---\n".join(texts))
    assert facts(other) == facts(mesh)


def test_json(mesh: Path, other: Path) -> None:
    rewrite(other, ".json", lambda document: json.dumps(document.data, indent=2, default=str))
    assert facts(other) == facts(mesh)


def test_json_on_one_line(mesh: Path, other: Path) -> None:
    rewrite(other, ".json", lambda document: json.dumps(document.data, default=str))
    assert facts(other) == facts(mesh)


def test_other_names_of_namespaces(mesh: Path, other: Path) -> None:
    names = namespaces(other)
    renamed = {old: f"team-{len(names) - number:02}" for number, old in enumerate(names)}
    token = re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, names))})(?![\w-])")
    for file in other.rglob("*.yaml"):
        file.write_text(token.sub(lambda match: renamed[match[0]], file.read_text()))
    assert facts(other) == facts(mesh, renamed)


def test_unrelated_namespaces(mesh: Path, other: Path) -> None:
    (other / "another-team.yaml").write_text(UNRELATED)
    assert facts(other) == facts(mesh)


def facts(mesh: Path, renamed: Mapping[str, str] = MappingProxyType({})) -> list[Fact]:
    """What is found in a mesh, suppressed or not, since JSON has no comments; namespaces under their other names."""
    found = report(mesh)
    findings = [*found.findings, *(entry.finding for entry in found.suppressed)]
    return sorted(fact(finding, renamed) for finding in findings if finding.rule.category != "suppressions")


def fact(finding: Finding, renamed: Mapping[str, str]) -> Fact:
    """A default of the mesh is reported at the first place of the input, wherever that is."""
    axes = (finding.rule.id, str(finding.severity), str(finding.confidence))
    if finding.cause:
        return Fact(*axes, "", finding.cause)
    assert finding.resource
    _, kind, namespace, name = finding.resource
    name = renamed.get(name, name) if kind == "Namespace" else name
    return Fact(*axes, f"{kind} {renamed.get(namespace, namespace)}/{name}", outer_path(finding))


def outer_path(finding: Finding) -> str:
    """The path as far as the string that holds the rest of it: only a literal block has places inside."""
    assert isinstance(finding.location, Location)
    data, path = finding.location.document.data, finding.location.found
    for depth, step in enumerate(path):
        if isinstance(data, str):
            return pointer(path[:depth])
        data = data[step]
    return pointer(path)


def rewrite(mesh: Path, suffix: str, written: Callable[[Document], str]) -> None:
    """Writes every document of a mesh into a file of its own."""
    for file in manifests(mesh):
        for number, document in enumerate(documents(file)):
            file.with_name(f"{file.stem}-{number:02}{suffix}").write_text(written(document), encoding="utf-8")
        file.unlink()


def body(document: Document) -> str:
    return document.text.removeprefix("---").strip() + "\n"


def documents(file: Path) -> tuple[Document, ...]:
    loaded = yaml.load(SourceFile(file.name, file.read_text(encoding="utf-8"), file))
    assert loaded.failures == ()
    return loaded.documents


def namespaces(mesh: Path) -> list[str]:
    """The namespaces that a mesh declares, but the root namespace, whose name is a setting."""
    data = [document.data for file in manifests(mesh) for document in documents(file)]
    declared = {object["metadata"]["name"] for object in data if object.get("kind") == "Namespace"}
    return sorted(declared - {ROOT_NAMESPACE})
