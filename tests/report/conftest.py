"""Projects to lint, and findings to tell of."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from meshlint import config, pipeline
from meshlint.finding import Audience, Confidence, Finding, ResourceId, RuleInfo, Severity
from meshlint.report import text
from meshlint.report.report import Report
from meshlint.rule import catalog
from meshlint.source import yaml
from meshlint.source.document import Document, Location, SourceFile

ROUTE = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: llm
  namespace: shop
spec:
  hosts: [llm]
  http:
    - match:
        - uri: {prefix: /v1/chat/completions}
      route:
        - destination: {host: llm}
      timeout: 5s
      retries:
        attempts: 3
        retryOn: 5xx
"""
"""Two findings: timeout-cuts-streaming-response at line 13, retry-on-generation-route at line 16."""

MTLS = """\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec:
  mtls:
    mode: PERMISSIVE
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, namespace: shop}
spec:
  selector: {matchLabels: {app: cart}}
  template:
    metadata: {labels: {app: cart, sidecar.istio.io/inject: "true"}}
    spec:
      containers:
        - {name: cart, image: cart, ports: [{containerPort: 8080}]}
"""
"""One finding: port-accepts-plaintext at line 6."""

RULE = RuleInfo(
    "slow-route",
    "timeouts",
    "Route is slow",
    Severity.WARNING,
    Confidence.HIGH,
    Audience.REGULAR,
    ("istio",),
    "message",
    "Make it fast.",
)

EVERYTHING = pipeline.Thresholds(Audience.AUDITOR, Confidence.LOW)

Lint = Callable[..., Report]


@pytest.fixture
def lint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lint:
    """Writes files into the current directory and lints it with everything shown: `lint({"a.yaml": text}, "rule-id")`."""
    monkeypatch.chdir(tmp_path)

    def run(files: Mapping[str, str], *select: str, confidence: Confidence = EVERYTHING.confidence) -> Report:
        for name, content in files.items():
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).write_text(content, encoding="utf-8")
        settings = config.load(["."])
        ids = catalog.chosen(select, ())
        thresholds = EVERYTHING._replace(confidence=confidence)
        return pipeline.check(pipeline.read(["."], settings), settings, thresholds, ids)

    return run


def document(content: str, name: str = "mesh.yaml") -> Document:
    """The first document of a file."""
    return yaml.load(SourceFile(name, content)).documents[0]


def finding(location: Location, message: str = "It is slow.", **changes: Any) -> Finding:
    """A finding of RULE about the VirtualService shop/llm."""
    resource = ResourceId("networking.istio.io/v1", "VirtualService", "shop", "llm")
    found = Finding(RULE, RULE.severity, RULE.confidence, RULE.audience, message, location, resource)
    return found._replace(**changes)


def places(report: Report) -> list[tuple[str, str, int]]:
    """Rule, file and line of what is shown."""
    return [(f.rule.id, f.location.file, f.location.span.start_line) for f in report.findings]


def full(report: Report, *, width: int = 80, color: bool = False, show_suppressed: bool = False) -> str:
    out = io.StringIO()
    text.write_findings(report, text.Printer(out, color=color, width=width), show_suppressed=show_suppressed)
    return out.getvalue()


def summary(report: Report, *, width: int = 80) -> str:
    out = io.StringIO()
    text.write_summary(report, text.Printer(out, color=False, width=width))
    return out.getvalue()
